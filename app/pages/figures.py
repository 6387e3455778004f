"""The numbers on Home of who coordinates a network or represents a hospital; each leads to the list it counts."""

from __future__ import annotations

from typing import NamedTuple

from flask import url_for

from app.pages.security import acting
from app.services import overview
from app.words import MandateKind, _

MINDING = {MandateKind.ERN_COORDINATOR, MandateKind.HOSPITAL_REPRESENTATIVE}


class Figure(NamedTuple):
    """A number as it is read, what it counts, its list; ``late`` when somebody should look at it."""

    number: str
    what: object
    url: str
    late: bool = False


def desk() -> list[Figure]:
    """The numbers, without those of what there is none of and never need be looked at; none for others."""
    if not acting().mandates & MINDING:
        return []
    n = overview.desk(acting())
    figures = [
        _figure(n.requests, _("Requests for you"), url_for("RequestPage.list", waits="me", sort="oldest")),
        _late(n.requests_late, _("Requests older than a day"), url_for("RequestPage.list", waits="me", age="old")),
        _figure(n.members, _("Memberships"), url_for("MembershipPage.list", when="now")),
        _late(n.members_ending, _("Memberships ending within 30 days"), url_for("MembershipPage.list", when="soon")),
        _figure(n.guests, _("Guests"), url_for("MandatePage.list", kind="guest", when="now")),
        _late(
            n.guests_ending,
            _("Guests leaving within 30 days"),
            url_for("MandatePage.list", kind="guest", when="soon"),
        ),
        *_dispatchers(n.dispatchers),
        _figure(n.centres, _("Centres"), url_for("CentrePage.list", whose="mine", when="now")),
        _figure(n.hospitals, _("Hospitals"), url_for("HospitalPage.list", whose="mine")),
        _late(
            n.hospitals_closed,
            _("Hospitals without authorisation"),
            url_for("HospitalPage.list", whose="mine", authorised="none"),
        ),
        _late(
            n.hospitals_closing,
            _("Authorisations ending within 60 days"),
            url_for("HospitalPage.list", whose="mine", authorised="soon"),
        ),
        _late(n.idle, _("Accounts not used for nine months"), url_for("IdlePage.list", state="open")),
    ]
    return [figure for figure in figures if figure.number != "0" or not figure.late]


def _dispatchers(number: int) -> list[Figure]:
    """Of who coordinates a network alone."""
    url = url_for("MandatePage.list", kind="dispatcher", when="now")
    return [_figure(number, _("Dispatchers"), url)] if MandateKind.ERN_COORDINATOR in acting().mandates else []


def _figure(number: int, what: object, url: str) -> Figure:
    return Figure(f"{overview.MOST}+" if number > overview.MOST else str(number), what, url)


def _late(number: int, what: object, url: str) -> Figure:
    return _figure(number, what, url)._replace(late=True)
