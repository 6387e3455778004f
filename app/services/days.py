"""The day at a hospital, since what people write on paper is dated there, not in UTC; and the time zones there are."""

from __future__ import annotations

import datetime as dt
import functools
import zoneinfo

from babel.core import get_global

from app.models import Hospital, now

PLACES = ("Africa", "America", "Antarctica", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific")


@functools.cache
def zones() -> tuple[str, ...]:
    """The time zones a person may choose: those called after a place. All others are other names of the same."""
    return tuple(sorted(name for name in zoneinfo.available_timezones() if name.partition("/")[0] in PLACES))


@functools.cache
def zone(country_code: str) -> zoneinfo.ZoneInfo:
    """A country's time zone: the one in Europe where it has several (Azores, Canary Islands, Ceuta)."""
    names = sorted(name for name, code in get_global("zone_territories").items() if code == country_code)
    known = [name for name in names if name in zoneinfo.available_timezones()]
    european = [name for name in known if name.startswith("Europe/")]
    return zoneinfo.ZoneInfo(next(iter(european or known), "UTC"))


def day_at(hospital: Hospital) -> dt.date:
    """Today's date at the hospital."""
    return now().astimezone(zone(hospital.country.code)).date()
