"""The file of an export: made by a job, form after form, never whole in memory.

A ZIP with a folder for each form (original, reading copy, sealed copy, FHIR Consent) and at its end the manifest, as JSON
and as a table, with the SHA-256 of every file. Names inside the ZIP are codes of forms. Who the patients are stands in the
encrypted manifest alone, and there only while the record is in use: of a restricted or erased record the proof of consent
is exported without the person, that of an erased one apart. Restricted by the data-protection contact: left out.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import joinedload, selectinload

from app.actors import Actor
from app.errors import Incomplete, NotFound, WrongStep
from app.models import (
    ArchivedDocument,
    ConsentDecision,
    ConsentForm,
    Export,
    Hospital,
    Patient,
    Registry,
    db,
    now,
)
from app.outside import paper, storage, zips
from app.outside.consent_resources import consent_resource
from app.outside.storage import StorageFault, StorageFull
from app.outside.vault import VaultFault
from app.outside.zips import Member
from app.premises import premises
from app.services import archives, copies, exports, identities, jobs, stored_files
from app.services.jobs import job
from app.words import PROVING_FORMS, ExportState, FormState, PatientState, ReleaseState, _

AT_ONCE: Final = 20
"""Forms loaded together, and after which the job says how far it is."""
ENDINGS: Final = {"application/pdf": "pdf", "image/jpeg": "jpg", "image/png": "png", "image/tiff": "tiff"}
NAMED: Final = (PatientState.DRAFT, PatientState.ENROLLED)
"""States of records whose forms are exported with the person."""
LOAD = (
    joinedload(ConsentForm.patient).joinedload(Patient.identity),
    joinedload(ConsentForm.patient).joinedload(Patient.clinician),
    joinedload(ConsentForm.hospital).joinedload(Hospital.country),
    joinedload(ConsentForm.text),
    selectinload(ConsentForm.decisions).joinedload(ConsentDecision.named_registry).joinedload(Registry.country),
    selectinload(ConsentForm.documents).joinedload(ArchivedDocument.key),
)
HEADS: Final = (
    "form code",
    "nickname",
    "record",
    "family name",
    "given names",
    "birth date",
    "file number",
    "clinician",
    "form",
    "language",
    "text version",
    "signed on",
    "archived on",
    "paper kept at",
    "file",
    "kind",
    "bytes",
    "sha256",
    "fault",
)
README: Final = """This is the consent archive of one hospital, exported from CPMS.

forms/<form code>/   the files of each consent form: as uploaded, joined for reading, the sealed archive copy,
                     and the decisions as HL7 FHIR R4 Consent (JSON)
erased/<form code>/  the same for the forms of records that are erased
manifest.json        every form with its decisions and files, those of erased records apart; SHA-256 of every file
forms.csv            the same as a table, one row a file; UTF-8. A cell that would begin a formula begins with '
erased.csv           the same for the forms of records that are erased

Who the patient is stands in the manifest while the record is in use. Of a restricted record the proof of consent is
here without the person. Forms whose treating clinician did not release them are not here.

ERASED RECORDS. Their signed forms are kept as proof that consent was given, and for nothing else. The scans show names.
Only the hospital's data-protection contact opens the folder "erased": to answer a claim or a supervisory authority.
"""


@dataclass
class Plan:
    """What is to be exported: whose, why, which forms, and how many are left out."""

    export: str
    hospital: str
    reason: str
    asked_at: str
    forms: list[int]
    left_out: int
    listed: list[dict[str, Any]] = field(default_factory=list)
    """The manifest's forms, as they are written."""
    erased: list[dict[str, Any]] = field(default_factory=list)
    """The same, of erased records."""


