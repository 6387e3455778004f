"""Handovers: records go from the clinician who treats the patients to a colleague of the same hospital, who accepts.

Offered by that clinician, or by the hospital's representative when the clinician leaves or has left. The colleague sees the
nickname and whose record it is, no more, until it is theirs. What follows the record needs no act: forms, scans and
documents are the patient's, and a grant covers the records of who gave it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, tuple_
from sqlalchemy.orm import contains_eager

from app import rights, sight
from app.act import act
from app.actors import PLACES, Actor, in_force, memberships_in_force
from app.errors import Conflict, Incomplete, Refusal, WrongStep
from app.models import Centre, GrantedPatient, Handover, Hospital, Membership, Patient, Person, db, now, today
from app.scopes import enrollers, present
from app.services import messages, spells
from app.services.jobs import Every, each, job
from app.words import HandoverState, PatientState, _

MOST = 500
"""Records that are offered in one go."""


def takers(hospital_id: int, but: int) -> ColumnElement[bool]:
    """The people who can take over records of a hospital: who may enrol there and whose account is open, but for one."""
    member, there = enrollers(today()).subquery(), present(today()).subquery()
    enrol = select(member.c.person_id).where(member.c.hospital_id == hospital_id)
    here = select(there.c.person_id).where(there.c.hospital_id == hospital_id)
    return and_(Person.id != but, Person.id.in_(enrol.correlate(None)), Person.id.in_(here.correlate(None)))


def _can_take(person_id: int, hospital_id: int) -> bool:
    found = select(Person.id).where(Person.id == person_id, takers(hospital_id, but=0))
    return db.session.scalar(found) is not None


# --- offered ---------------------------------------------------------------------------------------------------------


@act("handover.propose", creates=Handover)
def propose(actor: Actor, patient: Patient, *, colleague: Person) -> Handover:
    """Offer a record to a colleague, who accepts or declines.

    Raises:
        Incomplete: the colleague treats the patient already, cannot enrol in the hospital, or offers it to themselves.
        Conflict: the record is offered to somebody already.
    """
    if actor.user_id == colleague.id:
        raise _not_them(
            _("You cannot offer a record to yourself. Choose somebody else, or let another person offer it.")
        )
    if patient.clinician_id == colleague.id or not _can_take(colleague.id, patient.hospital_id):
        raise _not_them(_("This person cannot take over records of this hospital now. Choose somebody else."))
    waits = select(Handover.id).where(Handover.patient_id == patient.id, Handover.state == HandoverState.PROPOSED)
    if db.session.scalar(waits) is not None:
        raise Conflict(_("This record is offered to somebody already. Take that offer back first."))
    return Handover(
        patient_id=patient.id,
        hospital_id=patient.hospital_id,
        from_id=patient.clinician_id,
        to_id=colleague.id,
        proposed_by_id=actor.user_id,
        giver=_name_of(patient.clinician_id),
        taker=str(colleague)[:200],
        proposed_at=now(),
    )


def _not_them(sentence: object) -> Incomplete:
    return Incomplete(sentence, fields={"colleague": sentence})


def _name_of(person_id: int) -> str:
    """The name of who treats a patient, also of somebody who has left."""
    with sight.wide("handover") as session:
        return str(session.get_one(Person, person_id))[:200]


class Tried(NamedTuple):
    """How many of several acts were done, and why the others were not."""

    done: int
    refused: list[Refusal]


def propose_each(actor: Actor, patients: Sequence[Patient], colleague: Person, once: str | None = None) -> Tried:
    """Offer several records of one clinician in one hospital, each by itself; the colleague gets one mail."""
    hospital, began, made = patients[0].hospital.name, now(), list[dt.datetime]()

    def offer(one: Patient) -> None:
        key = f"{once}-{one.public_id}" if once else None
        made.append(propose(actor, one, colleague=colleague, once=key).proposed_at)

    tried = _each(patients, offer)
    news = sum(at >= began for at in made)  # a second click finds the offers of the first
    if news:
        who = db.session.get_one(Person, actor.user_id)
        facts = {"person": str(who), "place": hospital, "records": news}
        messages.post(colleague.id, "handover.offered", facts)
    return tried


def _each(things: Sequence[Any], perform: Any) -> Tried:
    done, refused = 0, []
    for thing in things:
        try:
            perform(thing)
            done += 1
        except Refusal as refusal:
            refused.append(refusal)
    return Tried(done, refused)


@act("handover.take-back")
def take_back(_actor: Actor, handover: Handover) -> None:
    """Take an offer back before it is answered."""
    handover.answered_at = now()


# --- answered --------------------------------------------------------------------------------------------------------


@act("handover.accept")
def accept(actor: Actor, handover: Handover) -> None:
    """Take the record over: from now on it is one's own.

    Raises:
        WrongStep: the record is erased, somebody else treats the patient by now, or one may not enrol there any more.
    """
    patient = handover.patient
    if patient is None or patient.clinician_id != handover.from_id:
        raise WrongStep(_("Somebody else treats this patient by now."))
    if not _can_take(handover.to_id, handover.hospital_id):
        raise WrongStep(_("You cannot enrol patients in this hospital now, so you cannot take over records either."))
    handover.answered_at = now()
    hand_over(actor, patient, handover=handover)


@act("patient.hand-over")
def hand_over(_actor: Actor, patient: Patient, *, handover: Handover) -> None:
    """The patient has another treating clinician; the old one's assistants no longer act here, also should it come back."""
    patient.clinician_id = handover.to_id
    chosen = GrantedPatient.__table__
    spells.remove_where(db.session(), GrantedPatient, chosen.c.patient_id == patient.id)


