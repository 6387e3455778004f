"""T-BRUTE, T-ENUM: who guesses is stopped, nobody learns who has an account, and a visitor sends no more than a form."""

from __future__ import annotations

import datetime as dt

import pytest

from app.models import Attempt, now
from app.services import limits, passwords
from tests import factories as make
from tests.conftest import Tally
from tests.houses import House
from tests.screens import post
from tests.trust.routes import plain
from tests.trust.sign_ins import PASSWORD, account, inside, sign_in

pytestmark = pytest.mark.t_brute


def fail(house: House, name: str, times: int, address: str = "192.0.2.1") -> list[int]:
    """Wrong passwords; the statuses."""
    visitor = house.visitor()
    return [
        sign_in(house, name, "not the password", visitor, environ_overrides={"REMOTE_ADDR": address})[1].status_code
        for _ in range(times)
    ]


def test_after_ten_failures_an_account_is_closed_for_a_quarter_of_an_hour(house: House) -> None:
    anna, berta = account(house), account(house, "Berta")
    assert fail(house, anna.email, 12) == [422] * 10 + [429] * 2
    right = sign_in(house, anna.email.upper(), environ_overrides={"REMOTE_ADDR": "198.51.100.9"})[1]
    assert right.status_code == 429
    assert inside(sign_in(house, berta.email)[0])
    with house.everything() as session:
        table = Attempt.__table__
        session.connection(execution_options={"writes": True})
        session.execute(table.update().values(at=now() - dt.timedelta(minutes=16)))
        session.commit()
    assert inside(sign_in(house, anna.email)[0])


def test_the_limit_of_an_account_counts_its_name_and_its_address_together(house: House) -> None:
    anna = account(house, username="anna-by-name")
    fail(house, anna.email, 5)
    fail(house, "anna-by-name", 5)
    assert sign_in(house, anna.email)[1].status_code == 429


def test_after_fifty_failures_an_address_is_closed_whatever_it_claims_to_be(house: House) -> None:
    anna = account(house)
    for n in range(5):
        fail(house, f"nobody-{n}@people.example", 10, "192.0.2.7")
    claimed = {"X-Forwarded-For": "198.51.100.1", "Forwarded": "for=198.51.100.1", "X-Real-IP": "198.51.100.1"}
    closed = sign_in(house, anna.email, environ_overrides={"REMOTE_ADDR": "192.0.2.7"}, headers=claimed)[1]
    assert closed.status_code == 429
    assert inside(sign_in(house, anna.email, environ_overrides={"REMOTE_ADDR": "192.0.2.8"})[0])


def test_success_forgets_the_failures_of_the_account(house: House) -> None:
    anna = account(house)
    fail(house, anna.email, 9)
    assert inside(sign_in(house, anna.email)[0])
    assert fail(house, anna.email, 1) == [422]


