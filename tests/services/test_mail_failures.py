"""Mail that does not arrive at once: a server that refuses, is down, breaks the line or says nothing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest

from app.models import Mail, db, now
from app.outside import mails
from app.services import mail_rounds, messages
from tests.posts import PostOffice, free_port, open_office
from tests.services.mail_words import MINUTE, account, let_time_pass, mailing, moment, states, sweep, write


@pytest.fixture
def office() -> Iterator[PostOffice]:
    with open_office() as opened:
        yield opened


def test_what_the_server_does_not_take_now_is_tried_again_after_growing_pauses(house: Any, office: PostOffice) -> None:
    write(house, account(house))
    office.answer_to = "451 come back later"
    pauses = []
    with mailing(house, office):
        for _ in range(6):
            let_time_pass(house, due_at=now())
            sweep(house)
            (due,) = house.rows("SELECT due_at, tried_at FROM mail")
            pauses.append(round((moment(due.due_at) - moment(due.tried_at)).total_seconds() / 60))
        assert pauses == [1, 5, 15, 60, 240, 240]
        assert states(house) == [("to_send", 6, "to 451")]
        office.answer_to = ""
        let_time_pass(house, due_at=now())
        sweep(house)
    assert states(house) == [("sent", 7, None)]
    assert len(office.mails) == 1


@pytest.mark.parametrize(
    ("answers", "fault"),
    [({"answer_to": "550 nobody here"}, "to 550"), ({"answer_data": "554 looks like spam, says anna@x"}, "data 554")],
)
def test_what_is_refused_for_good_is_not_tried_again(house: Any, answers: dict[str, str], fault: str) -> None:
    write(house, account(house))
    with open_office(**answers) as office, mailing(house, office):
        sweep(house)
        sweep(house)
        assert office.lines == 1
    assert states(house) == [("undelivered", 1, fault)]


def test_a_line_that_breaks_after_the_mail_was_handed_over_sends_it_once(house: Any, office: PostOffice) -> None:
    person_id = account(house)
    write(house, person_id)
    write(house, person_id)
    office.hang_up = True
    with mailing(house, office):
        sweep(house)
        assert states(house) == [("undelivered", 1, "unsure"), ("to_send", 0, None)]
        office.hang_up = False
        sweep(house)
        assert len(office.mails) == 1  # the other one is not handed over at once: it could be lost the same way
        let_time_pass(house, due_at=now())
        sweep(house)
    assert len(office.mails) == 2  # each once, although nobody said that the first was taken
    assert states(house) == [("undelivered", 1, "unsure"), ("sent", 1, None)]


def test_a_server_that_takes_mails_and_says_nothing_has_one_of_them(
    house: Any, office: PostOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    person_id = account(house)
    for _ in range(3):
        write(house, person_id)
    monkeypatch.setattr(mails, "SECONDS_FOR_A_MAIL", 0.2)
    office.mute = 1
    with mailing(house, office):
        sweep(house)
        assert states(house) == [("undelivered", 1, "unsure"), ("to_send", 0, None), ("to_send", 0, None)]
        assert (
            house.value(
                "SELECT count(*) FROM mail WHERE state = 'to_send' AND due_at > :soon", soon=now() + 14 * MINUTE
            )
            == 2
        )
    assert mails.SECONDS < 2 * 240 < mail_rounds.LOST.total_seconds()


def test_a_mail_may_take_longer_than_an_answer(house: Any, office: PostOffice, monkeypatch: pytest.MonkeyPatch) -> None:
    person_id = account(house)
    write(house, person_id)
    write(house, person_id)
    monkeypatch.setattr(mails, "SECONDS", 0.5)
    office.mute = 0.8
    with mailing(house, office):
        sweep(house)
    assert (states(house), office.lines) == ([("sent", 1, None)] * 2, 1)


def test_a_server_that_takes_so_many_mails_a_line_gets_them_all(house: Any, office: PostOffice) -> None:
    person_id = account(house)
    for _ in range(7):
        write(house, person_id)
    office.a_line = 2
    with mailing(house, office):
        sweep(house)
        assert len(office.mails) == 5  # the third of each line is refused, and waits for the next round
        assert [row for row in states(house) if row[0] != "sent"] == [("to_send", 1, "from 421")] * 2
        let_time_pass(house, due_at=now())
        sweep(house)
    assert [state for state, *_ in states(house)] == ["sent"] * 7


def test_one_receiver_at_whom_the_server_hangs_up_holds_nobody_up(house: Any, office: PostOffice) -> None:
    office.feared = "anna@people.example"
    write(house, account(house, email="anna@people.example"))
    other = account(house, "Bela")
    write(house, other)
    write(house, other)
    with mailing(house, office):
        sweep(house)
    assert states(house) == [("to_send", 1, "line"), ("sent", 1, None), ("sent", 1, None)]


def test_two_lines_that_break_in_a_row_are_a_server_that_is_gone(house: Any, office: PostOffice) -> None:
    office.feared = "anna@people.example"
    anna = account(house, email="anna@people.example")
    for person_id in (anna, anna, account(house, "Bela"), anna):
        write(house, person_id)
    with mailing(house, office):
        sweep(house)
        assert states(house) == [("to_send", 1, "line")] * 2 + [("to_send", 0, None)] * 2
        let_time_pass(house, due_at=now())
        office.feared = ""
        sweep(house)
    assert [state for state, *_ in states(house)] == ["sent"] * 4


def test_while_the_server_is_down_all_wait_and_it_is_asked_once_a_round(house: Any) -> None:
    person_id = account(house)
    for _ in range(3):
        write(house, person_id)
    with mailing(house, PostOffice(port=free_port())):
        sweep(house)
    assert states(house) == [("to_send", 1, "connect")] + [("to_send", 0, None)] * 2  # those were never offered
    assert house.value("SELECT count(*) FROM mail WHERE due_at > :now", now=now()) == 3
    with open_office() as office, mailing(house, office):
        let_time_pass(house, due_at=now())
        sweep(house)
        assert len(office.mails) == 3


def test_after_days_a_mail_is_given_up_and_the_operator_may_try_it_again(house: Any, office: PostOffice) -> None:
    person_id = account(house)
    write(house, person_id)
    let_time_pass(house, tries=mail_rounds.MOST_TRIES - 1)
    with mailing(house, PostOffice(port=free_port())):
        sweep(house)
        with house.app.app_context():
            assert messages.outbox() == messages.Outbox(waiting=0, undelivered=1, has_server=True)
    assert states(house) == [("undelivered", mail_rounds.MOST_TRIES, "connect")]
    before = house.value("SELECT message_id FROM mail")
    with house.system("command") as actor:
        messages.send_again(actor, db.session.get(Mail, 1))
    with mailing(house, office):
        sweep(house)
    assert states(house) == [("sent", 1, None)]
    assert office.mails[0]["Message-ID"] == before  # a receiver that has it knows it again
    assert (
        sum(
            mail_rounds.PAUSES[min(n, len(mail_rounds.PAUSES) - 1)].total_seconds()
            for n in range(mail_rounds.MOST_TRIES - 1)
        )
        / 86400
        > 3
    )


def test_a_mail_whose_worker_died_is_not_sent_again(house: Any, office: PostOffice) -> None:
    write(house, account(house))
    with mailing(house, office):
        with house.app.app_context():
            assert mail_rounds._begin_next() is not None  # and the worker is killed here
        sweep(house)
        assert states(house) == [("sending", 1, None)]
        let_time_pass(house, tried_at=now() - mail_rounds.LOST - dt.timedelta(seconds=1))
        sweep(house)
    assert states(house) == [("undelivered", 1, "unsure")]
    assert office.mails == []


def test_without_a_server_mails_wait(house: Any) -> None:
    write(house, account(house))
    with mailing(house, None):
        sweep(house)
        with house.app.app_context():
            assert messages.outbox() == messages.Outbox(waiting=1, undelivered=0, has_server=False)
    assert states(house) == [("to_send", 0, None)]
    assert house.rows("SELECT id FROM job WHERE kind = 'mails.deliver'") == []


def test_in_demo_mode_a_mail_without_a_server_is_shown_as_sent(house: Any) -> None:
    write(house, account(house))
    with mailing(house, None, CPMS_MODE="demo"):
        sweep(house)
        with house.system():
            mail = db.session.get(Mail, 1)
            assert messages.words_of(mail, mail.person).mark == "Demo: everything here is invented"
    assert states(house) == [("sent", 1, None)]
