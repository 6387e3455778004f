"""A phone as scanner: an upload page for one form, behind a QR on the desk's screen, for ten minutes, once."""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets

from sqlalchemy import func, select
from sqlalchemy.orm import aliased

from app import actors, sight
from app.act import act
from app.actors import Actor
from app.errors import NotFound, WrongStep
from app.models import ConsentForm, Login, Person, PhoneLink, db, now
from app.premises import premises
from app.words import FormState, _

PHONE_MINUTES = 10


@act("consent.offer-phone", blind=True)
def offer_phone(actor: Actor, form: ConsentForm, *, login_id: int) -> str:
    """Open an upload page for one phone, for ten minutes; one opened before for this form ends. Gives its address's token."""
    token = secrets.token_urlsafe(24)
    db.session.add(
        PhoneLink(
            form_id=form.id,
            person_id=actor.user_id,
            login_id=login_id,
            token_hash=hashlib.sha256(token.encode()).digest(),
            expires_at=now() + dt.timedelta(minutes=PHONE_MINUTES),
        )
    )
    return token


def link_behind(token: str, address: str) -> tuple[PhoneLink, Actor]:
    """The link of a phone's address and the actor who showed it, with today's rights.

    Raises:
        NotFound: unknown, used, too old, not the form's newest; its desk has signed out, or its form waits for no scan.
    """
    other = aliased(PhoneLink)
    newest = select(func.max(other.id)).where(other.form_id == PhoneLink.form_id).correlate(PhoneLink)
    digest = hashlib.sha256(token.encode()).digest()
    with sight.wide("phone-link") as session:
        row = session.execute(
            select(PhoneLink, Person)
            .join(Person, PhoneLink.person_id == Person.id)
            .join(Login, PhoneLink.login_id == Login.id)
            .join(ConsentForm, PhoneLink.form_id == ConsentForm.id)
            .where(
                PhoneLink.token_hash == digest,
                PhoneLink.id == newest.scalar_subquery(),
                ConsentForm.state == FormState.SIGNED,
                PhoneLink.used_at.is_(None),
                PhoneLink.expires_at > now(),
                Login.ended_at.is_(None),
                Login.expires_at > now(),
                Login.seen_at > now() - dt.timedelta(minutes=premises().settings["IDLE_MINUTES"]),
                Person.disabled_at.is_(None),
                Person.active.is_(True),
            )
        ).first()
        if row is None:
            raise NotFound(
                _("This link has been used or is older than ten minutes. Show a new QR code on the desk's screen.")
            )
        link, person = row
        actor = actors.load(session, person.id, f"phone {address}"[:60])
        session.expunge_all()
        return link, actor


def use(link: PhoneLink) -> None:
    """Use a link up, once."""
    stored = db.session.scalars(
        select(PhoneLink).where(PhoneLink.id == link.id, PhoneLink.used_at.is_(None)).with_for_update()
    ).one_or_none()
    if stored is None:
        raise WrongStep(_("This link has been used. Show a new QR code on the desk's screen."))
    stored.used_at = now()
