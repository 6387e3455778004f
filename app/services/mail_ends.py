"""The kinds of mail about what comes to its end by itself: a guest's stay, an authorisation, an idle account, a year.

The table of all kinds is ``mail_kinds``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.services.mail_facts import MailKind, Shape
from app.words import _, n_


def _stay(label: object, subject: object, *body: object, **facts: Shape) -> MailKind:
    return MailKind(label=label, subject=subject, body=body, facts=facts, button=_("Open Home"), path="/")


def _authorisation(told: Mapping[str, Any]) -> object:
    if told["day"] is None:
        return _("The authorisation of %(place)s is over.", place=told["place"])
    return _("The authorisation of %(place)s ends. Its last day is %(day)s.", place=told["place"], day=told["day"])


def _roll_open(told: Mapping[str, Any]) -> object:
    return n_(
        "%(num)s person of %(place)s is still to be confirmed.",
        "%(num)s people of %(place)s are still to be confirmed.",
        told["people"],
        place=told["place"],
    )


def _roll(label: object, *body: object) -> MailKind:
    facts = {"place": Shape.TEXT, "day": Shape.DAY, "people": Shape.COUNT}
    return MailKind(
        label=label, subject=label, body=body, facts=facts, button=_("Open the list"), path="/yearly-lists/"
    )


KINDS: dict[str, MailKind] = {
    "roll.due": _roll(
        _("The yearly list of your hospital’s people is open"),
        _roll_open,
        _("Say of each by %(day)s whether they still work there. Nothing ends by itself."),
    ),
    "roll.overdue": _roll(
        _("The yearly list of your hospital’s people is overdue"),
        _roll_open,
        _("The list was due on %(day)s. Nobody loses a place by it, but the coordinators of your networks see it."),
    ),
    "authorisation.ending": MailKind(
        label=_("The authorisation of your hospital ends"),
        subject=_("The authorisation of your hospital ends"),
        body=(
            _authorisation,
            _("Without a new one nobody is enrolled there after it. Records and consents stay as they are."),
            _("Whoever represents the hospital records the new decision on the hospital’s page."),
        ),
        facts={"place": Shape.TEXT, "day": Shape.DAY},
        lacks=frozenset({"day"}),
        button=_("Open Home"),
        path="/",
    ),
    "guest.ending": _stay(
        _("Your time as a guest ends"),
        _("Your time as a guest ends soon"),
        _("Your time as a guest ends: its last day is %(day)s."),
        _("Whoever hosts you can extend it. They are told today as well."),
        day=Shape.DAY,
    ),
    "guest.ending-hosted": _stay(
        _("The time of a guest of yours ends"),
        _("The time of a guest of yours ends soon"),
        _("You host %(person)s, whose last day is %(day)s."),
        _("Extend it on Home if you still work together. Otherwise you need do nothing."),
        person=Shape.TEXT,
        day=Shape.DAY,
    ),
    "guest.extended": _stay(
        _("Your time as a guest is extended"),
        _("Your time as a guest is extended"),
        _("Your time as a guest was extended: its last day is %(day)s."),
        day=Shape.DAY,
    ),
    "guest.host-left": _stay(
        _("Your host has left"),
        _("Your host has left"),
        _("Whoever hosts you has left their hospital. Your time as a guest ends: its last day is %(day)s."),
        _("To go on, ask another clinician to host you: choose “Ask for access” on Home and name them."),
        day=Shape.DAY,
    ),
    "account.idle": MailKind(
        label=_("Your account will be locked"),
        subject=_("Sign in to keep your account"),
        body=(
            _(
                "You have not signed in since %(since)s. After a year the account is locked: on %(day)s at the earliest."
            ),
            _("To keep it, sign in before that day. If you need it no more, you need do nothing."),
        ),
        facts={"since": Shape.DAY, "day": Shape.DAY},
        button=_("Sign in"),
        path="/",
    ),
    "account.idle-kept": MailKind(
        label=_("Your account is not used"),
        subject=_("Sign in, or give what you keep to somebody else"),
        body=(
            _(
                "You have not signed in since %(since)s. Your account stays open, because you alone keep something here."
            ),
            _(
                "Sign in if you still work with it. Otherwise ask who appointed you to appoint somebody else, or hand your "
                "records over."
            ),
        ),
        facts={"since": Shape.DAY},
        button=_("Sign in"),
        path="/",
    ),
    "account.idle-locked": MailKind(
        label=_("Your account is locked"),
        subject=_("Your account is locked"),
        body=(
            _("You have not signed in since %(since)s, so your account is locked. What was stored stays."),
            _("If you need the account again, ask the operator to open it."),
        ),
        facts={"since": Shape.DAY},
        button=_("Read the privacy policy"),
        path="/policy/",
        also_locked=True,
    ),
}
