"""The sealed archive copy of a signed form: made by a job, kept beside the original, exactly once.

``archives`` asks for it in the transaction that archives the form. The job makes the bytes, stores them encrypted, then
writes the row: killed in between it leaves a file no row names, which ``flask fsck --repair`` takes away, and begins
again. How a copy looks is ``outside.archive_copies``, its data ``outside.consent_resources``, its seal ``outside.seals``.
"""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from sqlalchemy import Select, select

from app.act import act, undo_on_rollback
from app.actors import Actor
from app.errors import Conflict, Incomplete, WrongStep
from app.models import ArchivedDocument, ConsentDecision, ConsentForm, DocumentKey, Job, db, now
from app.outside import archive_copies, paper, storage
from app.outside.archive_copies import Attached, CopyFault
from app.outside.consent_resources import Consented, Decision, consent_resource
from app.outside.scans import Scan
from app.outside.seals import Seal, SealFault, Signature
from app.premises import premises
from app.services import archives, jobs, proofs
from app.services.jobs import Every, job
from app.words import DECIDED_FORMS, JobState, _, gettext

PATIENCE = dt.timedelta(hours=2)
"""Within this time a job has done its work, or failed for good."""
MOST_A_DAY = 5000
MOST_DOUBLINGS = 5
COVER_LANGUAGE = "en"
NO_SEAL = _("No archive copy is sealed: SEAL_KEY and SEAL_CERTIFICATE are not set.")
SEAL_OVER = _("No archive copy is sealed: the certificate in SEAL_CERTIFICATE is not in force.")


class Material(NamedTuple):
    """What a copy is made from, taken out of the tables at once."""

    original: bytes
    joined: bytes | None
    pages: int
    signatures: list[Signature]
    facts: Consented
    archived_by_id: int
    position: int


@job(archives.COPYING)
def make(actor: Actor, payload: Mapping[str, Any]) -> None:
    """Make, seal and keep the copy of one form. Does nothing when there is one, or when none is due any more.

    Raises:
        Incomplete: it cannot be made or sealed; the row says why.
    """
    form = db.session.scalar(select(ConsentForm).where(ConsentForm.public_id == payload["form"]))
    if form is None or not is_due(form):
        return
    seal = premises().seal
    if seal is None:
        raise Incomplete(NO_SEAL)
    material = _material(form)
    db.session.rollback()  # no transaction stays open while pages are drawn
    document = _stored(material, _sealed(seal, material))
    try:
        keep_copy(actor, form, document=document)
    except WrongStep:
        db.session.rollback()  # annulled meanwhile


@act("consent.keep-copy")
def keep_copy(_actor: Actor, form: ConsentForm, *, document: ArchivedDocument) -> None:
    """Keep the sealed copy beside what it was made from.

    Raises:
        Conflict: another worker was faster.
    """
    undo_on_rollback(lambda: premises().store.delete(document.storage_key))
    if copy_of(form) is not None:
        raise Conflict(_("This form has its archive copy already."))
    form.documents.append(document)


def copy_of(form: ConsentForm) -> ArchivedDocument | None:
    """The sealed copy of a form."""
    return next((document for document in form.documents if document.kind == "copy"), None)


def is_due(form: ConsentForm) -> bool:
    """Whether a form still waits for its copy."""
    # that of an annulled one stays locked, and none is made of it
    return form.state in DECIDED_FORMS and bool(proofs.readable(form)) and copy_of(form) is None


# --- what it is made from -------------------------------------------------------------------------------------------


def _material(form: ConsentForm) -> Material:
    documents = proofs.readable(form)  # of a paper that was sent back once, the scan that was checked
    first, *_others = originals = [document for document in documents if document.kind == "original"]
    joined = next((document for document in documents if document.kind == "reading"), None)
    signatures = archives.signatures_of(first)
    return Material(
        original=archives.read(first),
        joined=None if joined is None else archives.read(joined),
        pages=1 if signatures else sum(document.pages for document in originals),
        signatures=signatures,
        facts=facts_of(form),
        archived_by_id=first.archived_by_id,
        position=len(form.documents) + 1,
    )


def facts_of(form: ConsentForm) -> Consented:
    """What machines read of an archived form; of one whose paper is kept elsewhere, paper stands for a PDF."""
    if form.relation is None or form.signed_on is None or form.archived_at is None:
        message = "an archived form says who signed and when"
        raise ValueError(message)
    country = form.hospital.country
    return Consented(
        code=form.code,
        nickname=form.patient.nickname,
        state=form.state.value,
        language=form.language,
        relation=form.relation.value,
        signed_on=form.signed_on,
        archived_at=form.archived_at,
        hospital=form.hospital.name,
        country=country.code,
        authority=country.authority_name,
        text_title=form.text.title if form.text else form.external_reference or "",
        text_version=form.text.text_version if form.text else "",
        text_sha256=form.text.sha256 if form.text else "",
        media_type=next((one.media_type for one in proofs.readable(form) if one.kind == "original"), "application/pdf"),
        decisions=[_decision(one) for one in form.decisions],
    )


def _decision(row: ConsentDecision) -> Decision:
    said = Decision(row.purpose.value, row.answer.value, withdrawn_on=row.withdrawn_on)
    named = row.named_registry
    if named is None:
        return said
    return replace(said, registry=named.name, controller=named.controller, country=named.country.code)