@act("handover.decline")
def decline(_actor: Actor, handover: Handover) -> None:
    """Decline: the record stays where it is."""
    handover.answered_at = now()


def answer_each(actor: Actor, offers: Sequence[tuple[Handover, int | None]], *, accepted: bool) -> Tried:
    """Accept or decline several offers, each by itself; whoever offered them gets one mail.

    Args:
        actor: who answers.
        offers: each with the version that was on the screen.
        accepted: or declined.
    """
    perform = accept if accepted else decline
    done: dict[tuple[int, str], int] = {}

    def answer(offer: tuple[Handover, int | None]) -> None:
        handover, seen = offer
        who, where = handover.proposed_by_id, handover.hospital.name
        perform(actor, handover, seen=seen)
        done[who, where] = done.get((who, where), 0) + 1

    tried = _each(offers, answer)
    kind = "handover.accepted" if accepted else "handover.declined"
    for (who, where), records in done.items():
        person = db.session.get_one(Person, actor.user_id)
        messages.post(who, kind, {"person": str(person), "place": where, "records": records})
    return tried


# --- no longer possible ----------------------------------------------------------------------------------------------


@act("handover.lapse")
def lapse(_actor: Actor, handover: Handover) -> None:
    """Nobody can accept this any more."""
    handover.answered_at = now()


@job("handovers.lapse", reason="expiry", every=Every.DAY)
def lapse_all(actor: Actor, _payload: Mapping[str, Any]) -> None:
    """End the offers of erased records, and those to colleagues who cannot take them over any more."""
    with sight.wide("expiry") as session:
        waiting = select(Handover.id).join(Patient).where(Handover.state == HandoverState.PROPOSED)
        moot = session.scalars(waiting.where(_is_moot()).order_by(Handover.id)).all()
    each(actor, lapse, Handover, moot)


def _is_moot() -> ColumnElement[bool]:
    """Offers of a record that is erased or somebody else's by now, or to a colleague who is none of its ``takers`` any more."""
    gone = or_(Patient.state == PatientState.ERASED, Patient.clinician_id != Handover.from_id)
    pair, there = (
        tuple_(Handover.to_id, Handover.hospital_id),
        (enrollers(today()).subquery(), present(today()).subquery()),
    )
    return or_(gone, *(pair.not_in(select(one.c.person_id, one.c.hospital_id)) for one in there))


