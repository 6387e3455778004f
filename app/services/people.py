"""People's places: memberships in centres, mandates, an assistant's grants. Who appoints whom is ``access``.

Whoever appoints types an e-mail address: an account that has it is taken, otherwise one is made, and the answer is the
same either way, so nobody learns who has an account. Accounts themselves are ``accounts``.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from sqlalchemy import select

from app.act import act
from app.actors import KEEPERS, Actor
from app.errors import Incomplete, NotAllowed
from app.models import (
    Centre,
    Country,
    Grant,
    GrantedPatient,
    Hospital,
    Mandate,
    Membership,
    Network,
    Patient,
    Person,
    db,
    today,
)
from app.services import accounts, farewells, leavings, messages, spells, stays
from app.services.accounts import Typed
from app.tables import engines
from app.words import GrantScope, MandateKind, Procedure, Role, _

GUEST_DAYS = 90

Days = tuple[dt.date, dt.date | None]
"""The first day, and the last one if it is known."""


def _wrong(name: str, sentence: object) -> Incomplete:
    return Incomplete(sentence, fields={name: sentence})


def _somebody_else(actor: Actor, place: Any, typed: Typed) -> int:
    """The account of a typed e-mail address, if it is not one's own."""
    person_id = accounts.found_or_made(actor, typed, place)
    if person_id == actor.user_id:
        raise _wrong("email", _("This is you: nobody appoints themselves. Ask somebody else who may do this."))
    engines.alone(db.session(), engines.PLACES, person_id)  # a request of theirs may be accepted at this moment
    return person_id


def _refuse_own(actor: Actor, person_id: int) -> None:
    if person_id == actor.user_id:
        raise NotAllowed(_("This is about you: nobody decides about themselves. Ask somebody else who may do this."))


def _refuse_past(to_on: dt.date | None) -> None:
    if to_on is not None and to_on < today():
        raise _wrong("to_on", _("This day is past. Choose a later one."))


# --- memberships -----------------------------------------------------------------------------------------------------


@act("membership.add", creates=Membership)
def add_member(
    actor: Actor, centre: Centre, *, typed: Typed, from_on: dt.date, to_on: dt.date | None = None
) -> Membership:
    """Make a person a clinician of a centre.

    Raises:
        Incomplete: it is oneself, the person is a member of the centre already, or something typed cannot be right.
        WrongStep: the centre or the hospital is over.
    """
    spells.refuse_over(centre)
    spells.refuse_over(centre.hospital)
    spells.check(from_on, to_on)
    _refuse_past(to_on)
    person_id = _somebody_else(actor, centre, typed)
    same = select(Membership.id).where(
        Membership.person_id == person_id, Membership.centre_id == centre.id, spells.not_over(Membership)
    )
    if db.session.scalar(same.limit(1)) is not None:
        raise _wrong("email", _("This person is a member of this centre already."))
    facts = {"role": Role.CLINICIAN, "place": f"{centre.hospital.name}, {centre.name}", "day": from_on}
    messages.post(person_id, "place.given", facts)
    return Membership(
        person_id=person_id,
        centre_id=centre.id,
        appointed_by_id=actor.user_id,
        from_on=from_on,
        to_on=to_on,
        stay=stays.joined(person_id, centre.hospital_id, from_on),
    )


@act("membership.amend")
def amend_membership(actor: Actor, membership: Membership, *, from_on: dt.date, to_on: dt.date | None) -> None:
    """Move the first and the last day of a membership.

    Raises:
        NotAllowed: it is one's own.
        Incomplete: the dates cannot be right, or it would end with today: what ends is ended, after a preview. So would one
            in force that is to begin later.
        WrongStep: it is over: who comes back begins anew.
    """
    _refuse_own(actor, membership.person_id)
    spells.refuse_over(membership, _("This has ended already. Add a new one instead."))
    if to_on is not None and to_on != membership.to_on and to_on <= today():
        sentence = _(
            "This would end it now. Choose a later day; or end it on its page, where you see what hangs on it and give a "
            "reason."
        )
        raise _wrong("to_on", sentence)
    if from_on > today() >= membership.from_on:
        sentence = _(
            "This has begun already, and would end now. Choose today or an earlier day; or end it on its page and add a new "
            "one that begins later."
        )
        raise _wrong("from_on", sentence)
    spells.change(membership, from_on, to_on)
    stays.look_after_places()


@act("membership.end")
def end_membership(_actor: Actor, membership: Membership, *, reason: str, last_day: dt.date | None = None) -> None:
    """End a membership: the rights, and the grants given from it, end with it.

    With a last day it winds down: nobody is enrolled any more, and the records are handed over until then.
    """
    spells.wind_down(membership, reason, last_day)
    stays.look_after_places()
    leavings.close_logins(select(Membership.person_id).where(Membership.id == membership.id))
    leavings.tell(membership)
    farewells.tell_member(membership, last_day)


