"""Profiles: what people say of themselves, and what they know about. Everything here is about oneself.

Who else sees it is ``access``. Accounts are ``accounts``; places in hospitals and networks are ``people``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from sqlalchemy import select

from app.act import act
from app.actors import Actor
from app.errors import Incomplete
from app.models import Expertise, Network, Person, Profile, ThematicArea, db, now
from app.tables.profiles import KINDS
from app.words import SPOKEN, _

MOST_CODES = 50
FEW_CODES = 20
"""As many as a column of 200 characters holds."""
LONGEST_NAME = 150
_CODE = re.compile(r"(?:orpha:?\s*)?(\d{1,7})\b[\s:,–-]*(.*)", re.IGNORECASE)
_SEVERAL = re.compile(r"[\d\s,;]+")

Disorders = dict[int, str | None]
"""What a person calls each disorder, by its ORPHAcode."""


@dataclass(frozen=True)
class Known:
    """What a person knows about."""

    networks: tuple[Network, ...] = ()
    areas: tuple[ThematicArea, ...] = ()
    disorders: Disorders = field(default_factory=dict)
    languages: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Whether anything is known."""
        return bool(self.networks or self.areas or self.disorders or self.languages)


class Told(NamedTuple):
    """What a person says they know about."""

    networks: Sequence[Network] = ()
    areas: Sequence[ThematicArea] = ()
    """Of any ERN."""
    disorders: str | None = None
    """As ``read`` takes them."""
    languages: Sequence[str] = ()
    """Codes of ``words.SPOKEN``."""


def of(person_id: int) -> Profile | None:
    """A person's profile, if the reader may see it and there is one."""
    return db.session.scalars(select(Profile).where(Profile.person_id == person_id)).one_or_none()


def known_to(person_id: int) -> Known:
    """What a person knows about, as far as the reader may see it."""
    rows = db.session.scalars(select(Expertise).where(Expertise.person_id == person_id).order_by(Expertise.id)).all()
    return Known(
        networks=tuple(row.network for row in rows if row.network is not None),
        areas=tuple(row.area for row in rows if row.area is not None),
        disorders={row.orpha_code: row.orpha_name for row in rows if row.orpha_code is not None},
        languages=tuple(row.language for row in rows if row.language is not None),
    )


@act("profile.write")
def write(
    _actor: Actor, person: Person, *, job_title: str | None, professional_title: str | None, about: str | None
) -> None:
    """Say who one is at work, and in one's own words what one knows about."""
    _write(person, job_title, professional_title, about)


def _write(person: Person, job_title: str | None, professional_title: str | None, about: str | None) -> None:
    profile = of(person.id) or Profile(person_id=person.id)
    profile.professional_title, profile.about = professional_title, about
    db.session.add(profile)
    person.job_title = job_title
    person.version += 1


@act("expertise.tell")
def tell(_actor: Actor, person: Person, *, known: Told) -> None:
    """Say what one knows about; what was said before and is not said again goes.

    Raises:
        Incomplete: a line is no ORPHAcode, or a language is none of ours.
    """
    _tell(person, known)


def _tell(person: Person, known: Told) -> None:
    wanted: dict[tuple[str, int | str], str | None] = {("network_id", one.id): None for one in known.networks}
    wanted |= {("area_id", one.id): None for one in known.areas}
    wanted |= {("orpha_code", code): name for code, name in read(known.disorders).items()}
    wanted |= {("language", code): None for code in _spoken(known.languages)}
    for row in db.session.scalars(select(Expertise).where(Expertise.person_id == person.id)).all():
        thing = next((kind, getattr(row, kind)) for kind in KINDS if getattr(row, kind) is not None)
        if thing in wanted:
            row.orpha_name = wanted.pop(thing)
        else:
            db.session.delete(row)
    for (kind, key), name in wanted.items():
        db.session.add(Expertise(person_id=person.id, orpha_name=name, **{kind: key}))
    person.version += 1


@act("profile.introduce")
def introduce(
    _actor: Actor,
    person: Person,
    *,
    job_title: str | None,
    professional_title: str | None,
    about: str | None,
    known: Told,
) -> None:
    """Say both at once, when one comes in: who one is, and what one knows about.

    Raises:
        Incomplete: as for ``tell``; nothing is kept then.
    """
    _write(person, job_title, professional_title, about)
    _tell(person, known)
    person.welcomed_at = now()


@act("person.welcome", blind=True)
def welcome(_actor: Actor, person: Person) -> None:
    """Have been welcomed, whatever one said of oneself."""
    person.welcomed_at = now()


def read(typed: str | None) -> Disorders:
    """Disorders as they are typed: one a line, the ORPHAcode and perhaps a name; or numbers with commas between.

    Raises:
        Incomplete: a line is neither, a name is too long, or they are too many.
    """
    found: Disorders = {}
    for line in _lines(typed or ""):
        match = _CODE.fullmatch(line)
        if match is None or not int(match[1]):
            raise _wrong(_("“%(line)s” is no ORPHAcode. Write one a line: the number, then the name.", line=line[:40]))
        if len(match[2]) > LONGEST_NAME:
            raise _wrong(_("Use at most %(count)s characters for a name.", count=LONGEST_NAME))
        found[int(match[1])] = match[2] or found.get(int(match[1]))
    if len(found) > MOST_CODES:
        raise _wrong(_("Name at most %(count)s: those you know best.", count=MOST_CODES))
    return found


def codes(typed: str | None) -> str | None:
    """The ORPHAcodes of a short field, as numbers with commas between them.

    Raises:
        Incomplete: one is none, or they are too many; with the sentence by ``orpha_codes``.
    """
    parts = [part for part in re.split(r"[\s,;]+", re.sub(r"(?i)orpha:?", " ", typed or "")) if part]
    sentence: object = _("Write the numbers with commas between them, such as 558, 730.")
    if all(re.fullmatch(r"\d{1,7}", part) and int(part) for part in parts):
        found = dict.fromkeys(int(part) for part in parts)
        if len(found) <= FEW_CODES:
            return ", ".join(str(code) for code in found) or None
        sentence = _("Name at most %(count)s: those you know best.", count=FEW_CODES)
    raise Incomplete(sentence, fields={"orpha_codes": sentence})


def _lines(typed: str) -> Iterable[str]:
    for line in (" ".join(one.split()) for one in typed.splitlines()):
        if _SEVERAL.fullmatch(line):
            yield from re.findall(r"\d+", line)
        elif line:
            yield line


def _wrong(sentence: object) -> Incomplete:
    return Incomplete(sentence, fields={"disorders": sentence})


def _spoken(languages: Sequence[str]) -> Sequence[str]:
    if not set(languages) <= set(SPOKEN):
        sentence = _("Choose one of the list.")
        raise Incomplete(sentence, fields={"languages": sentence})
    return languages


def written(disorders: Disorders) -> str:
    """Disorders as they are typed."""
    return "\n".join(f"{code} {name or ''}".strip() for code, name in disorders.items())
