"""Rounds of the post: a job that sends what is due, in the receiver's language, and what becomes of each mail.

A mail goes **at most once**: it counts as being sent before a byte of it leaves, and when nobody knows what became of it
(the line broke after it was handed over, the worker died) it is not tried again by itself, but shown to the operator, who
may. What no server took is tried again after growing pauses, for three days. Mails are written by ``messages``.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from sqlalchemy import and_, or_, select, update
from sqlalchemy.orm import Session

from app import sight, steps
from app.actors import Actor
from app.models import Mail, Person, now
from app.outside import mails
from app.outside.mails import Certainty, Envelope, Post, PostFault, Server
from app.premises import premises
from app.services import accounts, messages
from app.services.jobs import job
from app.services.mail_kinds import KINDS
from app.words import MailState

PAUSES = tuple(dt.timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 240))
"""Between one try and the next; the last one again and again."""
MOST_TRIES = 23
"""Then three days have passed, and the mail is given up."""
AFTER_UNSURE = dt.timedelta(minutes=15)
"""How long the others wait when a server took a mail and said nothing."""
LOST = dt.timedelta(minutes=15)
"""A mail being sent for longer is one whose worker died: a server may think for ``mails.SECONDS_FOR_A_MAIL``, twice."""
UNSURE, BROKEN, STALE, SWITCHED_OFF = "unsure", "words", "too old", "switched off"
NO_ACCOUNT, NO_ADDRESS = "no account", "no address"

_log = logging.getLogger("cpms.mail")


class Begun(NamedTuple):
    """A mail under way: its row is marked, its bytes are made."""

    id: int
    tries: int
    content: bytes
    address: str


def server() -> Server | None:
    """Where mails are handed in, by the settings; ``None``: there is none."""
    settings = premises().settings
    if not settings["MAIL_SERVER"]:
        return None
    return Server(
        name=settings["MAIL_SERVER"],
        port=settings["MAIL_PORT"],
        tls=settings["MAIL_TLS"],
        user=settings["MAIL_USER"],
        password=settings["MAIL_PASSWORD"],
        host_name=urlsplit(settings["PUBLIC_URL"]).hostname or "localhost",
    )


def is_needed() -> bool:
    """Whether a mail is due. Without a server mails wait, except in demo mode, where they are only shown."""
    if server() is None and not premises().settings.demo:
        return False
    due = or_(and_(Mail.state == MailState.QUEUED, Mail.due_at <= now()), _is_lost())
    with sight.wide("mail") as session:
        return session.scalar(select(Mail.id).where(due).limit(1)) is not None


def _is_lost() -> Any:
    return and_(Mail.state == MailState.SENDING, Mail.tried_at < now() - LOST)


@job("mails.deliver", reason="mail", needed=is_needed)
def deliver(_actor: Actor, _payload: Mapping[str, Any]) -> None:
    """Send every mail that is due, over one line. When the server is gone, the others wait: they were not tried."""
    _give_up_lost()
    with ExitStack() as open_line:
        office = _Office(server(), open_line)
        while (begun := _begin_next()) is not None:
            try:
                office.take(begun)
            except PostFault as fault:
                _refused(begun, fault)
                pause = office.pause_after(fault)
                if pause is not None:
                    _put_off(pause)
                    return
            else:
                _end(begun, "mail.finish")


class _Office:
    """The server of one round: the line to it, and whether it is worth another mail."""

    def __init__(self, where: Server | None, open_line: ExitStack) -> None:
        self._where, self._open_line = where, open_line
        self._line: Post | None = None
        self._broken = 0

    def take(self, begun: Begun) -> None:
        """Hand over a mail, over a line that is open already if there is one.

        Raises:
            PostFault: it was not acknowledged.
        """
        if self._where is None:
            return
        if self._line is None:
            self._line = self._open_line.enter_context(mails.posting(self._where))
        self._line.send(begun.content, premises().settings["MAIL_FROM"], begun.address)
        self._broken = 0

    def pause_after(self, fault: PostFault) -> dt.timedelta | None:
        """For how long nobody hands in another mail; ``None``: the next one goes, over a new line if this one broke.

        A line that breaks may be one receiver's fault, or the server may take so many mails a line: two in a row are not.
        A mail of which nobody knows what became of it may be the first of many: each would be lost like this.
        """
        if fault.certainty is Certainty.UNSURE:
            return AFTER_UNSURE
        if fault.certainty is not Certainty.DOWN:
            self._broken = 0
            return None
        self._broken += 1
        if self._line is None or self._broken > 1:
            return PAUSES[0]
        self._open_line.close()
        self._line = None
        return None


def _put_off(pause: dt.timedelta) -> None:
    """Let everything that is due wait. It was not tried, so no try is counted."""
    with sight.wide("mail") as session:
        session.connection(execution_options={"writes": True})
        due = (Mail.state == MailState.QUEUED, Mail.due_at <= now())
        session.execute(update(Mail).where(*due).values(due_at=now() + pause))
        session.commit()


# --- a mail is begun -------------------------------------------------------------------------------------------------


def _begin_next() -> Begun | None:
    """Mark the next mail that is due as being sent, before a byte of it leaves; skip those nobody wants."""
    while True:
        with sight.wide("mail") as session:
            session.connection(execution_options={"writes": True})
            due = (Mail.state == MailState.QUEUED, Mail.due_at <= now())
            first = select(Mail).where(*due).order_by(Mail.due_at, Mail.id).limit(1)
            row = session.scalars(first.with_for_update(skip_locked=True)).first()
            if row is None:
                return None
            begun = _begin(session, row, session.get_one(Person, row.person_id))
            session.commit()
            if begun is not None:
                return begun


def _begin(session: Session, row: Mail, person: Person) -> Begun | None:
    """The mail's bytes, its row marked; ``None``: it is not sent, and its row says why."""
    unwanted = _unwanted(session, row, person)
    if unwanted:
        _move(row, "mail.drop")
        row.fault = unwanted
        return None
    row.language = row.language or messages.language_of(person)
    row.tries, row.tried_at, row.fault = row.tries + 1, now(), None
    _move(row, "mail.begin")
    try:
        return Begun(row.id, row.tries, _content(row, person), person.email)
    except Exception as fault:  # noqa: BLE001  one mail that cannot be worded must not stop the others
        _log.error("%s: %s", row.kind, type(fault).__name__)
        _move(row, "mail.fail")
        row.fault = fault.code if isinstance(fault, PostFault) else BROKEN
        return None