@job(exports.MAKING)
def make(actor: Actor, payload: Mapping[str, Any]) -> None:
    """Make the file of one export and keep it. Killed in between it begins again; half a file is never kept.

    Raises:
        Incomplete: the disk is full; the row says so.
    """
    export = db.session.scalar(select(Export).where(Export.public_id == payload["export"]))
    if export is None or export.state is not ExportState.MAKING:
        return
    plan = _plan(export)
    db.session.rollback()  # no transaction stays open while the file is written
    store, vault, passphrase = premises().store, premises().vault, zips.new_passphrase()
    key = vault.new_key(storage.PURPOSE)
    try:
        file = store.put(zips.Reader(zips.encrypted(_members(plan), passphrase)), key, vault)
    except StorageFull as full:
        sentence = _("The disk of the platform is full: the export was not made. Tell the operator.")
        raise Incomplete(sentence) from full
    _keep(actor, plan, exports.Made(file, key, passphrase, len(plan.forms), plan.left_out))


def _keep(actor: Actor, plan: Plan, made: exports.Made) -> None:
    """Keep the file, unless the export was stopped meanwhile."""
    export = db.session.scalar(select(Export).where(Export.public_id == plan.export))
    try:
        if export is None or export.state is not ExportState.MAKING:
            premises().store.delete(made.file.key)
        else:
            with stored_files.removed_on_refusal([made.file.key]):
                exports.keep_file(actor, export, made=made)
    except WrongStep:
        return  # stopped in this moment


# --- what is exported -------------------------------------------------------------------------------------------------


def _plan(export: Export) -> Plan:
    """Whose patients are released counts by who treats them today: of one handed over since, nothing is exported.

    An erased record has nobody who treats it: its proof is the hospital's, and in every export.
    """
    of_hospital = and_(ConsentForm.hospital_id == export.hospital_id, ConsentForm.state.in_(PROVING_FORMS))
    every = select(ConsentForm.id).join(Patient, Patient.id == ConsentForm.patient_id).where(of_hospital)
    erased = Patient.state == PatientState.ERASED
    chosen = and_(Patient.restricted_on.is_(None), or_(erased, _released(export)))
    released = every.where(chosen).order_by(erased, ConsentForm.id)
    forms = list(db.session.scalars(released.limit(exports.MOST_FORMS)))
    return Plan(
        export=export.public_id,
        hospital=export.hospital.name,
        reason=export.reason,
        asked_at=export.asked_at.isoformat(),
        forms=forms,
        left_out=len(db.session.scalars(every).all()) - len(forms),
    )


def _released(export: Export) -> ColumnElement[bool]:
    """The patients of who released, and of theirs what was archived by then."""
    clauses = [
        and_(Patient.clinician_id == one.person_id, ConsentForm.archived_at <= one.decided_at)
        for one in export.releases
        if one.state is ReleaseState.RELEASED and one.decided_at is not None
    ]
    return or_(False, *clauses)  # noqa: FBT003  nothing released: nothing exported


def _members(plan: Plan) -> Iterator[Member]:
    """Each form's files, then the manifest about all of them."""
    for first in range(0, len(plan.forms), AT_ONCE):
        jobs.report(first, len(plan.forms))
        some = plan.forms[first : first + AT_ONCE]
        statement = select(ConsentForm).where(ConsentForm.id.in_(some)).order_by(ConsentForm.id).options(*LOAD)
        for form in db.session.scalars(statement).unique().all():
            yield from _form(plan, form)
        db.session.rollback()
        db.session.expunge_all()
    jobs.report(len(plan.forms), len(plan.forms))
    about = {"export": plan.export, "hospital": plan.hospital, "reason": plan.reason, "asked_at": plan.asked_at}
    about |= {"made_at": now().isoformat(), "left_out": plan.left_out}  # type: ignore[dict-item]
    lists = {"forms": plan.listed, "erased_records": plan.erased}
    told = json.dumps({"format": "cpms-consent-archive/1", **about, **lists}, ensure_ascii=False, indent=1)
    yield Member("manifest.json", now(), told.encode())
    yield Member("forms.csv", now(), zips.csv_table(HEADS, _rows(plan.listed)))
    if plan.erased:
        yield Member("erased.csv", now(), zips.csv_table(HEADS, _rows(plan.erased)))
    yield Member("README.txt", now(), README.encode())


