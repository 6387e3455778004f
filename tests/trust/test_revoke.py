"""T-REVOKE: what has ended opens nothing on the next request, in a browser that was open before.

Each address of a record that answered somebody before is asked again after the ending, by GET and by POST; and no page
without a record names what is lost. Endings of an account, for each way to sign in, are ``test_revoke_logins``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from sqlalchemy import or_, select

from app.models import ConsentForm, Grant, Hospital, Mandate, Membership, Patient, db, today
from app.services import departures, people
from app.words import GrantScope
from tests.conftest import Tally
from tests.factories import DAY
from tests.trust.routes import Desk, Record, Route, asks_to_sign_in, digest, plain, records, routes

pytestmark = [pytest.mark.t_revoke, pytest.mark.one_database]  # T-EQ compares the clauses on both

REASON = "Left"


PATIENTS = {
    "patient",
    "consent_form",
    "consent_decision",
    "archived_document",
    "blank_form",
    "stack_page",
    "handover",
    "letter",
    "letter_record",
    "export",
    "export_release",
}
"""Tables of what is about patients."""
OWN = {
    "membership",
    "mandate",
    "absence",
    "second_factor",
    "login",
    "ab_user",
    "mail",
    "membership_request",
    "assistant_grant",
}
"""Tables of what is about people: of the rows about oneself nothing is lost."""


class Ending(NamedTuple):
    """Who ends what (nobody: a day has passed), and who loses what is about patients, or all that is not their own."""

    by: str
    end: Callable[[Any, Any], None]
    losers: tuple[str, ...]
    all: bool = False


def one(table: Any, world: Any, who: str, column: str = "person_id") -> Any:
    """The one row of a table that is somebody's."""
    return db.session.scalars(select(table).where(getattr(table, column) == world.people[who])).unique().one()


def _membership(actor: Any, world: Any) -> None:
    people.end_membership(actor, one(Membership, world, "owner"), reason=REASON)


def _last_day(_actor: Any, world: Any) -> None:
    one(Membership, world, "owner").to_on = today() - DAY
    db.session.commit()


def _centre(actor: Any, world: Any) -> None:
    departures.end_centre(actor, one(Membership, world, "owner").centre, reason=REASON)


def _hospital(actor: Any, world: Any) -> None:
    departures.end_hospital(actor, db.session.get(Hospital, world.hospitals["Thessaloniki"]), reason=REASON)


def _mandate_of(who: str) -> Callable[[Any, Any], None]:
    def end(actor: Any, world: Any) -> None:
        people.end_mandate(actor, one(Mandate, world, who), reason=REASON)

    return end


def _grant(actor: Any, world: Any) -> None:
    people.end_grant(actor, one(Grant, world, "assistant", "assistant_id"), reason=REASON)


def _given_back(actor: Any, world: Any) -> None:
    people.give_back(actor, one(Grant, world, "assistant", "assistant_id"), reason=REASON)


def _chosen(actor: Any, world: Any) -> None:
    other = db.session.get(Patient, world.patients["signed"][0])
    grant = one(Grant, world, "assistant of chosen", "assistant_id")
    people.choose(actor, grant, scope=GrantScope.CHOSEN, chosen=[other])
    db.session.commit()


ENDINGS = {
    "a membership is ended": Ending("representative", _membership, ("owner", "assistant", "assistant of chosen")),
    "a membership's last day has passed": Ending("", _last_day, ("owner",)),
    "a centre ends": Ending("coordinator", _centre, ("owner",)),
    "a hospital ends": Ending("admin", _hospital, ("owner", "assistant")),  # its archive is kept: test_hospitals_left
    "an assistant's mandate": Ending("representative", _mandate_of("assistant"), ("assistant",), all=True),
    "a grant is ended": Ending("owner", _grant, ("assistant",)),
    "a grant is given back": Ending("assistant", _given_back, ("assistant",)),
    "other records are chosen": Ending("owner", _chosen, ("assistant of chosen",)),
    "a representative's mandate": Ending("coordinator", _mandate_of("representative"), ("representative",), all=True),
    "a protection contact's mandate": Ending("representative", _mandate_of("protection"), ("protection",), all=True),
    "a coordinator's mandate": Ending("admin", _mandate_of("coordinator"), ("coordinator",), all=True),
    "the hub's mandate": Ending("admin", _mandate_of("hub"), ("hub",), all=True),
}


