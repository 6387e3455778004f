"""Messages: what the platform writes to a person, by mail. Which kinds there are is ``mail_kinds``.

    messages.post(person.id, "place.given", {"role": Role.ASSISTANT, "place": hospital.name, "day": from_on})

Inside an act the mail's row is stored with it: what is refused was never written. How it is sent is ``mail_rounds``.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app import sight, steps
from app.act import act
from app.actors import Actor
from app.models import Mail, MailOff, Person, db, now
from app.outside.mails import Words
from app.premises import premises
from app.services import jobs, mail_kinds
from app.services.mail_kinds import KINDS
from app.words import LANGUAGES, MailState, _, spoken_in

SETTINGS_PATH = "/my-mail/"
"""The page where a person switches kinds off."""


# --- written ---------------------------------------------------------------------------------------------------------


def post(
    person_id: int, kind: str, facts: Mapping[str, Any], *, slot: str | None = None, session: Session | None = None
) -> None:
    """Write a mail to a person: stored with the act under way, or with ``session``, or else at once.

    Args:
        person_id: the receiver.
        kind: one of ``mail_kinds.KINDS``.
        facts: exactly what the kind asks for; no patient's data. ``None`` where a fact is not known.
        slot: the name of a mail that exists once.
        session: a wide session with a transaction of its own, where there is no act; its caller commits.

    Raises:
        KeyError: no such kind.
        ValueError: the facts are not the kind's.
    """
    row = _written(person_id, kind, facts, slot)
    own = db.session()
    if session is not None:
        session.add(row)
    elif "acting" in own.info:
        own.add(row)
        own.info["wake"] = True
    else:
        with sight.wide("mail") as alone:
            alone.connection(execution_options={"writes": True})
            alone.add(row)
            alone.commit()
        jobs.wake()


def post_once(person_id: int, kind: str, facts: Mapping[str, Any], *, slot: str) -> None:
    """Write a mail of which there is one, outside of an act, unless it is written; arguments as for ``post``."""
    with sight.wide("mail") as session, suppress(IntegrityError):
        if session.scalar(select(Mail.id).where(Mail.slot == slot)) is not None:
            return
        session.rollback()
        session.connection(execution_options={"writes": True})
        post(person_id, kind, facts, slot=slot, session=session)
        session.commit()


def _written(person_id: int, kind: str, facts: Mapping[str, Any], slot: str | None) -> Mail:
    row = Mail(public_id=uuid.uuid4().hex, person_id=person_id, kind=kind, slot=slot)
    row.facts = mail_kinds.stored(kind, facts)
    row.message_id = f"<{uuid.uuid4().hex}@{urlsplit(premises().settings['PUBLIC_URL']).hostname}>"
    row.written_at = row.due_at = now()
    steps.move(row, steps.destination(Mail, None, "mail.write"))
    return row


# --- its words -------------------------------------------------------------------------------------------------------


def language_of(person: Person) -> str:
    """The language a person is written to: the one they chose for it, else that of the screens or of their forms."""
    spoken = (person.mail_language, person.language, person.consent_language)
    return next((language for language in spoken if language in LANGUAGES), "en")


def words_of(mail: Mail, person: Person) -> Words:
    """What a mail says to its receiver.

    Args:
        mail: of one of ``KINDS``.
        person: its receiver; the row at hand, since who sends it sees more than who wrote it.
    """
    language, kind = mail.language or language_of(person), KINDS[mail.kind]
    with spoken_in(language):
        told = mail_kinds.said(mail.kind, mail.facts, language, person.time_zone)
        subject, paragraphs, button = mail_kinds.words(mail.kind, told)
        return Words(
            subject=subject,
            paragraphs=paragraphs,
            button=button,
            url=premises().settings["PUBLIC_URL"] + kind.path.format(**told),
            foot=_foot(kind.optional),
            language=language,
            mark=str(_("Demo: everything here is invented")) if premises().settings.demo else "",
        )


def _foot(optional: bool) -> list[str]:  # noqa: FBT001  what the kind says
    if optional:
        why = _("You do not want such mails? Sign in, open the menu of your account and switch them off under “Mail”.")
    else:
        why = _("Mails about your account and about decisions cannot be switched off.")
    return [str(why), str(_("CPMS writes no patient data into mails. What it is about stands behind the link."))]


# --- what a person wants ---------------------------------------------------------------------------------------------


def switched_off(person_id: int, session: Session | None = None) -> set[str]:
    """The kinds of mail a person has switched off."""
    found = select(MailOff.kind).where(MailOff.person_id == person_id)
    return set((session or db.session).scalars(found))


@act("person.choose-mail", blind=True)
def choose(_actor: Actor, person: Person, *, off: Collection[str]) -> None:
    """Switch off these kinds of mail and no others; compulsory ones stay on, whatever was sent."""
    chosen = {kind for kind in off if kind in KINDS and KINDS[kind].optional}
    for row in db.session.scalars(select(MailOff).where(MailOff.person_id == person.id)).all():
        if row.kind in chosen:
            chosen.discard(row.kind)
        else:
            db.session.delete(row)
    db.session.add_all(MailOff(person_id=person.id, kind=kind) for kind in sorted(chosen))


# --- what the operator sees ------------------------------------------------------------------------------------------


class Outbox(NamedTuple):
    """How the mail goes: how many wait, how many were not delivered, whether there is a server to take them."""

    waiting: int
    undelivered: int
    has_server: bool


def outbox() -> Outbox:
    """How many mails wait and how many failed."""
    with sight.wide("mail") as session:
        counted = select(Mail.state, func.count()).where(Mail.state.in_([MailState.QUEUED, MailState.FAILED]))
        found = session.execute(counted.group_by(Mail.state)).all()
    numbers: dict[MailState, int] = {row[0]: row[1] for row in found}
    has_server = bool(premises().settings["MAIL_SERVER"])
    return Outbox(numbers.get(MailState.QUEUED, 0), numbers.get(MailState.FAILED, 0), has_server)


@act("mail.send-again")
def send_again(_actor: Actor, mail: Mail) -> None:
    """Try a mail again that was given up. Where nobody knows whether it arrived, it may arrive twice."""
    mail.due_at, mail.tries, mail.fault = now(), 0, None
    db.session.info["wake"] = True
