"""Expert groups of a network: their topic, chair, members and schedule; and what a network says of itself.

Whose names are shown is ``directory``. What groups do with discussions and meetings builds on this and is not here.
"""

from __future__ import annotations

import calendar
import datetime as dt
import itertools
import zoneinfo
from collections.abc import Iterator
from typing import Any

from sqlalchemy import select

from app.act import act
from app.actors import Actor
from app.errors import Incomplete, WrongStep
from app.models import ExpertGroup, ExpertGroupMember, Network, db, now, today
from app.services import accounts, directory, profiles, spells
from app.words import Rhythm, _

LAST_OF_MONTH = 5
SLOTS = 4


def _wrong(name: str, sentence: object) -> Incomplete:
    return Incomplete(sentence, fields={name: sentence})


@act("network.describe")
def describe(
    _actor: Actor, network: Network, *, description: str | None, helpdesk: str | None, answers_ukrainian: bool
) -> None:
    """Say what others read of the network, where its helpdesk is, and whether it is ready to answer Ukrainian cases.

    Raises:
        Incomplete: the helpdesk's address is none.
    """
    if helpdesk and not accounts.is_email(helpdesk):
        raise _wrong("helpdesk", _("This is not an e-mail address."))
    network.description, network.helpdesk, network.answers_ukrainian = description, helpdesk, answers_ukrainian


@act("group.add", creates=ExpertGroup)
def add(_actor: Actor, network: Network, **said: Any) -> ExpertGroup:
    """Make an expert group of a network. ``said`` is as in ``amend``.

    Raises:
        WrongStep: the network has ended.
    """
    spells.refuse_over(network)
    group = ExpertGroup(network_id=network.id, from_on=today(), to_on=network.to_on)
    _say(group, **said)
    return group


@act("group.amend")
def amend(_actor: Actor, group: ExpertGroup, **said: Any) -> None:
    """Change a group's name, topic or schedule: name, topic, area, orpha_codes, rhythm, weekday, nth, hour, minutes, zone.

    Raises:
        Incomplete: the network has another group of this name, a code is none, or the schedule lacks something.
        WrongStep: the group has ended.
    """
    spells.refuse_over(group)
    _say(group, **said)


def _say(
    group: ExpertGroup, *, name: str, area: Any, orpha_codes: str | None, rhythm: Rhythm | None, **said: Any
) -> None:
    same = select(ExpertGroup.id).where(ExpertGroup.network_id == group.network_id, ExpertGroup.name == name)
    found = same.where(spells.not_over(ExpertGroup))
    if db.session.scalar(found.where(ExpertGroup.id != (group.id or 0)).limit(1)) is not None:
        raise _wrong("name", _("This is taken. Choose another one."))
    group.name, group.topic, group.area_id = name, said["topic"], area.id if area is not None else None
    group.orpha_codes = profiles.codes(orpha_codes)
    if rhythm is not None and (said["weekday"] is None or said["hour"] is None):
        raise _wrong("weekday" if said["weekday"] is None else "hour", _("A group that meets has a day and an hour."))
    if rhythm is Rhythm.MONTHLY and said["nth"] is None:
        raise _wrong("nth", _("Say which one of the month."))
    group.rhythm, group.minutes, group.zone = rhythm, said["minutes"], said["zone"]
    group.weekday = said["weekday"] if rhythm else None
    group.hour = said["hour"] if rhythm else None
    group.nth = said["nth"] if rhythm is Rhythm.MONTHLY else None


@act("group.end")
def end(_actor: Actor, group: ExpertGroup, *, reason: str, last_day: dt.date | None = None) -> None:
    """End a group. Its members stay members of the network."""
    spells.end(group, reason, last_day)


# --- who is in it ----------------------------------------------------------------------------------------------------


@act("group_member.add", creates=ExpertGroupMember)
def add_member(_actor: Actor, group: ExpertGroup, *, person: str) -> ExpertGroupMember:
    """Take a member of the network's centres into the group; ``person`` is a public id.

    Raises:
        WrongStep: the group has ended, the person is in it already, or works in no centre of the network.
    """
    spells.refuse_over(group)
    person_id = directory.member_of(group.network, person)
    if _is_in(group, person_id):
        raise WrongStep(_("This person is in the group already."))
    return ExpertGroupMember(group_id=group.id, person_id=person_id, from_on=today())


def _is_in(group: ExpertGroup, person_id: int) -> bool:
    same = (ExpertGroupMember.group_id == group.id, ExpertGroupMember.person_id == person_id)
    found = select(ExpertGroupMember.id).where(*same, spells.not_over(ExpertGroupMember))
    return db.session.scalar(found.limit(1)) is not None


@act("group_member.end", gives_away=True)
def end_member(_actor: Actor, member: ExpertGroupMember) -> None:
    """Take somebody out of the group; whoever chairs it chairs it no more."""
    spells.refuse_over(member)
    member.ended_at = now()
    if member.group.chair_id == member.person_id:
        member.group.chair_id = None


@act("group.set-chair")
def set_chair(_actor: Actor, group: ExpertGroup, *, person: str) -> None:
    """Let a member of the group chair it; ``person`` is a public id.

    Raises:
        WrongStep: the group has ended, or the person is not in it or works in no centre of the network.
    """
    spells.refuse_over(group)
    person_id = directory.member_of(group.network, person)
    if not _is_in(group, person_id):
        raise WrongStep(_("This person is not in the group. Take them in first."))
    group.chair_id = person_id


# --- when it meets ---------------------------------------------------------------------------------------------------


def next_slots(group: ExpertGroup, after: dt.datetime, count: int = SLOTS) -> list[dt.datetime]:
    """The next times the group meets, each with its zone; none without a schedule or once it is over."""
    if group.rhythm is None or group.hour is None or spells.is_over(group):
        return []
    zone = zoneinfo.ZoneInfo(group.zone)
    moments = (dt.datetime.combine(day, group.hour, zone) for day in _days(group, after.astimezone(zone).date()))
    coming = itertools.islice((moment for moment in moments if moment > after), count)
    return [moment for moment in coming if group.to_on is None or moment.date() <= group.to_on]


def _days(group: ExpertGroup, begin: dt.date) -> Iterator[dt.date]:
    """The days it meets, from ``begin`` or its own first day on."""
    weekday = group.weekday or 0
    first = group.from_on + dt.timedelta(days=(weekday - group.from_on.weekday()) % 7)
    if group.rhythm is Rhythm.MONTHLY:
        start = max(begin, group.from_on)
        months = ((start.year + (start.month - 1 + n) // 12, (start.month - 1 + n) % 12 + 1) for n in range(1200))
        yield from (day for month in months if (day := _nth(*month, weekday, group.nth or 1)) >= start)
        return
    step = 7 if group.rhythm is Rhythm.WEEKLY else 14
    missed = max((begin - first).days + step - 1, 0) // step
    yield from (first + dt.timedelta(days=step * (missed + n)) for n in range(1200))


def _nth(year: int, month: int, weekday: int, nth: int) -> dt.date:
    """The nth such weekday of a month; the fifth is the last one."""
    first, days = calendar.monthrange(year, month)
    day = 1 + (weekday - first) % 7 + 7 * (nth - 1)
    if nth == LAST_OF_MONTH and day > days:
        day -= 7
    return dt.date(year, month, day)
