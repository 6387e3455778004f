"""T-DOUBLE: what is said about one request, or about one person's place, by two at one moment, comes one after the other."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from app.errors import Refusal
from app.models import Centre, MembershipRequest, RequestConfirmation, db, today
from app.services import admissions, people, requests
from app.services.accounts import Typed
from app.words import GrantScope
from tests.services.request_words import Clinic, asked, assistant, did, opened, sent

pytestmark = pytest.mark.t_double
ROUNDS = 6


@pytest.fixture
def clinic(house: Any) -> Clinic:
    return opened(house)


def together(house: Any, *works: tuple[int, Callable[[Any], Any]]) -> None:
    """Acts of several people that begin at one moment; a refusal is an answer."""
    gate, wrong = threading.Barrier(len(works)), []

    def one(who: int, work: Callable[[Any], Any]) -> None:
        with house.acting(who) as actor:
            gate.wait()
            try:
                work(actor)
            except Refusal:
                db.session.rollback()
            except Exception as error:  # noqa: BLE001  told by the test
                wrong.append(error)

    threads = [threading.Thread(target=one, args=each) for each in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_word_given_while_the_request_is_taken_back_does_not_stay(house: Any, clinic: Clinic) -> None:
    key, word = assistant(house, clinic, clinic.emails["clinician"]), asked(house, clinic.emails["clinician"])

    def give(actor: Any) -> None:
        one = db.session.scalars(select(RequestConfirmation).where(RequestConfirmation.id == word)).one()
        admissions.give(actor, one, scope=GrantScope.ALL)

    def take_back(actor: Any) -> None:
        requests.take_back(actor, db.session.get_one(MembershipRequest, key))

    for _ in range(ROUNDS):
        together(house, (clinic.clinician, give), (clinic.newcomer, take_back))
        said = house.rows("SELECT r.state, c.state FROM membership_request r, request_confirmation c")
        assert [tuple(row) for row in said] == [("draft", "confirmation_asked")]
        did(house, clinic.newcomer, requests.submit, key)


def test_who_is_added_while_their_request_is_accepted_is_a_member_once(house: Any, clinic: Clinic) -> None:
    typed = Typed(clinic.emails["newcomer"], "Typed", "Name", "Consultant")

    def add(actor: Any) -> None:
        people.add_member(actor, db.session.get_one(Centre, clinic.centre), typed=typed, from_on=today())

    for _ in range(ROUNDS):
        key = sent(house, clinic)
        did(house, clinic.representative, admissions.confirm, key)

        def accept(actor: Any, key: int = key) -> None:
            admissions.accept(actor, db.session.get_one(MembershipRequest, key))

        together(house, (clinic.representative, add), (clinic.coordinator, accept))
        assert house.value("SELECT count(*) FROM membership WHERE person_id = :id", id=clinic.newcomer) == 1
        with house.system():
            db.session.execute(db.text("DELETE FROM membership WHERE person_id = :id"), {"id": clinic.newcomer})
            db.session.execute(db.text("UPDATE membership_request SET state = 'withdrawn'"))
            db.session.commit()