# --- how it is made -------------------------------------------------------------------------------------------------


def _sealed(seal: Seal, material: Material) -> bytes:
    facts, moment = material.facts, now()
    data = json.dumps(consent_resource(facts), ensure_ascii=False, indent=1).encode()
    files = [
        Attached(f"consent-{facts.code}.fhir.json", "HL7 FHIR R4 Consent", "application/fhir+json", "Data", data),
    ]
    if material.signatures:
        name = f"consent-{facts.code}-signed.pdf"
        files.append(Attached(name, "The signed PDF, unchanged", "application/pdf", "Source", material.original))
    language = COVER_LANGUAGE if material.signatures else facts.language
    title = gettext("Consent form %(code)s: archive copy", code=paper.grouped_code(facts.code))
    try:
        pages = _pages(material, title, moment)
        finished = archive_copies.finish(pages, title=title, language=language, made=moment, files=files)
        return seal.put_on(finished, reason=title)
    except CopyFault as fault:
        sentence = _("No archive copy was made: %(reason)s.", reason=f"{fault.code} {fault.detail}".strip())
        raise Incomplete(sentence) from fault
    except SealFault as fault:
        sentence = _("No archive copy was made: %(reason)s.", reason=f"seal {fault.code}")
        raise Incomplete(SEAL_OVER if fault.code == "over" else sentence) from fault


def _pages(material: Material, title: str, moment: dt.datetime) -> bytes:
    """A cover before what is signed digitally; photographs as they were joined; any other PDF drawn."""
    if material.signatures:
        return archive_copies.set_cover(title, _cover(material, moment), language=COVER_LANGUAGE, made=moment)
    return material.joined or archive_copies.draw_pages(material.original, jobs.report)


def _cover(material: Material, moment: dt.datetime) -> list[str]:
    facts = material.facts
    archived = paper.long_date(facts.archived_at.date(), COVER_LANGUAGE)
    sentences = [
        gettext("Form of %(hospital)s, archived on %(day)s.", hospital=facts.hospital, day=archived),
        gettext(
            "The form was signed digitally. The signed PDF is attached to this page as it was received: any conversion would destroy its signature."
        ),
    ]
    for one in material.signatures:
        sentences += [str(words) for words in archives.said(one, _written)]
    checked = paper.long_date(moment.date(), COVER_LANGUAGE)
    return [
        *sentences,
        gettext("Checked on %(day)s: each signature holds, and together they cover the whole file.", day=checked),
        gettext("Whether a certificate’s issuer is trusted or qualified was not checked."),
    ]


def _written(moment: dt.datetime) -> str:
    utc = moment.astimezone(dt.UTC)
    return f"{paper.long_date(utc.date(), COVER_LANGUAGE)}, {utc:%H:%M} UTC"


def _stored(material: Material, content: bytes) -> ArchivedDocument:
    """The row of the stored copy. It stands in the name of who archived the form."""
    store, vault = premises().store, premises().vault
    key = vault.new_key(storage.PURPOSE)
    file = store.put(content, key, vault)
    document = archives.kept_as(file, Scan("pdf", material.pages, "application/pdf"), "copy", key)
    document.position, document.source = material.position, "job"
    document.archived_by_id = material.archived_by_id
    return document


# --- what is missing ------------------------------------------------------------------------------------------------


def missing(before: dt.datetime) -> Select[str]:
    """The public ids of forms archived before that moment that have an original that opens, and no copy."""
    documents = select(ArchivedDocument.form_id)
    originals = documents.join(DocumentKey).where(ArchivedDocument.kind == "original")
    copied = documents.where(ArchivedDocument.kind == "copy")
    due = (ConsentForm.state.in_(DECIDED_FORMS), ConsentForm.archived_at < before)
    without = (ConsentForm.id.in_(originals), ConsentForm.id.not_in(copied))
    return select(ConsentForm.public_id).where(*due, *without).order_by(ConsentForm.id)


@job("copies.sweep", every=Every.DAY)
def sweep(_actor: Actor, _payload: Mapping[str, Any]) -> None:
    """Ask for the copies that are missing: of forms archived before there was a seal, and those that failed.

    Raises:
        Incomplete: there are some, and there is no seal.
    """
    late = db.session.scalars(missing(now() - PATIENCE)).all()
    if late and premises().seal is None:
        raise Incomplete(NO_SEAL)
    resting = _resting()
    late = [key for key in late if key not in resting][:MOST_A_DAY]
    for number, key in enumerate(late, start=1):
        ask(key)
        jobs.report(number, len(late))


def _resting() -> set[str]:
    """Forms whose copy has failed so lately that it is not asked for yet: after n failures for 2ⁿ days, at most 32."""
    tried = db.session.execute(
        select(Job.payload, Job.finished_at)
        .where(Job.kind == archives.COPYING, Job.state == JobState.FAILED)
        .order_by(Job.finished_at)
    ).all()
    times = Counter(payload["form"] for payload, _at in tried)
    last = {payload["form"]: at for payload, at in tried}
    moment = now()
    return {form for form, at in last.items() if moment < at + dt.timedelta(days=2 ** min(times[form], MOST_DOUBLINGS))}


def ask(key: str) -> None:
    """Ask for the copy of a form."""
    jobs.ask(archives.COPYING, {"form": key})
