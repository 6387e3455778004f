"""Browsers on their way to EU Login and back: each way is bound to the browser that set out, and is gone once.

Until somebody has come back and is believed, nothing of this is in the session: a cookie of its own holds a random token,
and the row is found only by that token together with the state the provider gives back.
"""

from __future__ import annotations

import datetime as dt
import secrets
from dataclasses import dataclass

from sqlalchemy import delete, select

from app import sight
from app.models import LoginTrip, now
from app.outside.providers import Trip
from app.services import limits
from app.services.limits import writing
from app.services.logins import hash_of

MINUTES = 15
"""How long one may be away: people look for their phone."""

MOST_FROM_AN_ADDRESS = 600
"""Trips begun from one address within the limits' window: a hospital whose people all come at eight stays below."""


@dataclass(frozen=True)
class SetOut:
    """A trip, and the token for the cookie of the browser that set out."""

    trip: Trip
    token: str


@dataclass(frozen=True)
class Back:
    """A trip that is over, the page that was wanted, and when it was begun."""

    trip: Trip
    wanted: str | None
    begun_at: dt.datetime


def begin(address: str, back_to: str | None) -> SetOut:
    """Note that a browser sets out.

    Args:
        address: of the browser.
        back_to: the page of ours it wanted.

    Raises:
        TooMany: from this address very many have set out lately.
    """
    limits.count_try("eu login", limits.place_of(address), MOST_FROM_AN_ADDRESS)
    trip = Trip(*(secrets.token_urlsafe(32) for _part in range(3)))
    token = secrets.token_urlsafe(32)
    with sight.wide("eu-login") as session:
        writing(session)
        trips = LoginTrip.__table__.c
        session.execute(delete(LoginTrip.__table__).where(trips.begun_at < now() - dt.timedelta(minutes=MINUTES)))
        session.add(
            LoginTrip(
                token_hash=_together(token, trip.state),
                nonce=trip.nonce,
                verifier=trip.verifier,
                back_to=back_to if len(back_to or "") <= 500 else None,
                begun_at=now(),
            )
        )
        session.commit()
    return SetOut(trip, token)


def is_under_way(token: str, state: str) -> bool:
    """Whether this browser has set out with this state. Reads alone: anybody may ask, as often as they like."""
    if not token or not state:
        return False
    with sight.wide("eu-login") as session:
        found = select(LoginTrip.id).where(LoginTrip.token_hash == _together(token, state))
        return session.scalar(found) is not None


def end(token: str, state: str) -> Back | None:
    """The trip this browser comes back from; ``None`` if it is none of this browser, too old or gone.

    Whoever asks first has it: the same answer a second time finds nothing.
    """
    trips = LoginTrip.__table__.c
    with sight.wide("eu-login") as session:
        writing(session)
        found = session.execute(
            delete(LoginTrip.__table__)
            .where(
                trips.token_hash == _together(token, state),
                trips.begun_at > now() - dt.timedelta(minutes=MINUTES),
            )
            .returning(trips.nonce, trips.verifier, trips.back_to, trips.begun_at)
        ).first()
        session.commit()
    return None if found is None else Back(Trip(state, found.nonce, found.verifier), found.back_to, found.begun_at)


def _together(token: str, state: str) -> bytes:
    return hash_of(f"{token}.{state}")