# --- what there is to hand over --------------------------------------------------------------------------------------


class Source(NamedTuple):
    """Records one may offer that are not offered yet: whose, in which hospital, how many."""

    clinician_id: int
    clinician: str | None
    clinician_key: str | None
    hospital: Hospital
    records: int


def to_offer(actor: Actor, clinician_id: int, hospital_id: int) -> Select[Any]:
    """The records of one clinician in one hospital that one may offer and that are not offered yet."""
    theirs = (Patient.clinician_id == clinician_id, Patient.hospital_id == hospital_id)
    return select(Patient).where(*theirs, *_to_offer(actor)).order_by(Patient.nickname)


def _to_offer(actor: Actor) -> tuple[ColumnElement[bool], ...]:
    offered = select(Handover.patient_id).where(Handover.state == HandoverState.PROPOSED)
    may = rights.right(actor, "handover.propose")
    return Patient.state != PatientState.ERASED, Patient.id.not_in(offered), may


def left_on(on: dt.date) -> ColumnElement[bool]:
    """Records not offered yet whose clinician works in the hospital and is about to leave it."""
    m, there = memberships_in_force(on).subquery(), present(on).subquery()
    pair = tuple_(Patient.clinician_id, Patient.hospital_id)
    offered = select(Handover.patient_id).where(Handover.state == HandoverState.PROPOSED)
    works, stays = (pair.in_(select(one.c.person_id, one.c.hospital_id)) for one in (m, there))
    return and_(Patient.state != PatientState.ERASED, Patient.id.not_in(offered), works, ~stays)


def sources(actor: Actor) -> list[Source]:
    """Whose records one may offer: one's own, and those of clinicians who leave a hospital one represents, or have left."""
    pair = (Patient.clinician_id, Patient.hospital_id)
    counted = select(*pair, func.count(Patient.id)).where(*_to_offer(actor)).group_by(*pair).order_by(*pair)
    found = []
    for clinician_id, hospital_id, records in db.session.execute(counted).all():
        person = db.session.get(Person, clinician_id)
        name, key = (None, None) if person is None else (str(person), person.public_id)
        found.append(Source(clinician_id, name, key, db.session.get_one(Hospital, hospital_id), records))
    return found


def leaving(actor: Actor) -> dict[int, dt.date]:
    """The hospitals one is about to leave, each with the last day there."""
    there = present(actor.on).subquery()
    stays = select(there.c.hospital_id).where(there.c.person_id == actor.user_id)
    mine = (Membership.person_id == actor.user_id, *(in_force(one.__table__, actor.on) for _name, one in PLACES))
    load = contains_eager(Membership.centre).contains_eager(Centre.hospital)
    found = select(Membership).join(Membership.centre).join(Centre.hospital).where(*mine, Hospital.id.not_in(stays))
    days: dict[int, dt.date] = {}
    for one in db.session.scalars(found.options(load)).unique():
        ends = [day for place in (one, one.centre, one.centre.hospital) if (day := place.to_on) is not None]
        if ends:
            hospital = one.centre.hospital_id
            days[hospital] = max(days.get(hospital, min(ends)), min(ends))
    return days


def offers(actor: Actor) -> list[tuple[str, str, int]]:
    """What waits for one's answer: who gives, in which hospital, how many records."""
    counted = select(Handover.giver, Hospital.name, func.count(Handover.id)).join_from(Handover, Handover.hospital)
    mine = (Handover.state == HandoverState.PROPOSED, rights.right(actor, "handover.accept"))
    grouped = counted.where(*mine).group_by(Handover.giver, Hospital.name).order_by(Handover.giver)
    return [(giver, hospital, records) for giver, hospital, records in db.session.execute(grouped)]


def of_record(patient: Patient) -> list[Handover]:
    """The handovers of a record that came to pass, or wait for an answer."""
    told = Handover.state.in_([HandoverState.PROPOSED, HandoverState.ACCEPTED])
    return list(db.session.scalars(select(Handover).where(Handover.patient_id == patient.id, told)).unique())
