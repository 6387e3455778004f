"""People of CPMS 1 from a file: all of it or nothing, and the same file twice changes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from app.models import LoginIdentity, db, now
from app.services import imports
from tests import factories as make

HEAD = "email,first_name,last_name,hospital,network,centre,country,job_title"


@pytest.fixture
def houses_(house: Any) -> Any:
    with house.system():
        greece, germany = make.country("GR"), make.country("DE")
        network = make.network("ERN ONE")
        make.centre(make.hospital("Home", greece), network, name="Unit A")
        twin = make.hospital("Twin", greece)
        make.centre(twin, network, name="Unit A")
        make.centre(twin, network, name="Unit B")
        make.centre(make.hospital("Twin", germany), network, name="Unit A")
        gone = make.hospital("Gone", greece)
        make.centre(gone, network)
        gone.ended_at = now()
        make.person("known", email="known@people.example", username="known@people.example")
        db.session.commit()
    return house


def file(*lines: str, head: str = HEAD) -> bytes:
    return "\n".join([head, *lines]).encode()


GOOD = (
    "New.Person@people.example,New,Person,Home,ERN ONE,,,Consultant",
    "new.person@people.example,New,Person,twin,ern-one,unit b,gr,",
    "known@people.example,Other,Name,Home,ERN ONE,Unit A,GR,",
    ",,,,,,,",
)


def counts(house: Any) -> tuple[int, int]:
    return house.value("SELECT count(*) FROM ab_user"), house.value("SELECT count(*) FROM membership")


def test_a_file_makes_accounts_and_memberships_once(houses_: Any) -> None:
    with houses_.app.app_context():
        assert imports.take(file(*GOOD)) == (1, 3, 0)
        assert imports.take(b"\xef\xbb\xbf" + file(*GOOD).replace(b",", b";")) == (0, 0, 3)
    assert counts(houses_) == (2, 3)
    row = houses_.rows("SELECT first_name, job_title, country_code, password FROM ab_user ORDER BY id DESC LIMIT 1")
    assert [tuple(one) for one in row] == [("New", "Consultant", "GR", None)]
    acts = houses_.rows("SELECT act, count(*) FROM audit_entry GROUP BY act ORDER BY act")
    assert [tuple(one) for one in acts] == [("membership.import", 3), ("person.import", 1)]


def test_who_left_since_does_not_come_back_with_an_old_file(houses_: Any) -> None:
    with houses_.app.app_context():
        imports.take(file(GOOD[0]))
    with houses_.system():
        db.session.connection().exec_driver_sql("UPDATE membership SET to_on = from_on, end_reason = 'left'")
        db.session.commit()
    with houses_.app.app_context():
        assert imports.take(file(GOOD[0])) == (0, 0, 1)


@pytest.mark.parametrize(
    ("content", "faults"),
    [
        (file("no address,N,P,Home,ERN ONE,,,"), ["line 2: 'no address' is not an e-mail address"]),
        (file(GOOD[0], "x@people.example,,P,Home,ERN ONE,,,"), ["line 3: first_name is empty"]),
        (
            file("x@people.example,N,P,Nowhere,ERN ONE,,,"),
            ["line 2: no centre that takes part: 'Nowhere', 'ERN ONE', '', ''"],
        ),
        (
            file("x@people.example,N,P,Gone,ERN ONE,,,"),
            ["line 2: no centre that takes part: 'Gone', 'ERN ONE', '', ''"],
        ),
        (
            file("x@people.example,N,P,Twin,ERN ONE,Unit A,,"),
            ["line 2: 'Twin' has several centres in 'ERN ONE': name the centre, or the country"],
        ),
        (
            file(GOOD[0], GOOD[0].replace("Person,Home", "Else,Home")),
            ["line 3: this address has another name in line 2"],
        ),
        (file("x@people.example,N"), ["line 2: 2 cells, and the first line names 8"]),
        (
            file(head="email,name"),
            [f"line 1: the column {name} is missing" for name in imports.NEEDED[1:]]
            + ["line 1: there is no column 'name'"],
        ),
        (b"\xff\xfe", ["the file is not UTF-8: save it again as “CSV UTF-8”"]),
        (b"", [f"line 1: the column {name} is missing" for name in imports.NEEDED]),
        (file(f"x@people.example,{'N' * 65},P,Home,ERN ONE,,,"), ["line 2: first_name has more than 64 characters"]),
        (b"email\0", ["the file is no text: save it as “CSV UTF-8”"]),
    ],
)
def test_a_faulty_file_is_told_line_by_line_and_writes_nothing(houses_: Any, content: bytes, faults: list[str]) -> None:
    with houses_.app.app_context(), pytest.raises(imports.Faulty) as refused:
        imports.take(content)
    assert refused.value.faults == faults
    assert counts(houses_) == (1, 0)


def test_an_address_that_is_somebody_elses_by_now_stops_the_file(houses_: Any) -> None:
    with houses_.system():
        moved = make.person("Moved", email="moved@people.example")
        known = {"issuer": "https://eu.example", "bound_at": now(), "used_at": now(), "email_verified": True}
        db.session.add(LoginIdentity(person=moved, subject="m", email="elsewhere@people.example", **known))
        make.person("By name", email="by.name@people.example", username="name@people.example")
        db.session.commit()
    rows = [f"{name}@people.example,N,P,Home,ERN ONE,,," for name in ("moved", "Name")]
    with houses_.app.app_context(), pytest.raises(imports.Faulty) as refused:
        imports.take(file(*rows))
    assert refused.value.faults == [
        "line 2: whoever has the account of 'moved@people.example' comes by another address now: correct it first",
        "line 3: somebody else signs in by 'name@people.example' as their user name",
    ]
    assert counts(houses_) == (3, 0)


def test_the_command_says_what_it_made_and_what_is_wrong(houses_: Any, tmp_path: Path) -> None:
    good, bad = tmp_path / "good.csv", tmp_path / "bad.csv"
    good.write_bytes(file(*GOOD))
    bad.write_bytes(file("no address,N,P,Home,ERN ONE,,,"))
    runner = houses_.app.test_cli_runner()
    done, refused = (runner.invoke(args=["people", "import", str(path)]) for path in (good, bad))
    assert (done.exit_code, done.output) == (0, "1 accounts, 3 memberships made; 0 were there already\n")
    assert (refused.exit_code, "1 faults: nothing is written" in refused.output) == (1, True)
