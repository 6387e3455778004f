"""The kinds of mail: which words, which facts, where the link leads, and whether a person may switch it off.

A kind's facts are all a mail can say: no patient's data, no file number, no code of a form. When a mail is written and how
it is sent is ``messages``.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from app.services import handover_words, mail_ends, mail_facts
from app.services.mail_facts import STORED, MailKind, Shape
from app.words import FORMATS, _, n_


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
    return {name: None if facts[name] is None else STORED[shape](facts[name]) for name, shape in shapes.items()}


def is_readable(kind: str, facts: Mapping[str, Any]) -> bool:
    """Whether a mail can still be worded: it is of a kind that is written today, with all its facts."""
    return kind in KINDS and set(KINDS[kind].facts) <= set(facts)


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
        name: None if value is None else mail_facts.said(shapes[name], value, locale, zone)
        for name, value in facts.items()
        if name in shapes
    }


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


def _unexplained(told: Mapping[str, Any]) -> object:
    return told["unexplained"] and n_(
        "%(num)s archived form waits for your word that you explained it.",
        "%(num)s archived forms wait for your word that you explained them.",
        told["unexplained"],
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


def _of_account(subject: object, sentence: object, **facts: Shape) -> MailKind:
    """A mail about how an account is signed in to."""
    return MailKind(
        label=subject,
        subject=subject,
        body=(
            sentence,
            _("If this was not you, change your password at once and tell the operator."),
        ),
        facts={"moment": Shape.MOMENT, **facts},
        button=_("See your logins"),
        path="/my-logins/",
    )


def _of_handover(label: object, *body: object) -> MailKind:
    """A mail about records on their way to another clinician: how many, never which."""
    facts = {"person": Shape.TEXT, "place": Shape.TEXT, "records": Shape.COUNT}
    return MailKind(label=label, subject=label, body=body, facts=facts, button=_("Open Home"), path="/")


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
    "account.factor-added": _of_account(
        _("A second factor was added"),
        _("A second factor was added to your account on %(moment)s: %(kind)s."),
        kind=Shape.WORD,
    ),
    "account.factor-removed": _of_account(
        _("A second factor was removed"),
        _("A second factor was removed from your account on %(moment)s: %(kind)s."),
        kind=Shape.WORD,
    ),
    "account.recovery-used": _of_account(
        _("A recovery code was used"),
        _("Somebody signed in to your account with a recovery code on %(moment)s. It works no more."),
    ),
    "account.factors-reset": _of_account(
        _("Your second factors were removed by an operator"),
        _("An operator removed your second factors on %(moment)s. Set one up when you sign in next."),
    ),
    "account.wrong-codes": _of_account(
        _("Wrong codes were typed for your account"),
        _("Somebody who knows your password typed several wrong codes on %(moment)s."),
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
    "hospital.leaves": MailKind(
        label=_("Your hospital leaves its last network"),
        subject=_("Your hospital leaves its last network"),
        body=(
            handover_words.hospital_leaves,
            _(
                "The hospital takes its consent archive with it: the representative asks for an export, each clinician "
                "releases it, the data-protection contact reads the passphrase."
            ),
            _("After the last day patients’ withdrawals are still recorded. Nothing else can be changed."),
        ),
        facts={"place": Shape.TEXT, "day": Shape.DAY},
        lacks=frozenset({"day"}),
        button=_("Open the exports"),
        path="/exports/",
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
            _(
                "Somebody asks for a place and names you: %(role)s. Home says who it is."
            ),  # a stranger's words go nowhere
            _("If you know this person, confirm it on Home. If not, you need do nothing."),
        ),
        facts={"role": Shape.WORD},
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
            handover_words.to_hand_over,
            _("Whoever represents the hospital offers them to a colleague: Home leads there."),
        ),
        facts={"person": Shape.TEXT, "place": Shape.TEXT, "records": Shape.COUNT},
        button=_("Open Home"),
        path="/",
    ),
    "handover.offered": _of_handover(
        _("Records are offered to you"),
        handover_words.offered,
        _("Accept or decline them on Home. Until then they stay where they are."),
    ),
    "handover.accepted": _of_handover(_("Records you offered were taken over"), handover_words.taken),
    "handover.declined": _of_handover(
        _("Records you offered were declined"), handover_words.not_taken, _("Offer them to somebody else.")
    ),
    "absence.asked": MailKind(
        label=_("A colleague asks you to stand in"),
        subject=_("You are asked to stand in for a colleague"),
        body=(
            _("A colleague is away from %(from_on)s to %(to_on)s and asks you to stand in."),
            _("Accept or decline behind the link. It opens nothing to you that is not open to you now."),
        ),
        facts={"from_on": Shape.DAY, "to_on": Shape.DAY},
        button=_("See who it is"),
        path="/my-absences/",
    ),
    "absence.answered": MailKind(
        label=_("A colleague answers whether they stand in"),
        subject=_("Who stands in for you has answered"),
        body=(
            _("Whom you asked to stand in from %(from_on)s to %(to_on)s has answered. See the answer behind the link."),
        ),
        facts={"from_on": Shape.DAY, "to_on": Shape.DAY},
        button=_("See your absences"),
        path="/my-absences/",
    ),
    "digest": MailKind(
        label=_("Reminders: at most one mail a day"),
        subject=_("Work waits for you"),
        body=(_requests, handover_words.before_leaving, _renewals, _drafts, _unexplained, _letters, _releases),
        facts=dict.fromkeys(
            ("requests", "handovers", "renewals", "drafts", "unexplained", "letters", "releases"), Shape.COUNT
        ),
        button=_("Open Home"),
        path="/",
        optional=True,
        fresh=dt.timedelta(days=1),
    ),
    **mail_ends.KINDS,
}
"""Every kind of mail by name; ``messages.post`` takes no other."""