@pytest.mark.parametrize("name", sorted(ENDINGS))
def test_no_address_that_was_open_opens_any_more(world: Any, name: str, tally: Tally) -> None:
    ending, desk = ENDINGS[name], Desk(world)
    before = {who: open_to(desk, who, everything=ending.all) for who in ending.losers}
    finish(world, ending)
    with world.house.everything() as session:
        stored = digest(session)
    after = Desk(world)
    for who, opened in before.items():
        tally.check(opened, f"{who} had nothing to lose")
        for route, record in opened:
            said = after.ask(who, route, *record.keys)
            tally.check(is_closed(after, who, route, record, said), f"{who}: {route} answers {said.status_code}")
        told = named_to(after, who) & words_of(world, opened)
        tally.check(not told, f"{who} still reads {sorted(told)}")
    with world.house.everything() as session:
        tally.check(digest(session) == stored, "a request that came too late changed something")


def finish(world: Any, ending: Ending) -> None:
    """Somebody ends it, or a day has passed."""
    house = world.house
    with house.acting(world.people[ending.by]) if ending.by else house.system() as actor:
        ending.end(actor, world)


def open_to(desk: Desk, who: str, *, everything: bool) -> list[tuple[Route, Record]]:
    """The addresses of records that somebody may ask for by their place: each route with the first of them."""
    found = []
    with desk.world.house.everything() as session:
        for route in [one for one in routes(desk.world.house.app) if one.table is not None]:
            if not everything and route.table.__tablename__ not in PATIENTS:
                continue
            own = owned(session, route, desk.world.people[who])
            every = [one for one in records(session, route) if one.id not in own]
            mine = [one for one in every if desk.verdict(who, route, one) == "open"]
            theirs = [one for one in mine if desk.verdict("bystander", route, one) != "open"]
            found += [(route, one) for one in theirs[:1]]
    return found


def owned(session: Any, route: Route, person_id: int) -> set[int]:
    """The rows of a table that are about the person."""
    table = route.table
    if table.__tablename__ not in OWN:
        return set()
    columns = [getattr(table, name) for name in ("person_id", "assistant_id", "substitute_id") if hasattr(table, name)]
    clauses = [column == person_id for column in columns or [table.id]]
    return set(session.scalars(select(table.id).where(or_(*clauses))))


def is_closed(desk: Desk, who: str, route: Route, record: Record, answer: Any) -> bool:
    """Whether the answer is that of a page one may not open, of a record there is not, or to who has no login any more."""
    if asks_to_sign_in(desk.clients[who].get("/")):  # nothing is left of their places, so it ended with the last one
        return answer.status_code == 400 or asks_to_sign_in(answer)
    onwards = answer.status_code == 302 and route.verb == "GET"  # whatever the key: the next page answers 404
    if answer.status_code == 404 or onwards:
        return plain(answer, *record.keys) == desk.nowhere(who, route)
    return bool(answer.status_code == 403)


def words_of(world: Any, opened: list[tuple[Route, Record]]) -> set[str]:
    """The names of records, and the people's whose they are, that pages showed."""
    ids = {route.table: {one.id for route_, one in opened if route_.table is route.table} for route, _one in opened}
    with world.house.everything() as session:
        patients = select(Patient.nickname).where(Patient.id.in_(ids.get(Patient, set())))
        forms = select(ConsentForm.code).where(ConsentForm.id.in_(ids.get(ConsentForm, set())))
        return {*session.scalars(patients), *session.scalars(forms)}


def named_to(desk: Desk, who: str) -> set[str]:
    """Every word on the pages without a record that somebody may open."""
    pages = [one for one in routes(desk.world.house.app) if one.table is None and one.verb == "GET"]
    asked = [one for one in pages if desk.verdict(who, one, None) == "open"]
    text = " ".join(desk.ask(who, one).get_data(as_text=True) for one in asked)
    return set(re.findall(r"[\w-]+", text))
