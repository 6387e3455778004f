"""Requests accepted together: which of them may be, and by what address somebody is of a hospital."""

from __future__ import annotations

from typing import Any

from app.actors import Actor
from app.models import MembershipRequest
from app.services import accounts
from app.words import RequestKind, RequestState, _

ANYBODYS = frozenset(
    [
        "abv.bg",
        "alice.it",
        "aol.com",
        "azet.sk",
        "bigmir.net",
        "centrum.cz",
        "citromail.hu",
        "fastmail.com",
        "free.fr",
        "freemail.hu",
        "freenet.de",
        "gmail.com",
        "gmx.at",
        "gmx.ch",
        "gmx.com",
        "gmx.de",
        "gmx.net",
        "googlemail.com",
        "hotmail.com",
        "hotmail.de",
        "hotmail.fr",
        "hotmail.gr",
        "hotmail.it",
        "i.ua",
        "icloud.com",
        "inbox.lv",
        "interia.pl",
        "laposte.net",
        "libero.it",
        "live.com",
        "mac.com",
        "mail.bg",
        "mail.com",
        "mail.ee",
        "me.com",
        "meta.ua",
        "msn.com",
        "o2.pl",
        "onet.pl",
        "orange.fr",
        "otenet.gr",
        "outlook.com",
        "proton.me",
        "protonmail.com",
        "sapo.pt",
        "seznam.cz",
        "sfr.fr",
        "siol.net",
        "skynet.be",
        "t-online.de",
        "telenet.be",
        "tin.it",
        "tiscali.it",
        "tutanota.com",
        "ukr.net",
        "virgilio.it",
        "wanadoo.fr",
        "web.de",
        "wp.pl",
        "yahoo.com",
        "yahoo.de",
        "yahoo.es",
        "yahoo.fr",
        "yahoo.gr",
        "yahoo.it",
        "ymail.com",
        "ziggo.nl",
        "zoho.com",
    ]
)
"""Where anybody has an address: it proves no hospital, even if the hospital itself writes from there."""


def unfit(actor: Actor, request: MembershipRequest) -> Any:
    """Why a request cannot be accepted together with others; ``None`` when it can."""
    if request.kind is not RequestKind.CLINICIAN:
        return _("Only clinicians are accepted together.")
    if request.state is not RequestState.AT_NETWORK or request.confirmed_by is None:
        return _("The hospital has not confirmed this.")
    if request.confirmed_by_id == actor.user_id:
        return _("You have confirmed this for the hospital yourself.")
    if not request.registration_number:
        return _("The registration number is missing.")
    if not same_domain(request):
        return _("The e-mail address is not one of the hospital.")
    return None


def same_domain(request: MembershipRequest) -> bool:
    """Whether the applicant writes from the hospital's own domain, or one below it, and still has that address."""
    if request.hospital is None or not request.email or not accounts.keeps_its_address(request.person_id):
        return False
    own, theirs = (address.rpartition("@")[2].lower() for address in (request.email, request.hospital.email))
    return bool(theirs) and theirs not in ANYBODYS and (own == theirs or own.endswith(f".{theirs}"))