# --- one form ---------------------------------------------------------------------------------------------------------


def _form(plan: Plan, form: ConsentForm) -> Iterator[Member]:
    facts, erased = _facts(form), form.patient.state is PatientState.ERASED
    (plan.erased if erased else plan.listed).append(facts)
    folder = f"{'erased' if erased else 'forms'}/{paper.grouped_code(form.code)}"
    for document in form.documents:
        name = f"{folder}/{document.position:02d}-{document.kind}.{ENDINGS[document.media_type]}"
        told = {"name": name, "kind": document.kind, "bytes": document.size, "sha256": document.sha256}
        try:
            yield Member(name, document.archived_at, archives.read(document))
        except (NotFound, StorageFault, VaultFault) as fault:
            told["fault"] = _fault(form, fault)
        facts["files"].append(told)
    if form.state is not FormState.ANNULLED and form.relation is not None:
        name = f"{folder}/consent.fhir.json"
        content = json.dumps(consent_resource(copies.facts_of(form)), ensure_ascii=False, indent=1).encode()
        told = {"name": name, "kind": "fhir", "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        facts["files"].append(told)
        yield Member(name, form.archived_at or now(), content)


def _fault(form: ConsentForm, fault: Exception) -> str:
    """Why a file is listed and not there."""
    if form.state is FormState.ANNULLED:
        return "annulled: locked"
    return "destroyed when its term was over" if isinstance(fault, NotFound) else "missing or damaged in the archive"


def _facts(form: ConsentForm) -> dict[str, Any]:
    return {
        "code": form.code,
        "nickname": form.patient.nickname,
        "record": form.patient.state.value,
        "person": _person(form.patient),
        "clinician": str(form.patient.clinician),
        "state": form.state.value,
        "procedure": form.procedure.value,
        "language": form.language,
        "text_version": form.text.text_version if form.text else None,
        "text_sha256": form.text.sha256 if form.text else None,
        "paper_of_others": form.external_reference,
        "signed_on": form.signed_on.isoformat() if form.signed_on else None,
        "archived_on": form.archived_at.date().isoformat() if form.archived_at else None,
        "paper_kept_at": form.attested_place,
        "decisions": [_decision(one) for one in form.decisions],
        "files": [],
    }


def _person(patient: Patient) -> dict[str, str] | None:
    """Who the patient is, while the record is in use."""
    if patient.state not in NAMED:
        return None
    identity = identities.identity_of(patient)
    if identity is None:
        return None
    return {
        "family_name": identity.family_name,
        "given_names": identity.given_names,
        "birth_date": identity.birth_date.isoformat(),
        "file_number": identity.file_number,
    }


def _decision(one: ConsentDecision) -> dict[str, str | None]:
    return {
        "purpose": one.purpose.value,
        "registry": one.named_registry.name if one.named_registry else None,
        "answer": one.answer.value,
        "withdrawn_on": one.withdrawn_on.isoformat() if one.withdrawn_on else None,
    }


def _rows(listed: Sequence[Mapping[str, Any]]) -> Iterator[Sequence[object]]:
    for facts in listed:
        person = facts["person"] or {}
        known = (
            paper.grouped_code(facts["code"]),
            facts["nickname"],
            facts["record"],
            *(person.get(name) for name in ("family_name", "given_names", "birth_date", "file_number")),
            *(facts[name] for name in ("clinician", "state", "language", "text_version", "signed_on", "archived_on")),
            facts["paper_kept_at"],
        )
        for file in facts["files"] or [{}]:
            yield (*known, *(file.get(name) for name in ("name", "kind", "bytes", "sha256", "fault")))
