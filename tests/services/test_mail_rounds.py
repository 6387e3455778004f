"""Mail on its way: a real SMTP server takes it, refuses it, or is lost in the middle; no mail goes twice."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from app.labels import LABELS
from app.models import Mail, MailOff, db, now
from app.services import messages
from app.services.accounts import NOWHERE
from app.services.mail_kinds import KINDS
from app.words import MandateKind
from tests import factories as make
from tests.posts import PostOffice, certificate, open_office
from tests.services.mail_words import FACTS, SENDER, account, let_time_pass, mailing, states, sweep, write


@pytest.fixture
def office() -> Iterator[PostOffice]:
    with open_office() as opened:
        yield opened


# --- it arrives -----------------------------------------------------------------------------------------------------------


def test_a_mail_arrives_as_text_and_html_in_the_receivers_language(house: Any, office: PostOffice) -> None:
    person_id = account(house, "Ёлка", language="de", email="yolka@people.example")
    write(house, person_id)

    with mailing(house, office, MAIL_REPLY_TO="helpdesk@operator.example"):
        sweep(house)

    (mail,) = office.mails
    assert office.receivers == [["yolka@people.example"]]
    assert (mail["From"], mail["Reply-To"]) == (SENDER, "helpdesk@operator.example")
    assert mail["To"] == "Ёлка Tester <yolka@people.example>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["List-Unsubscribe"] is None  # compulsory
    text, html = (part.get_content() for part in mail.iter_parts())
    assert "Klinik für seltene Fälle" in text
    assert "22. November 2026" in text
    assert '<html lang="de">' in html
    assert re.findall(r'(?:href|src)="([^"]*)"', html) == ["https://cpms.test/"]
    assert "https://cpms.test/" in text
    assert states(house) == [("sent", 1, None)]
    assert office.raw[0].isascii()  # not every server takes eight bits


@pytest.mark.parametrize("language", ["bg", "de", "el", "uk", "en"])
def test_a_subject_is_readable_in_every_alphabet(house: Any, office: PostOffice, language: str) -> None:
    write(house, account(house, language=language))
    with mailing(house, office):
        sweep(house)
    (mail,) = office.mails
    with house.app.app_context(), messages.spoken_in(language):
        wanted = str(KINDS["place.given"].subject) % {"role": str(LABELS[MandateKind.ASSISTANT])}
    assert mail["Subject"].lstrip() == wanted  # a long word in letters of its own begins on the next line
    assert mail["Content-Language"] == language


def test_the_language_is_that_of_the_screens_else_that_of_the_forms_else_english(house: Any) -> None:
    with house.system():
        people = [
            make.person("a", language="el", consent_language="de"),
            make.person("b", consent_language="bg"),
            make.person("c", consent_language="fi"),
            make.person("d"),
        ]
        assert [messages.language_of(person) for person in people] == ["el", "bg", "en", "en"]


def test_a_moment_is_said_in_the_receivers_time_zone(house: Any, office: PostOffice) -> None:
    moment = dt.datetime(2026, 7, 1, 22, 30, tzinfo=dt.UTC)
    for zone in ("Europe/Athens", None, "Nowhere/Atall"):
        write(house, account(house, time_zone=zone), "account.link-made", {"moment": moment})
    with mailing(house, office):
        sweep(house)
    texts = [mail.get_body(("plain",)).get_content() for mail in office.mails]
    assert ["2 July 2026" in text for text in texts] == [True, False, False]
    assert ["1:30:00" in text for text in texts] == [True, False, False]
    assert ["22:30:00 UTC" in text for text in texts] == [False, True, True]


def test_a_name_with_line_breaks_puts_nothing_into_the_headers(house: Any, office: PostOffice) -> None:
    person_id = account(house, "Eve\r\nBcc: victim@people.example\r\n\r\nBody", email="eve@people.example")
    write(house, person_id, facts={**FACTS, "place": "A\r\nX-Evil: yes <script>alert(1)</script>"})
    with mailing(house, office):
        sweep(house)
    (mail,) = office.mails
    assert (mail["Bcc"], mail["X-Evil"], office.receivers) == (None, None, [["eve@people.example"]])
    html = mail.get_body(("html",)).get_content()
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


def test_an_optional_kind_says_where_it_is_switched_off(house: Any, office: PostOffice) -> None:
    kind = next(name for name, one in KINDS.items() if one.optional)
    write(house, account(house), kind, dict.fromkeys(KINDS[kind].facts, 1))
    with mailing(house, office):
        sweep(house)
    (mail,) = office.mails
    assert mail["List-Unsubscribe"] == "<https://cpms.test/my-mail/>"


def test_a_hundred_mails_go_over_one_line(house: Any, office: PostOffice) -> None:
    person_id = account(house)
    for _ in range(20):
        write(house, person_id)
    with mailing(house, office):
        sweep(house)
    assert (len(office.mails), office.lines) == (20, 1)
    assert len({mail["Message-ID"] for mail in office.mails}) == 20


def test_the_password_is_told_to_a_server_whose_certificate_is_trusted(
    house: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(house, account(house))
    pem = certificate(tmp_path)
    right = {"MAIL_TLS": "starttls", "MAIL_USER": "cpms", "MAIL_PASSWORD": "mail room"}
    with open_office(password="mail room", pem=pem) as office:
        with mailing(house, office, **right):
            sweep(house)
        assert states(house) == [("to_send", 1, "tls")]
        monkeypatch.setenv("SSL_CERT_FILE", str(pem))
        let_time_pass(house, due_at=now())
        with mailing(house, office, **right | {"MAIL_PASSWORD": "wrong"}):
            sweep(house)
        assert states(house) == [("to_send", 2, "login 535")]
        let_time_pass(house, due_at=now())
        with mailing(house, office, **right):
            sweep(house)
        assert len(office.mails) == 1
    assert states(house) == [("sent", 3, None)]


# --- nobody wants it ------------------------------------------------------------------------------------------------------


def test_what_is_switched_off_or_too_old_or_for_a_locked_account_is_not_sent(house: Any, office: PostOffice) -> None:
    kind = next(name for name, one in KINDS.items() if one.optional)
    person_id, locked_id = account(house), account(house, "Bela", disabled_at=now())
    with house.system():
        db.session.add(MailOff(person_id=person_id, kind=kind))
        db.session.commit()
    write(house, person_id, kind, dict.fromkeys(KINDS[kind].facts, 1))
    write(house, locked_id)
    write(house, person_id)
    with house.everything() as session:
        session.connection(execution_options={"writes": True})
        long_ago = now() - KINDS["place.given"].fresh - dt.timedelta(days=1)
        session.execute(update(Mail.__table__).where(Mail.__table__.c.id == 3).values(written_at=long_ago))
        session.commit()
    with mailing(house, office):
        sweep(house)
    assert states(house) == [("unsent", 0, "switched off"), ("unsent", 0, "no account"), ("unsent", 0, "too old")]
    assert office.mails == []


def test_nothing_goes_to_somebody_whose_address_is_not_known(house: Any, office: PostOffice) -> None:
    write(house, account(house, email=f"0123456789@{NOWHERE}"))
    with mailing(house, office):
        sweep(house)
    assert states(house) == [("unsent", 0, "no address")]
    assert office.mails == []


def test_a_mail_that_cannot_be_worded_stops_no_other(house: Any, office: PostOffice) -> None:
    person_id = account(house)
    write(house, person_id)
    write(house, person_id)
    with house.everything() as session:
        session.connection(execution_options={"writes": True})
        session.execute(update(Mail.__table__).where(Mail.__table__.c.id == 1).values(facts={"role": "no such word"}))
        session.commit()
    with mailing(house, office):
        sweep(house)
    assert states(house) == [("undelivered", 1, "words"), ("sent", 1, None)]


@pytest.mark.parametrize(
    "address", ["ünal@people.example", "a b@people.example", "a@b@people.example", "a,b@people.example"]
)
def test_an_address_no_server_takes_is_refused_here(house: Any, office: PostOffice, address: str) -> None:
    write(house, account(house, email=address))
    with mailing(house, office):
        sweep(house)
    assert states(house) == [("undelivered", 1, "address")]
