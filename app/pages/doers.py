"""Who did what: people by name, an assistant with the clinician on whose behalf, also when either has left."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from flask_babel import gettext
from sqlalchemy import select

from app import sight
from app.models import AuditEntry, ConsentForm, Patient, Person, db
from app.words import _

TOLD = (
    "consent.prepare",
    "consent.adopt",
    "consent.print",
    "consent.sign",
    "consent.archive",
    "consent.attest",
    "consent.keep-refusal",
    "consent.file-external",
    "consent.file-again",
    "consent.confirm",
    "consent.send-back",
    "consent.confirm-explained",
    "consent.supersede",
    "consent.cancel",
    "consent.lapse",
    "consent.annul",
    "decision.withdraw",
    "decision.carry-withdrawal",
    "patient.restrict-by-protection",
    "patient.keep",
)
"""The acts whose doer a record or a form tells."""


def written(name: object, clinician: object = None) -> str:
    """A person's name, with the clinician on whose behalf they acted."""
    if clinician is None:
        return str(name)
    return str(gettext("%(name)s on behalf of %(clinician)s", name=str(name), clinician=str(clinician)))


def names(ids: Iterable[int | None]) -> dict[int, str]:
    """The names of people in a record one may open, those who have left too."""
    wanted = {key for key in ids if key}
    with sight.wide("log-names") as session:
        return {person.id: str(person) for person in session.scalars(select(Person).where(Person.id.in_(wanted)))}


def of_entry(entry: Any, known: Mapping[int, str]) -> str | None:
    """Who is behind an entry of the log; none is the system."""
    name, clinician = known.get(entry.actor_id), known.get(entry.on_behalf_of_id)
    return None if name is None else written(name, clinician)


class Doers(NamedTuple):
    """What was done to a patient's forms, as the log has it: who did each act on each record, and names by key."""

    done: Mapping[tuple[str, str], str]
    known: Mapping[int, str]

    def of(self, record: Any, *acts: str) -> str | None:
        """Who did the first of these acts that was done to a record."""
        return next((self.done[record.public_id, act] for act in acts if (record.public_id, act) in self.done), None)

    def name(self, person_id: int | None) -> str | None:
        """A person the forms name."""
        return self.known.get(person_id or 0)


def of_patient(patient: Patient, also: Iterable[int | None] = ()) -> Doers:
    """The doers of a patient's record; of what was done several times the last, of prints the first.

    Args:
        patient: whose record the reader may open.
        also: keys of people who are named beside.
    """
    columns = AuditEntry.thing_id, AuditEntry.act, AuditEntry.actor_id, AuditEntry.on_behalf_of_id
    where = AuditEntry.patient_id == patient.id, AuditEntry.outcome == "done", AuditEntry.act.in_(TOLD)
    entries = db.session.execute(select(*columns).where(*where).order_by(AuditEntry.seq)).all()
    known = names([key for entry in entries for key in (entry.actor_id, entry.on_behalf_of_id)] + list(also))
    done: dict[tuple[str, str], str] = {}
    for entry in entries:
        told = of_entry(entry, known)
        if told is not None and (entry.act != "consent.print" or (entry.thing_id, entry.act) not in done):
            done[entry.thing_id, entry.act] = told
    return Doers(done, known)


def filer(form: ConsentForm) -> str:
    """Who filed a paper from elsewhere: the clinician it names, or an assistant for them."""
    own = form.filed_by_id == form.explained_by_id
    return written(form.filed_by or _("A colleague"), None if own else form.explained_by)
