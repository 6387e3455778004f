"""The audit log: one entry for each act, for each refusal, for each opening of a record.

Entries are written last in the transaction of their act; the database numbers, dates and chains them (migration
``audit_chain``), so nobody can change one unseen. An entry holds names of fields and
how many rows were downloaded, never values. ``audit_chain`` checks it.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from app import rights, sight
from app.actors import Actor
from app.models import AuditEntry, BlankForm, ConsentForm, ExportRelease, Hospital, Membership, Patient, db, now
from app.scopes import grants
from app.words import Role

REFUSALS_A_MINUTE = 10


@dataclass
class Entry:
    """One line of the log, before the database numbers it."""

    act: str
    outcome: str
    actor_id: int | None
    origin: str
    on_behalf_of_id: int | None = None
    thing: str | None = None
    thing_id: str | None = None
    patient_id: int | None = None
    hospital_id: int | None = None
    fields: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, act: str, actor: Actor, thing: Any, outcome: str = "done") -> Entry:
        """An entry about ``thing``."""
        entry = cls(act, outcome, actor.user_id or None, actor.system or actor.origin)
        entry.about(thing, actor)
        return entry

    def about(self, thing: Any, actor: Actor) -> None:
        """Name the record, and the patient and the hospital it belongs to."""
        if thing is None:
            return
        self.thing, self.thing_id = type(thing).__name__, thing.public_id
        patient, hospital_id = _whose(thing)
        self.patient_id = patient.id if patient is not None else self.patient_id
        self.hospital_id = hospital_id or self.hospital_id
        clinician_id = _clinician_of(thing, patient)
        if clinician_id is not None and _assists(actor, self.act, clinician_id, hospital_id):
            self.on_behalf_of_id = clinician_id

    def row(self) -> dict[str, Any]:
        """The columns to insert."""
        return {
            "act": self.act,
            "outcome": self.outcome,
            "actor_id": self.actor_id,
            "origin": self.origin[:60],
            "on_behalf_of_id": self.on_behalf_of_id,
            "thing": self.thing,
            "thing_id": self.thing_id,
            "patient_id": self.patient_id,
            "hospital_id": self.hospital_id,
            "details": ",".join(sorted(self.fields))[:2000],
        }


def patient_of(thing: Any) -> Patient | None:
    """The patient a record belongs to."""
    return _whose(thing)[0]


def _whose(thing: Any) -> tuple[Patient | None, int | None]:
    """The patient and the hospital a record belongs to."""
    if isinstance(thing, Patient):
        return thing, thing.hospital_id
    if isinstance(thing, Hospital):
        return None, thing.id
    form = thing if isinstance(thing, ConsentForm) else getattr(thing, "form", None)
    if form is not None:
        return form.patient, form.hospital_id
    patient = getattr(thing, "patient", None)
    if isinstance(patient, Patient):
        return patient, patient.hospital_id
    if isinstance(thing, Membership):
        return None, thing.centre.hospital_id
    return None, getattr(thing, "hospital_id", None)


def _clinician_of(thing: Any, patient: Patient | None) -> int | None:
    """On whose behalf an assistant acts on a record: of a patient, printed for patients to come, or to be released."""
    if patient is not None:
        return patient.clinician_id
    if isinstance(thing, BlankForm):
        return thing.clinician_id
    return thing.person_id if isinstance(thing, ExportRelease) else None


def _assists(actor: Actor, act: str, clinician_id: int, hospital_id: int | None) -> bool:
    """Whether this is done on the clinician's behalf, and not by a right of another role the same person has."""
    if Role.ASSISTANT not in actor.roles or clinician_id == actor.user_id or not rights.opens(Role.ASSISTANT, act):
        return False
    if actor.roles <= {Role.ANY, Role.ASSISTANT}:
        return True
    g, granted = grants(actor)
    given = select(g.c.id).where(granted, g.c.clinician_id == clinician_id, g.c.hospital_id == hospital_id)
    return db.session.execute(given.limit(1)).first() is not None


def write(session: Session, entries: list[Entry]) -> None:
    """Write the entries of an act, last in its transaction."""
    for entry in entries:
        session.execute(insert(AuditEntry.__table__).values(entry.row()))


def note(actor: Actor, act: str, thing: Any) -> None:
    """Note that ``actor`` opened ``thing``, in a short transaction of its own, before the answer is sent."""
    _alone([Entry.of(act, actor, thing, outcome="read")], "reading")


def note_entry(entry: Entry) -> None:
    """Note an opening that concerns no single record, such as a list that was downloaded."""
    _alone([entry], "reading")


def note_each(actor: Actor, act: str, things: Iterable[Any]) -> None:
    """Note that ``actor`` opened each of ``things``, in one short transaction."""
    _alone([Entry.of(act, actor, thing, outcome="read") for thing in things], "reading")


def refuse(actor: Actor, act: str, thing: Any) -> None:
    """Note a refusal, at most ten a minute of one act for one actor."""
    with sight.wide("refusal") as session:
        table = AuditEntry.__table__
        since = now() - dt.timedelta(minutes=1)
        recent = session.execute(
            select(func.count()).where(
                table.c.actor_id == (actor.user_id or None),
                table.c.outcome == "refused",
                table.c.act == act,
                table.c.at > since,
            )
        ).scalar_one()
    if recent < REFUSALS_A_MINUTE:
        _alone([Entry.of(act, actor, thing, outcome="refused")], "refusal")


def _alone(entries: list[Entry], reason: str) -> None:
    """Write entries in a transaction of their own; a busy SQLite is asked again.

    Never inside an act: its open transaction would wait for this one, and this one for it.
    """
    if "acting" in db.session.info:
        message = "an entry of its own was asked for inside an act"
        raise RuntimeError(message)
    for pause in (0.05, 0.2, 0.5, 0.0):
        try:
            with sight.wide(reason) as session:
                session.connection(execution_options={"writes": True})
                write(session, entries)
                session.commit()
                return
        except OperationalError:
            if not pause:
                raise
            time.sleep(pause)