# --- mandates --------------------------------------------------------------------------------------------------------


@act("mandate.appoint-coordinator", creates=Mandate)
def appoint_coordinator(
    actor: Actor, network: Network, *, typed: Typed, from_on: dt.date, to_on: dt.date | None = None
) -> Mandate:
    """Let a person coordinate a network.

    Raises:
        Incomplete: the last day is after the network's.
        WrongStep: the network has ended.
    """
    spells.refuse_over(network)
    spells.check_within(network, to_on)
    return _appoint(actor, MandateKind.ERN_COORDINATOR, network, typed, (from_on, to_on), network_id=network.id)


@act("mandate.appoint-hub", creates=Mandate)
def appoint_hub(
    actor: Actor, country: Country, *, typed: Typed, from_on: dt.date, to_on: dt.date | None = None
) -> Mandate:
    """Let a person work in the hub of a country whose patients follow the Ukrainian procedure.

    Raises:
        NotAllowed: the country has none.
    """
    if country.procedure is not Procedure.UA:
        raise NotAllowed(_("Only Ukraine has a hub."))
    return _appoint(actor, MandateKind.UA_HUB, country, typed, (from_on, to_on))


@act("mandate.appoint-representative", creates=Mandate)
def appoint_representative(
    actor: Actor, hospital: Hospital, *, typed: Typed, from_on: dt.date, to_on: dt.date | None = None
) -> Mandate:
    """Let a person represent a hospital: decide, with its data-protection officer's opinion, and appoint its people."""
    return _appoint_in(actor, hospital, MandateKind.HOSPITAL_REPRESENTATIVE, typed, (from_on, to_on))


@act("mandate.appoint-protection", creates=Mandate)
def appoint_protection(
    actor: Actor, hospital: Hospital, *, typed: Typed, from_on: dt.date, to_on: dt.date | None = None
) -> Mandate:
    """Make a person a hospital's data-protection contact."""
    return _appoint_in(actor, hospital, MandateKind.DATA_PROTECTION_CONTACT, typed, (from_on, to_on))


@act("mandate.appoint-assistant", creates=Mandate)
def appoint_assistant(
    actor: Actor, hospital: Hospital, *, typed: Typed, from_on: dt.date, to_on: dt.date | None = None
) -> Mandate:
    """Make a person an assistant in a hospital; clinicians there may let them act for them."""
    return _appoint_in(actor, hospital, MandateKind.ASSISTANT, typed, (from_on, to_on))


@act("mandate.admit-guest", creates=Mandate)
def admit_guest(actor: Actor, host: Person, *, typed: Typed, to_on: dt.date) -> Mandate:
    """Admit a guest of ``host`` from today, for ninety days at most.

    Raises:
        Incomplete: the last day is too late or past, the host is the guest, or something typed cannot be right.
    """
    if to_on > today() + dt.timedelta(days=GUEST_DAYS):
        raise _wrong("to_on", _("A guest stays %(days)s days at most; admit them again then.", days=GUEST_DAYS))
    made = _appoint(actor, MandateKind.GUEST, host, typed, (today(), to_on), host_id=host.id)
    if made.person_id == host.id:
        raise _wrong("email", _("The host cannot be the guest."))
    return made


OTHER_SIDE = {
    MandateKind.HOSPITAL_REPRESENTATIVE: MandateKind.DATA_PROTECTION_CONTACT,
    MandateKind.DATA_PROTECTION_CONTACT: MandateKind.HOSPITAL_REPRESENTATIVE,
}
"""Who decides is never who advises: these two are never one account in a hospital."""


def _appoint_in(actor: Actor, hospital: Hospital, kind: MandateKind, typed: Typed, days: Days) -> Mandate:
    """Appoint in a hospital.

    Raises:
        Incomplete: the person represents the hospital and would be its data-protection contact, or the reverse.
        WrongStep: the hospital is over.
    """
    if kind not in KEEPERS:  # somebody records withdrawals and exports the archive, also afterwards
        spells.refuse_over(hospital)
    made = _appoint(actor, kind, hospital, typed, days, hospital_id=hospital.id)
    other = OTHER_SIDE.get(kind)
    if other and _held(made.person_id, other, hospital_id=hospital.id):
        sentence = _(
            "This person cannot have both mandates: the representative decides, the data-protection contact advises. "
            "Choose somebody else."
        )
        raise _wrong("email", sentence)
    return made


