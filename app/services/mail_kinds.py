"""The kinds of mail: which words, which facts, where the link leads, and whether a person may switch it off.

A kind's facts are all a mail can say: no patient's data, no file number, no code of a form. When a mail is written and how
it is sent is ``messages``.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel.dates import format_date, format_datetime

from app.labels import LABELS
from app.words import FORMATS, _, n_


class Shape(Enum):
    """What a fact is, so that it is said in the receiver's language."""

    TEXT = "a name of a hospital, a network or a colleague"
    WORD = "a word of our vocabulary (``words``)"
    COUNT = "how many"
    DAY = "a date"
    MOMENT = "a moment"


class MailKind(NamedTuple):
    """One kind of mail."""

    label: object
    """What it is called among one's settings."""
    subject: object
    body: tuple[object, ...]
    """Paragraphs, with facts as ``%(name)s``, or made by a function of the facts (empty: it is left out)."""
    facts: Mapping[str, Shape]
    button: object
    path: str
    """Where the link leads, below the public address; facts as ``{name}``."""
    lacks: frozenset[str] = frozenset()
    """Facts that may not be known (``None``)."""
    optional: bool = False
    """Whether a person may switch it off; accounts and decisions may not be."""
    also_locked: bool = False
    """Whether it goes to a locked account too: that it is locked, why it ended."""
    fresh: dt.timedelta = dt.timedelta(days=14)
    """How long it is worth being sent."""