def _unwanted(session: Session, row: Mail, person: Person) -> str:
    """Why a mail is not sent, if it is not."""
    kind = KINDS.get(row.kind)
    if kind is None or row.written_at + kind.fresh < now():
        return STALE
    if kind.optional and row.kind in messages.switched_off(person.id, session):
        return SWITCHED_OFF
    if accounts.mailbox(person) is None:
        return NO_ADDRESS
    return "" if person.active and (person.disabled_at is None or kind.also_locked) else NO_ACCOUNT


def _content(row: Mail, person: Person) -> bytes:
    settings = premises().settings
    optional = KINDS[row.kind].optional
    envelope = Envelope(
        sender=settings["MAIL_FROM"] or "CPMS <cpms@demo.example>",
        name=str(person),
        address=person.email,
        message_id=row.message_id,
        written_at=row.written_at,
        reply_to=settings["MAIL_REPLY_TO"],
        unsubscribe=settings["PUBLIC_URL"] + messages.SETTINGS_PATH if optional else "",
    )
    return mails.message(messages.words_of(row, person), envelope)


# --- what became of it -----------------------------------------------------------------------------------------------


def _refused(begun: Begun, fault: PostFault) -> None:
    """Try again after a pause what was surely not taken; nothing else."""
    if fault.certainty is Certainty.UNSURE:
        _end(begun, "mail.fail", UNSURE)
    elif fault.certainty is Certainty.NEVER or begun.tries >= MOST_TRIES:
        _end(begun, "mail.fail", fault.code)
    else:
        _end(begun, "mail.retry", fault.code)
    _log.warning("not sent: %s", fault.code)


def _end(begun: Begun, word: str, fault: str | None = None) -> None:
    with sight.wide("mail") as session:
        session.connection(execution_options={"writes": True})
        row = session.get(Mail, begun.id, with_for_update=True)
        if row is None or row.state is not MailState.SENDING or row.tries != begun.tries:
            return  # given up for lost meanwhile
        _move(row, word)
        row.fault = fault
        if word == "mail.finish":
            row.sent_at = now()
        elif word == "mail.retry":
            row.due_at = now() + PAUSES[min(row.tries, len(PAUSES)) - 1]
        session.commit()


def _give_up_lost() -> None:
    """What a worker was sending when it died may have arrived: it is not sent again by itself."""
    with sight.wide("mail") as session:
        session.connection(execution_options={"writes": True})
        for row in session.scalars(select(Mail).where(_is_lost()).with_for_update(skip_locked=True)):
            _move(row, "mail.fail")
            row.fault = UNSURE
        session.commit()


def _move(row: Mail, word: str) -> None:
    steps.move(row, steps.destination(Mail, row.state, word))