def _appoint(actor: Actor, kind: MandateKind, place: Any, typed: Typed, days: Days, **where: int) -> Mandate:
    """Appoint somebody else.

    Raises:
        Incomplete: it is oneself, the person has the mandate already, or something typed cannot be right.
    """
    from_on, to_on = days
    spells.check(from_on, to_on)
    _refuse_past(to_on)
    person_id = _somebody_else(actor, place, typed)
    if _held(person_id, kind, **where):
        raise _wrong("email", _("This person has this mandate already."))
    messages.post(person_id, "place.given", {"role": kind, "place": str(place), "day": from_on})
    return Mandate(person_id=person_id, kind=kind, appointed_by_id=actor.user_id, from_on=from_on, to_on=to_on, **where)


def _held(person_id: int, kind: MandateKind, **where: int) -> int | None:
    """The id of a mandate a person has there that is not over."""
    found = select(Mandate.id).where(Mandate.person_id == person_id, Mandate.kind == kind, spells.not_over(Mandate))
    return db.session.scalar(found.filter_by(**where).limit(1))


@act("mandate.end")
def end_mandate(_actor: Actor, mandate: Mandate, *, reason: str, last_day: dt.date | None = None) -> None:
    """End a mandate: its rights end, in open logins too."""
    spells.end(mandate, reason, last_day)
    stays.look_after_places()
    leavings.close_logins(select(Mandate.person_id).where(Mandate.id == mandate.id))
    farewells.tell_mandated(mandate, last_day)


# --- grants ----------------------------------------------------------------------------------------------------------


@act("grant.give", creates=Grant)
def give(
    actor: Actor,
    hospital: Hospital,
    *,
    assistant: Person,
    scope: GrantScope,
    chosen: Sequence[Patient] = (),
    from_on: dt.date,
    to_on: dt.date | None = None,
) -> Grant:
    """Let an assistant of the hospital act for oneself, on all records or on the chosen ones.

    Raises:
        Incomplete: the person is no assistant there, no record is chosen, or the dates cannot be right.
    """
    spells.check(from_on, to_on)
    mandate_id = _held(assistant.id, MandateKind.ASSISTANT, hospital_id=hospital.id)
    if assistant.id == actor.user_id or mandate_id is None:
        raise _wrong("assistant", _("Choose an assistant of your hospital."))
    grant = Grant(
        clinician_id=actor.user_id,
        assistant_id=assistant.id,
        hospital_id=hospital.id,
        scope=scope,
        from_on=from_on,
        to_on=to_on,
        stay=stays.current(actor.user_id, hospital.id),
        mandate_id=mandate_id,
    )
    _put(grant, chosen)
    return grant


@act("grant.choose")
def choose(_actor: Actor, grant: Grant, *, scope: GrantScope, chosen: Sequence[Patient] = ()) -> None:
    """Change which records a grant covers.

    Raises:
        Incomplete: no record is chosen.
        WrongStep: it was ended before.
    """
    spells.refuse_ended(grant)
    grant.scope = scope
    _put(grant, chosen)


def _put(grant: Grant, chosen: Sequence[Patient]) -> None:
    """Name the records a grant covers: one's own, of that hospital."""
    wanted = {patient.id for patient in chosen} if grant.scope is GrantScope.CHOSEN else set()
    if grant.scope is GrantScope.CHOSEN and not wanted:
        raise _wrong("chosen", _("Choose at least one record."))
    mine = (Patient.clinician_id == grant.clinician_id, Patient.hospital_id == grant.hospital_id)
    treated = select(Patient.id).where(Patient.id.in_([patient.id for patient in chosen]), *mine)
    if len(set(db.session.scalars(treated.with_for_update()))) < len({patient.id for patient in chosen}):
        raise _wrong(
            "chosen", _("Choose records you treat in this hospital.")
        )  # locked: nobody hands one over meanwhile
    grant.chosen = [one for one in grant.chosen if one.patient_id in wanted]
    known = {one.patient_id for one in grant.chosen}
    grant.chosen += [GrantedPatient(patient_id=patient_id) for patient_id in sorted(wanted - known)]


@act("grant.end")
def end_grant(_actor: Actor, grant: Grant, *, reason: str, last_day: dt.date | None = None) -> None:
    """End a grant: the assistant acts for the clinician no more."""
    spells.end(grant, reason, last_day)


@act("grant.return")
def give_back(_actor: Actor, grant: Grant, *, reason: str) -> None:
    """End a grant one received, at once."""
    spells.end(grant, reason)


def places_of(person: Person) -> tuple[list[Membership], list[Mandate], list[Grant]]:
    """A person's memberships, mandates and grants given or received that the reader may see, the newest first."""
    either = (Grant.clinician_id == person.id) | (Grant.assistant_id == person.id)
    return (
        _newest(Membership, Membership.person_id == person.id),
        _newest(Mandate, Mandate.person_id == person.id),
        _newest(Grant, either),
    )


def _newest(table: type[Any], where: Any) -> list[Any]:
    found = select(table).where(where).order_by(table.from_on.desc(), table.id.desc())
    return list(db.session.scalars(found).unique())
