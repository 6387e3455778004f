"""Leaving a hospital: what hangs on a person there, the wind-down until the last day, and what happens at once.

Whoever leaves on a day enrols nobody from now on and hands the records over meanwhile (``handovers``). What nobody has
accepted by then is the hospital representative's to hand over; nothing is orphaned. What hangs on them is ``hanging``.
A place held for its records alone, after the person closed the account, ends with the last of them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from sqlalchemy import CompoundSelect, Select, select

from app import actors, sight
from app.act import act
from app.actors import Actor
from app.models import Centre, Login, Membership, Patient, Person, PolicyAcceptance, Winding, db, today
from app.premises import premises
from app.services import endings, hanging, logins, messages, policies, spells, stays
from app.services.jobs import Every, each, job
from app.words import EndReason, PatientState


def last_day(*ending: Winding) -> dt.date:
    """The last day to propose: after the wind-down, and no later than the first of what ends does anyhow."""
    proposed: dt.date = today() + dt.timedelta(days=premises().settings["WIND_DOWN_DAYS"])
    return min([proposed, *(one.to_on for one in ending if one.to_on is not None)])


def close_logins(people: Select[Any] | CompoundSelect[Any]) -> None:
    """End the logins of those of ``people`` (ids) to whom nothing is open any more, inside the act under way."""
    db.session.flush()  # what just ended opens nothing
    table = Login.__table__
    logins.end_where(db.session(), table.c.person_id.in_(people) & table.c.person_id.not_in(actors.placed(today())))


def tell(membership: Membership) -> None:
    """Tell who decides on the records of somebody who leaves how many they are; nobody, where there is none."""
    person_id, hospital = membership.person_id, membership.centre.hospital
    with sight.wide("leaving") as session:
        records = (
            session.scalar(hanging.records(endings.leavers(endings.of_memberships([membership.id]).memberships))) or 0
        )
        person = str(session.get_one(Person, person_id))
        ids = [one.id for one in policies.deciders(session, hospital.id, person_id)] if records else []
    for decider_id in ids:
        messages.post(
            decider_id, "records.to-hand-over", {"person": person, "place": hospital.name, "records": records}
        )


# --- places held for records alone -----------------------------------------------------------------------------------


@act("membership.release")
def release(_actor: Actor, membership: Membership) -> None:
    """End a place that stayed for its records alone, after the person closed the account: the last one is handed over.

    Raises:
        WrongStep: it is over already.
    """
    spells.end(membership, EndReason.POLICY_WITHDRAWN)
    stays.look_after_places()


@job("places.release", reason="leaving", every=Every.DAY)
def release_all(actor: Actor, _payload: Mapping[str, Any]) -> None:
    """End the places of closed accounts on which no record hangs any more."""
    withdrawn, accepted = (
        select(PolicyAcceptance.person_id).where(where)
        for where in (PolicyAcceptance.withdrawn_at.is_not(None), PolicyAcceptance.withdrawn_at.is_(None))
    )
    closed = select(Person.id).where(
        Person.disabled_at.is_not(None), Person.id.in_(withdrawn), Person.id.not_in(accepted)
    )
    treated = select(Patient.clinician_id).where(
        Patient.hospital_id == Centre.hospital_id, Patient.state != PatientState.ERASED
    )
    with sight.wide("leaving") as session:
        held = select(Membership.id).join(Centre, Centre.id == Membership.centre_id)
        idle = held.where(
            spells.not_over(Membership),
            Membership.person_id.in_(closed),
            Membership.person_id.not_in(treated.correlate(Centre)),
        )
        keys = list(session.scalars(idle))
    each(actor, release, Membership, keys)