def stored(kind: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Facts as they are kept in the mail's row.

    Raises:
        KeyError: no such kind.
        ValueError: a fact is missing, too many, or of another shape.
    """
    shapes, lacks = KINDS[kind].facts, KINDS[kind].lacks
    unknown = {name for name, value in facts.items() if value is None}
    if set(facts) != set(shapes) or not unknown <= lacks:
        message = f"{kind} takes {sorted(shapes)}, not {sorted(facts)}; unknown may be {sorted(lacks)}"
        raise ValueError(message)
    return {name: None if facts[name] is None else _STORED[shape](facts[name]) for name, shape in shapes.items()}


def _text(value: Any) -> str:
    return str(value)[:300]


def _word(value: Any) -> str:
    if value not in LABELS:
        message = f"no word of ours: {value!r}"
        raise ValueError(message)
    return str(value)


_STORED: dict[Shape, Callable[[Any], Any]] = {
    Shape.TEXT: _text,
    Shape.WORD: _word,
    Shape.COUNT: int,
    Shape.DAY: lambda day: day.isoformat(),
    Shape.MOMENT: lambda moment: moment.astimezone(dt.UTC).isoformat(),
}


def said(kind: str, facts: Mapping[str, Any], language: str, zone: str | None) -> dict[str, Any]:
    """Facts as a reader reads them. Inside ``words.spoken_in(language)``.

    Args:
        kind: one of ``KINDS``.
        facts: as they are stored.
        language: one of ``words.LANGUAGES``.
        zone: the reader's time zone by its IANA name; a moment is said in it.
    """
    shapes, locale = KINDS[kind].facts, FORMATS.get(language, language)
    return {
        name: None if value is None else _said(shapes[name], value, locale, zone)
        for name, value in facts.items()
        if name in shapes
    }


def _said(shape: Shape, value: Any, locale: str, zone: str | None) -> Any:
    if shape is Shape.WORD:
        return str(LABELS[value])
    if shape is Shape.DAY:
        return format_date(dt.date.fromisoformat(value), "long", locale=locale)
    if shape is Shape.MOMENT:
        moment, known = dt.datetime.fromisoformat(value), _zone(zone)
        return f"{format_datetime(moment, 'long', tzinfo=known, locale=locale)}"
    return value


def _zone(name: str | None) -> ZoneInfo:
    """The time zone of a name; UTC where a person has chosen none, or one this machine does not know."""
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def words(kind: str, told: Mapping[str, Any]) -> tuple[str, list[str], str]:
    """Subject, paragraphs and the button's words, in the language being spoken.

    Args:
        kind: one of ``KINDS``.
        told: the facts as ``said`` gives them.
    """
    what = KINDS[kind]
    paragraphs = [part(told) if callable(part) else str(part) % told for part in what.body]
    return str(what.subject) % told, [str(one) for one in paragraphs if one], str(what.button)


# --- the table -------------------------------------------------------------------------------------------------------


def _place_given(told: Mapping[str, Any]) -> object:
    return _("You were given a place: %(place)s. It begins on %(day)s.", place=_place(told), day=told["day"])


def _place_ended(told: Mapping[str, Any]) -> object:
    if told["day"] is None:
        return _("Your place ended: %(place)s. What it opened to you is closed.", place=_place(told))
    return _("Your place ends: %(place)s. Its last day is %(day)s.", place=_place(told), day=told["day"])


def _place(told: Mapping[str, Any]) -> str:
    return ", ".join(part for part in (told["role"], told["place"]) if part)


def _renewals(told: Mapping[str, Any]) -> object:
    return told["renewals"] and n_(
        "%(num)s consent form has to be signed anew within 90 days.",
        "%(num)s consent forms have to be signed anew within 90 days.",
        told["renewals"],
    )


def _drafts(told: Mapping[str, Any]) -> object:
    return told["drafts"] and n_(
        "%(num)s draft is erased soon, because its form has not come back.",
        "%(num)s drafts are erased soon, because their forms have not come back.",
        told["drafts"],
    )


def _letters(told: Mapping[str, Any]) -> object:
    return told["letters"] and n_(
        "%(num)s patient’s letter is not answered yet.",
        "%(num)s patients’ letters are not answered yet.",
        told["letters"],
    )


def _requests(told: Mapping[str, Any]) -> object:
    return told["requests"] and n_(
        "%(num)s request for access waits for you.",
        "%(num)s requests for access wait for you.",
        told["requests"],
    )


def _releases(told: Mapping[str, Any]) -> object:
    return told["releases"] and n_(
        "%(num)s export of the consent archive waits for your release.",
        "%(num)s exports of the consent archive wait for your release.",
        told["releases"],
    )


def _asked_for(told: Mapping[str, Any]) -> object:
    return _("You asked for a place: %(place)s.", place=_place(told))


def _requested(subject: object, sentence: object, label: object) -> MailKind:
    """A mail to an applicant; what was typed to them stays behind the link."""
    return MailKind(
        label=label,
        subject=subject,
        body=(_asked_for, sentence),
        facts={"role": Shape.WORD, "place": Shape.TEXT},
        lacks=frozenset({"place"}),
        button=_("See how it stands"),
        path="/my-requests/",
    )


def _records_stay(told: Mapping[str, Any]) -> object:
    return told["records"] and n_(
        "%(num)s record you treated stays with the hospital, which decides who takes it over.",
        "%(num)s records you treated stay with the hospital, which decides who takes them over.",
        told["records"],
    )


def _to_hand_over(told: Mapping[str, Any]) -> object:
    return n_(
        "%(person)s closed their account. %(num)s record at %(place)s hangs on it.",
        "%(person)s closed their account. %(num)s records at %(place)s hang on it.",
        told["records"],
        person=told["person"],
        place=told["place"],
    )


_PLACE = {"role": Shape.WORD, "place": Shape.TEXT, "day": Shape.DAY}

KINDS: dict[str, MailKind] = {
    "account.link-made": MailKind(
        label=_("An operator made a link to set your password"),
        subject=_("A link to set your password was made"),
        body=(
            _("An operator made a one-time link to set your password on %(moment)s."),
            _("If you did not ask for it, change your password and tell the data-protection contact of your hospital."),
        ),
        facts={"moment": Shape.MOMENT},
        button=_("Sign in"),
        path="/",
    ),
    "place.given": MailKind(
        label=_("You were given a place"),
        subject=_("You have a new place: %(role)s"),
        body=(
            _place_given,
            _("Sign in to see what you can do there. If you do not work there, tell the operator."),
        ),
        facts=_PLACE,
        lacks=frozenset({"place"}),
        button=_("Sign in"),
        path="/",
    ),
    "place.ended": MailKind(
        label=_("Your place ends"),
        subject=_("Your place ends: %(role)s"),
        body=(_place_ended, _("If this is a mistake, ask whoever administers the place.")),
        facts=_PLACE,
        lacks=frozenset({"place", "day"}),
        button=_("Sign in"),
        path="/",
    ),
    "request.sent": _requested(
        _("Your request is sent"),
        _("It is with those who decide. You find who that is, and how old the request is, behind the link."),
        _("Your request is sent"),
    ),
    "request.confirmed": _requested(
        _("Your request is confirmed"),
        _("The first of two steps is done. The coordinator of the network decides now."),
        _("Your request is confirmed"),
    ),
    "request.asked": _requested(
        _("You are asked something about your request"),
        _("Whoever decides has a question. The request waits until you answer it."),
        _("You are asked something about your request"),
    ),
    "request.accepted": _requested(
        _("Your request is accepted"),
        _("You can begin at once: sign in."),
        _("Your request is accepted"),
    ),
    "request.refused": _requested(
        _("Your request is refused"),
        _("The reason stands behind the link. You can ask again at any time."),
        _("Your request is refused"),
    ),
    "request.named": MailKind(
        label=_("Somebody names you in a request"),
        subject=_("A colleague asks you to confirm a request"),
        body=(
            _("%(name)s asks for a place and names you: %(role)s."),
            _("If you know this person, confirm it on Home. If not, you need do nothing."),
        ),
        facts={"name": Shape.TEXT, "role": Shape.WORD},
        button=_("Open Home"),
        path="/",
    ),
    "account.ended": MailKind(
        label=_("Your account ended"),
        subject=_("Your account is closed"),
        body=(
            _("You withdrew your consent to the privacy policy. Your places have ended and your account is closed."),
            _records_stay,
            _("If this was not you, tell the operator at once."),
        ),
        facts={"records": Shape.COUNT},
        button=_("Read the privacy policy"),
        path="/policy/",
        also_locked=True,
    ),
    "records.to-hand-over": MailKind(
        label=_("Records wait for another clinician"),
        subject=_("Records wait for another clinician"),
        body=(
            _to_hand_over,
            _("Decide who takes them over. Until then only the assistants of that account open them."),
        ),
        facts={"person": Shape.TEXT, "place": Shape.TEXT, "records": Shape.COUNT},
        button=_("Open Home"),
        path="/",
    ),
    "digest": MailKind(
        label=_("Reminders: at most one mail a day"),
        subject=_("Work waits for you"),
        body=(_requests, _renewals, _drafts, _letters, _releases),
        facts=dict.fromkeys(("requests", "renewals", "drafts", "letters", "releases"), Shape.COUNT),
        button=_("Open Home"),
        path="/",
        optional=True,
        fresh=dt.timedelta(days=1),
    ),
}
"""Every kind of mail by name; ``messages.post`` takes no other."""