@pytest.mark.t_enum
def test_nobody_learns_whether_an_account_exists(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    anna = account(house)
    locked = account(house, "Locked", disabled_at=now())
    with house.system():
        unset = make.person("Unset").email
    hashes: list[str] = []
    real = passwords.fits
    monkeypatch.setattr(passwords, "fits", lambda password, known: hashes.append(known) or real(password, known))
    answers = set()
    for name, password in [
        ("nobody.at.all@people.example", PASSWORD),
        (anna.email, "not the password"),
        (locked.email, PASSWORD),
        (unset, ""),
        (unset, PASSWORD),
    ]:
        visitor, answer = sign_in(house, name, password or "x")
        assert not inside(visitor)
        status, headers, body = plain(answer, name)
        answers.add((status, tuple(h for h in headers if h[0] != "Content-Length"), body))
    assert len(answers) == 1
    assert len(hashes) == 5
    assert len({known[:30] for known in hashes}) == 1


@pytest.mark.t_enum
def test_a_limited_account_is_not_told_from_a_limited_name_of_nobody(house: House) -> None:
    anna = account(house)
    known, unknown = fail(house, anna.email, 11), fail(house, "nobody@people.example", 11, "192.0.2.2")
    assert known == unknown


@pytest.mark.t_enum
def test_where_somebody_is_known_a_limited_account_is_not_told_from_nobodys_either(house: House) -> None:
    anna = account(house)
    assert inside(sign_in(house, anna.email, environ_overrides={"REMOTE_ADDR": "192.0.2.3"})[0])
    for name in (anna.email, "nobody@people.example"):
        fail(house, name, 10, "198.51.100.4")
    assert [fail(house, name, 1, "192.0.2.3") for name in (anna.email, "nobody@people.example")] == [[429], [429]]
    assert inside(sign_in(house, anna.email, environ_overrides={"REMOTE_ADDR": "192.0.2.3"})[0])


def test_all_addresses_of_one_connection_count_together(house: House) -> None:
    anna = account(house)
    assert inside(sign_in(house, anna.email, environ_overrides={"REMOTE_ADDR": "2001:db8:1:2::1"})[0])
    for n in range(50):
        fail(house, f"nobody-{n}@people.example", 1, f"2001:db8:1:2::{n + 2:x}")
    assert fail(house, "one.more@people.example", 1, "2001:db8:1:2:ffff::1") == [429]
    assert fail(house, "one.more@people.example", 1, "2001:db8:1:3::1") == [422]
    for n in range(10):
        fail(house, anna.email, 1, f"2001:db8:9:{n:x}::1")
    assert sign_in(house, anna.email, environ_overrides={"REMOTE_ADDR": "2001:db8:9:ff::1"})[1].status_code == 429
    with house.everything() as session:
        session.connection(execution_options={"writes": True})
        session.execute(Attempt.__table__.delete().where(Attempt.subject == limits.Limits.of("", HOME).address))
        session.commit()
    assert inside(sign_in(house, anna.email, environ_overrides={"REMOTE_ADDR": "2001:db8:1:2::77"})[0])


HOME = "2001:db8:1:2::1"


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:DB8:0:0:9::1", "2001:db8::/64"),
        ("", ""),
        ("unix", "unix"),
    ],
)
def test_an_address_counts_as_the_place_it_is_of(address: str, place: str) -> None:
    assert limits.place_of(address) == place


def test_in_a_storm_of_logins_nobody_waits_long_for_their_turn(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    anna = account(house)
    monkeypatch.setattr(passwords, "TURN_SECONDS", 0.05)
    with passwords._hashing, passwords._hashing:
        stormy = sign_in(house, anna.email)[1]
    assert (stormy.status_code, "Many people are signing in" in stormy.text) == (429, True)
    assert house.value("SELECT count(*) FROM attempt") == 0
    assert inside(sign_in(house, anna.email)[0])


BIG = "x" * 400_000
HUGE = "x" * 600_000


@pytest.mark.parametrize("address", ["/login/", "/link/nothing", "/language/", "/nowhere"])
def test_a_visitor_cannot_send_more_than_a_form(house: House, address: str) -> None:
    visitor = house.visitor()
    statuses = [visitor.post(address, data={"name": sent}).status_code for sent in (BIG, HUGE)]
    assert statuses[0] != 413
    assert statuses[1] == 413
    answer = post(visitor, address, {}, (HUGE.encode(), "a.pdf"))
    assert (answer.status_code, "Sign in and send it again." in answer.text) == (413, True)


def test_who_has_signed_in_may_send_a_scan_that_a_visitor_may_not(house: House) -> None:
    anna = account(house)
    client = house.client_for(anna.id)
    answer = post(client, "/consents/nothing/archive", {"csrf_token": client.csrf}, (HUGE.encode(), "a.pdf"))
    assert answer.status_code == 403


def test_every_login_path_leaves_one_entry(house: House, tally: Tally) -> None:
    anna = account(house)
    visitor, _answer = sign_in(house, anna.email)
    visitor.post("/logout/")
    fail(house, anna.email, 1)
    found = house.rows("SELECT act, outcome, actor_id FROM audit_entry ORDER BY seq")
    wanted = [("login.start", "done", anna.id), ("login.end", "done", anna.id), ("login.start", "refused", anna.id)]
    tally.check([tuple(row) for row in found] == wanted, str(found))
