"""Consent: prepare, print, record the signature, archive, cancel, annul, withdraw. The main job of the house.

The words on paper are ``outside.paper`` and ``app/consent_templates``; a published text is a row that never changes.
Care consent in force is derived (``scopes.care_in_force``), never pushed.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import and_, or_, select

import config
from app import actors, sight, steps
from app.act import act, undo_on_rollback
from app.actors import Actor, in_force, memberships_in_force
from app.errors import Incomplete, NoRoom, NotFound, Refusal, WrongStep
from app.models import (
    ArchivedDocument,
    ConsentDecision,
    ConsentForm,
    ConsentText,
    DocumentKey,
    Login,
    Patient,
    Person,
    PhoneLink,
    Registry,
    db,
    now,
    today,
)
from app.outside import paper, scans
from app.outside.children import ChildFault
from app.outside.paper.codes import CROCKFORD
from app.outside.storage import StorageFault, StorageFull, Stored
from app.premises import premises
from app.scopes import care_in_force
from app.services import days, patients
from app.words import Answer, Channel, FormState, PatientState, Procedure, Purpose, Relation, Variant, _, gettext

PHONE_MINUTES = 10
MOST_FILES = 20


@dataclass(frozen=True)
class Signer:
    """Who signed, as far as it is not the patient."""

    names: str
    proof: str | None = None


@dataclass(frozen=True)
class Upload:
    """One uploaded file."""

    content: bytes
    filename: str


# --- texts ---------------------------------------------------------------------------------------------------------


@act("text.publish", creates=ConsentText)
def publish(_actor: Actor, _none: object, *, text: paper.ComposedText) -> ConsentText:
    """Store a composed text for ever; forms printed from it pin this row."""
    return ConsentText(
        procedure=Procedure(text.procedure),
        language=text.language,
        variant=Variant(text.variant),
        text_version=text.version,
        title=text.title,
        html=text.html,
        css=text.css,
        fonts=dict(text.fonts),
        sha256=text.sha256,
        published_at=now(),
    )


def offered_languages(patient: Patient, last_used: str | None) -> list[str]:
    """The languages a form can have: the last used first, then the country's, then the others by code."""
    statement = select(ConsentText.language).where(ConsentText.procedure == patient.procedure).distinct()
    codes = set(db.session.scalars(statement))
    wished = [last_used] if last_used else []
    wished += patient.hospital.country.languages.split(",")
    first = [code for code in dict.fromkeys(wished) if code in codes]
    return first + sorted(codes - set(first))


def latest_text(patient: Patient, language: str, variant: Variant) -> ConsentText | None:
    """The text a form prepared now would have."""
    statement = select(ConsentText).where(
        ConsentText.procedure == patient.procedure, ConsentText.language == language, ConsentText.variant == variant
    )
    return db.session.scalars(
        statement.order_by(ConsentText.published_at.desc(), ConsentText.id.desc()).limit(1)
    ).first()


# --- prepare and print -----------------------------------------------------------------------------------------------


@act("consent.prepare", creates=ConsentForm)
def prepare(actor: Actor, patient: Patient, *, language: str, variant: Variant) -> ConsentForm:
    """Make a form in a language and variant: its text version and its registries are pinned.

    Raises:
        Incomplete: there is no such text, or the operator's settings are not complete.
    """
    text = latest_text(patient, language, variant)
    if text is None:
        sentence = _("There is no form in this language. Choose another one.")
        raise Incomplete(sentence, fields={"language": sentence})
    refuse_without_operator()
    _check_age(patient, variant, None)
    person = db.session.get(Person, actor.user_id)
    if person is not None:
        person.consent_language = language
    form = ConsentForm(
        code=_code(),
        patient=patient,
        hospital_id=patient.hospital_id,
        text=text,
        procedure=patient.procedure,
        language=language,
        variant=variant,
        wrapped_key=premises().vault.new_key(b"consent"),
        prepared_at=now(),
        print_count=0,
    )
    form.decisions = [_question(patient, Purpose.CARE)]
    if patient.procedure is Procedure.EU:
        form.decisions.append(_question(patient, Purpose.EDUCATION))
        form.decisions += [_question(patient, Purpose.REGISTRY, registry) for registry in registries_for(patient)]
    return form


def _check_age(patient: Patient, variant: Variant, relation: Relation | None) -> None:
    """Refuse who may not sign: a child alone, or a parent for an adult. Ages are the hospital's country's.

    Raises:
        Incomplete: with who signs instead.
    """
    country = patient.hospital.country
    alone = country.majority_age if country.sign_alone_age is None else country.sign_alone_age
    youngest = patients.age(patient)
    if variant is Variant.ADULT and youngest < alone:
        sentence = _(
            "In this country a patient signs alone from the age of %(years)s. A representative signs.", years=alone
        )
        raise Incomplete(sentence, fields={"variant": sentence})
    if relation is Relation.PARENT and youngest > country.majority_age:
        sentence = _("A parent cannot sign for an adult. Choose guardian or legal representative, and note the proof.")
        raise Incomplete(sentence, fields={"relation": sentence})


def refuse_without_operator() -> None:
    """Refuse outside demo mode while a setting of the operator is empty.

    Raises:
        Incomplete: naming the settings, for the operator to fill in.
    """
    empty = [name for name in config.OPERATOR if not premises().settings[name]]
    if empty:
        raise Incomplete(
            _(
                "No form can be printed yet: the operator has not filled in %(settings)s. Tell the operator of this platform.",
                settings=", ".join(empty),
            )
        )


def registries_for(patient: Patient) -> list[Registry]:
    """The registries a form names: those of the networks the clinician's centres belong to, and those of none."""
    member = memberships_in_force(today()).subquery()
    networks = select(member.c.network_id).where(
        member.c.person_id == patient.clinician_id, member.c.hospital_id == patient.hospital_id
    )
    return list(
        db.session.scalars(
            select(Registry)
            .where(
                in_force(Registry.__table__, today()),
                or_(Registry.network_id.is_(None), Registry.network_id.in_(networks)),
            )
            .order_by(Registry.name)
        )
    )


def _question(patient: Patient, purpose: Purpose, registry: Registry | None = None) -> ConsentDecision:
    return ConsentDecision(
        procedure=patient.procedure, purpose=purpose, named_registry=registry, answer=Answer.NOT_ASKED
    )


def _code() -> str:
    return "".join(secrets.choice(CROCKFORD) for _place in range(16))


@act("consent.print")
def note_print(_actor: Actor, form: ConsentForm) -> None:
    """Note that the form is printed, and keep what stands on it. From the first print a draft has thirty days.

    A form printed again is filled anew: the last print is the one that can come back.
    """
    refuse_without_operator()
    identity = patients.identity_of(form.patient)
    if identity is None:
        raise NotFound
    form.sealed_paper = _sealed(
        form, {"values": _values(form) | _personal(form, identity), "registries": _registries(form)}
    )
    form.print_count += 1
    form.printed_at = form.printed_at or now()
    if form.print_count == 1:
        _give_time(form.patient)


def _give_time(patient: Patient) -> None:
    """A draft has thirty days from here to come back."""
    if patient.state is PatientState.DRAFT:
        patient.draft_ends_on = today() + dt.timedelta(days=premises().settings["DRAFT_DAYS"])


def set_paper(form: ConsentForm, *, preview: bool = False) -> paper.Rendered:
    """The form as PDF: with what stood on it when it was last printed.

    A preview has neither the patient nor the form's code, so that nobody signs it and no identity is opened by looking.

    Raises:
        NotFound: it is not printed, or the patient is erased.
        paper.PaperFault: the paper cannot be set.
    """
    if preview:
        printed: dict[str, Any] = {"values": _values(form), "registries": _registries(form)}
    elif form.sealed_paper is not None:
        printed = _opened(form, form.sealed_paper)
    else:
        raise NotFound
    settings, text = premises().settings, form.text
    html = paper.fill(
        text.html,
        printed["values"],
        [paper.Registry(*facts) for facts in printed["registries"]],
        role=settings["OPERATOR_LEGAL_ROLE"] or "joint_controller",
        demo=settings.demo,
    )
    return premises().printer.render(
        html, text.css, title=text.title, language=form.language, created=form.printed_at or form.prepared_at
    )


def _registries(form: ConsentForm) -> list[tuple[str, str, str]]:
    named = [decision.named_registry for decision in form.decisions if decision.named_registry is not None]
    return [(registry.name, registry.controller, registry.country.code) for registry in named]


def _personal(form: ConsentForm, identity: patients.Identity) -> dict[str, str]:
    """The fields that make a form this patient's."""
    return {
        "form.code": form.code,
        "patient.family_name": identity.family_name,
        "patient.given_names": identity.given_names,
        "patient.birth_date": paper.long_date(identity.birth_date, form.language),
        "patient.file_number": identity.file_number,
    }


def _values(form: ConsentForm) -> dict[str, str]:
    """The fields that are the hospital's, the operator's and the country's."""
    settings, hospital, country = premises().settings, form.hospital, form.hospital.country
    clinician = form.patient.clinician
    return {
        "form.version": form.text.text_version,
        "form.language": paper.language_name(form.language),
        "operator.name": settings["OPERATOR_NAME"],
        "operator.address": settings["OPERATOR_ADDRESS"],
        "operator.dpo_contact": settings["OPERATOR_DPO"],
        "operator.arrangement": settings["ARRANGEMENT_REFERENCE"],
        "hospital.name": hospital.name,
        "hospital.address": f"{hospital.address}, {hospital.city}",
        "hospital.dpo_contact": f"{hospital.dpo_name}, {hospital.dpo_contact}",
        "hospital.withdrawal_address": f"{hospital.name}, {hospital.address}, {hospital.city}",
        "hospital.withdrawal_phone": hospital.phone,
        "hospital.withdrawal_email": hospital.email,
        "authority.name": country.authority_name,
        "authority.contact": f"{country.authority_address}, {country.authority_contact}",
        "country.paragraph": "",
        "clinician.name": str(clinician) if clinician else "",
    }


# --- the signature ---------------------------------------------------------------------------------------------------


@act("consent.sign")
def sign(
    actor: Actor,
    form: ConsentForm,
    *,
    signed_on: dt.date,
    relation: Relation,
    signer: Signer | None,
    answers: Mapping[str, Answer],
) -> None:
    """Note who signed the printed form on ``signed_on`` and what was answered for each purpose.

    The paper still has to be scanned (``archive``) or attested; a refused care consent ends the form at once.

    Args:
        actor: who records it.
        form: the form on paper.
        signed_on: the date beside the signature.
        relation: what the signer is to the patient.
        signer: the representative's name and proof; ``None`` when the patient signed.
        answers: by the public id of each decision; care must be given or refused.

    Raises:
        Incomplete: the date lies in the future or before the print, or an answer is missing.
    """
    _check_signature(form, signed_on, relation, signer)
    _refuse_overtaken(form, signed_on, now())
    for decision in form.decisions:
        decision.answer = _answer(decision, answers)
    form.signed_on, form.relation, form.recorded_at = signed_on, relation, now()
    form.sealed_signer = _sealed_signer(form, signer)
    if care_answer(form) is Answer.REFUSED:
        _give_time(form.patient)
        keep_refusal(actor, form)
        patients.lapse_open(actor, form.patient, gettext("Consent for care was refused."))
    elif form.patient.draft_ends_on is not None:
        _give_time(form.patient)  # the paper has come back; Home asks for its scan


def _check_signature(form: ConsentForm, signed_on: dt.date, relation: Relation, signer: Signer | None) -> None:
    printed_on = form.printed_at.date() if form.printed_at else signed_on
    if signed_on > days.day_at(form.hospital):
        sentence = _("This date lies in the future.")
        raise Incomplete(sentence, fields={"signed_on": sentence})
    if signed_on < printed_on - dt.timedelta(days=1):
        sentence = _("The form was printed later than this. Check the date beside the signature.")
        raise Incomplete(sentence, fields={"signed_on": sentence})
    _check_age(form.patient, form.variant, relation)
    if (relation is Relation.SELF) != (form.variant is Variant.ADULT):
        sentence = _("This form is signed by a representative. Choose what the signer is to the patient.")
        if form.variant is Variant.ADULT:
            sentence = _("This form is signed by the patient. For a representative prepare the other form.")
        raise Incomplete(sentence, fields={"relation": sentence})
    if form.variant is Variant.REPRESENTATIVE and (signer is None or not signer.names):
        sentence = _("Write the name of each person who signed.")
        raise Incomplete(sentence, fields={"names": sentence})


def _answer(decision: ConsentDecision, answers: Mapping[str, Answer]) -> Answer:
    answer = answers.get(decision.public_id, Answer.NOT_ASKED)
    if decision.purpose is Purpose.CARE and answer not in (Answer.GIVEN, Answer.REFUSED):
        sentence = _("Choose yes or no, as on the paper.")
        raise Incomplete(sentence, fields={f"answer_{decision.public_id}": sentence})
    if answer is Answer.WITHDRAWN:
        raise Incomplete(_("A withdrawal is recorded on the form's page."))
    return answer


def _sealed_signer(form: ConsentForm, signer: Signer | None) -> bytes | None:
    return None if signer is None else _sealed(form, asdict(signer))


def _sealed(form: ConsentForm, words: dict[str, Any]) -> bytes:
    plain = json.dumps(words, ensure_ascii=False).encode()
    return premises().vault.seal(form.wrapped_key, plain, form.public_id.encode())


def _opened(form: ConsentForm, sealed: bytes) -> dict[str, Any]:
    opened: dict[str, Any] = json.loads(premises().vault.open(form.wrapped_key, sealed, form.public_id.encode()))
    return opened


def signer_of(form: ConsentForm) -> Signer | None:
    """The representative who signed."""
    if form.sealed_signer is None:
        return None
    return Signer(**_opened(form, form.sealed_signer))


def care_answer(form: ConsentForm) -> Answer:
    """What was answered for care."""
    return next(d.answer for d in form.decisions if d.purpose is Purpose.CARE)


def _refuse_overtaken(form: ConsentForm, signed_on: dt.date, recorded_at: dt.datetime | None) -> None:
    """Refuse a signature older than what the patient has said since: a later form, or a withdrawal of care.

    Raises:
        Incomplete: with what came later.
    """
    later = select(ConsentForm.signed_on).where(
        ConsentForm.patient_id == form.patient_id,
        ConsentForm.state.in_([FormState.ARCHIVED, FormState.WITHDRAWN, FormState.SUPERSEDED]),
        or_(
            ConsentForm.signed_on > signed_on,
            and_(ConsentForm.signed_on == signed_on, ConsentForm.recorded_at > recorded_at),
        ),
        ConsentForm.id != form.id,
    )
    withdrawn = (
        select(ConsentDecision.withdrawn_on)
        .join(ConsentDecision.form)
        .where(
            ConsentForm.patient_id == form.patient_id,
            ConsentDecision.purpose == Purpose.CARE,
            ConsentDecision.withdrawn_on > signed_on,
        )
    )
    if db.session.scalar(later.limit(1)) or db.session.scalar(withdrawn.limit(1)):
        sentence = _(
            "The patient has decided again after this signature, so this form can no longer count. Check the date, or cancel it."
        )
        raise Incomplete(sentence, fields={"signed_on": sentence})


@act("consent.keep-refusal")
def keep_refusal(actor: Actor, form: ConsentForm) -> None:
    """Care was refused: the form is archived as it is, and the draft ends in thirty days."""
    form.archived_at = now()
    _follow(actor, form)


# --- archive ---------------------------------------------------------------------------------------------------------


def file_scan(
    actor: Actor,
    form: ConsentForm,
    uploads: Sequence[Upload],
    *,
    source: str,
    link: PhoneLink | None = None,
    seen: int | None = None,
) -> ConsentForm:
    """Check the uploaded scan, store it encrypted, then archive the form. On a refusal nothing stays behind.

    Raises:
        Incomplete: no file, too many, or not a scan; with what to do.
        WrongStep: the form is not signed, or archived already.
        NoRoom: the disk is full.
    """
    steps.destination(ConsentForm, form.state, "consent.archive")  # says which step is missing
    checked = _checked(uploads)
    kept: list[tuple[Stored, scans.Scan, str, bytes]] = []
    store, vault = premises().store, premises().vault
    try:
        for content, scan, kind in checked:
            key = vault.new_key(b"document")
            kept.append((store.put(content, key, vault), scan, kind, key))
    except StorageFull as error:
        _discard(kept)
        raise NoRoom(
            _("The disk of the platform is full, so the scan was not stored. Keep the paper and tell the operator.")
        ) from error
    except BaseException:
        _discard(kept)
        raise
    try:
        archive(actor, form, stored=kept, source=source, link=link, seen=seen)
    except Refusal:
        _discard(kept)
        raise
    return form


def _discard(kept: Sequence[tuple[Stored, scans.Scan, str, bytes]]) -> None:
    """Take stored files away again; after a commit of which nobody knows whether it happened, ``flask fsck`` does."""
    for stored, *_rest in kept:
        premises().store.delete(stored.key)


def _checked(uploads: Sequence[Upload]) -> list[tuple[bytes, scans.Scan, str]]:
    """The originals, and for photographs one document to read."""
    if not uploads:
        raise Incomplete(
            _("Choose the scan, or take a photograph of each page."), fields={"files": _("No file chosen.")}
        )
    if len(uploads) > MOST_FILES:
        raise _unfit("too_many_pages")
    if sum(len(upload.content) for upload in uploads) > scans.MAX_BYTES:
        raise _unfit("too_large")
    try:
        found = [(upload.content, scans.inspect(upload.content, upload.filename), "original") for upload in uploads]
        if len(found) > 1 and any(scan.kind == "pdf" for _content, scan, _kind in found):
            raise _unfit("mixed")
        if found[0][1].kind != "pdf":
            document = scans.combine([content for content, _scan, _kind in found])
            copy = scans.Scan("pdf", len(found), "application/pdf")
            found.append((document, copy, "reading"))
    except scans.ScanRefused as refused:
        raise _unfit(refused.code) from refused
    except ChildFault as busy:
        raise Incomplete(_("Many files are being checked at this moment. Wait a little and send it again.")) from busy
    return found


UNFIT = {
    "empty": _("The file is empty. Scan the paper again."),
    "too_large": _("The scan is larger than 50 MB. Scan with 200 dots per inch, or in grey."),
    "not_a_scan": _("The file is not a PDF, JPEG or PNG. Save the scan in one of these formats and try again."),
    "encrypted": _("The PDF is protected by a password. Save it without one and try again."),
    "damaged": _("The file is damaged and cannot be read to its end. Scan the paper again."),
    "no_pages": _("The PDF has no pages. Scan the paper again."),
    "too_many_pages": _("The scan has more than 20 pages. Scan this form alone."),
    "too_many_pixels": _("The picture is too large. Scan with 200 dots per inch."),
    "active": _("The PDF contains a program or a script. Print it and scan the paper instead."),
    "mixed": _("Send either one PDF, or photographs, not both."),
}
"""What to do about a file that may not be archived."""


def _unfit(code: str) -> Incomplete:
    sentence = UNFIT.get(code, UNFIT["damaged"])
    return Incomplete(sentence, fields={"files": sentence})


@act("consent.archive")
def archive(
    actor: Actor,
    form: ConsentForm,
    *,
    stored: Sequence[tuple[Stored, scans.Scan, str, bytes]],
    source: str,
    link: PhoneLink | None = None,
) -> None:
    """Archive the stored scan of a signed form. With care consent the patient is enrolled."""
    if not stored:
        raise _unfit("empty")
    if link is not None:
        _use(link)
    for position, (file, scan, kind, key) in enumerate(stored, start=1):
        undo_on_rollback(lambda key=file.key: premises().store.delete(key))  # type: ignore[misc]
        form.documents.append(
            ArchivedDocument(
                position=position,
                kind=kind,
                media_type=scan.media_type,
                size=file.size,
                pages=scan.pages,
                sha256=file.sha256,
                storage_key=file.key,
                key=DocumentKey(wrapped_key=key),
                source=source,
                archived_by_id=actor.user_id,
                archived_at=now(),
            )
        )
    form.archived_at = now()
    _follow(actor, form)


@act("consent.attest")
def attest(actor: Actor, form: ConsentForm, *, place: str) -> None:
    """A person attests where the signed original is kept; the form counts as archived."""
    form.attested_place, form.attested_by_id = place, actor.user_id
    form.archived_at = now()
    _follow(actor, form)


def _follow(actor: Actor, form: ConsentForm) -> None:
    """What an archived form does: replaces earlier ones, enrols the patient, or closes the sharing."""
    patient = form.patient
    db.session.flush()
    _refuse_overtaken(form, form.signed_on or today(), form.recorded_at)
    for earlier in _archived(patient, but=form):
        supersede(actor, earlier)
    settle(actor, patient)


def _archived(patient: Patient, but: ConsentForm | None = None) -> list[ConsentForm]:
    statement = select(ConsentForm).where(ConsentForm.patient_id == patient.id, ConsentForm.state == FormState.ARCHIVED)
    return [form for form in db.session.scalars(statement) if form is not but]


def settle(actor: Actor, patient: Patient) -> None:
    """Bring the record's state in line with whether care consent is in force."""
    db.session.flush()
    in_force_now = db.session.scalar(
        select(Patient.id).where(Patient.id == patient.id, Patient.id.in_(care_in_force()))
    )
    if in_force_now is not None and patient.state in (PatientState.DRAFT, PatientState.RESTRICTED):
        patients.admit(actor, patient)
    if in_force_now is None and patient.state is PatientState.ENROLLED:
        patients.restrict(actor, patient)


@act("consent.supersede")
def supersede(_actor: Actor, form: ConsentForm) -> None:
    """A newer signed form of the same patient takes this one's place."""


def read(document: ArchivedDocument) -> bytes:
    """The stored bytes, checked to the end before any is given.

    Raises:
        NotFound: the form is annulled: its copy is locked.
        StorageFault: the file is missing or was changed.
    """
    if document.form.state is FormState.ANNULLED:
        raise NotFound(_("This scan was annulled. Its copy is locked."))
    if document.key is None:
        raise NotFound(_("The key of this scan was destroyed when its term was over."))
    content = b"".join(premises().store.get(document.storage_key, document.key.wrapped_key, premises().vault))
    if hashlib.sha256(content).hexdigest() != document.sha256:
        raise StorageFault("damaged")
    return content


# --- from a phone ----------------------------------------------------------------------------------------------------


@act("consent.offer-phone")
def offer_phone(actor: Actor, form: ConsentForm, *, login_id: int) -> str:
    """Open an upload page for one phone, for ten minutes. Gives the token of its address."""
    token = secrets.token_urlsafe(24)
    db.session.add(
        PhoneLink(
            form_id=form.id,
            person_id=actor.user_id,
            login_id=login_id,
            token_hash=hashlib.sha256(token.encode()).digest(),
            expires_at=now() + dt.timedelta(minutes=PHONE_MINUTES),
        )
    )
    return token


def link_behind(token: str, address: str) -> tuple[PhoneLink, Actor]:
    """The link of a phone's address and the actor who showed it, with today's rights.

    Raises:
        NotFound: unknown, used, too old, or its desk has signed out.
    """
    digest = hashlib.sha256(token.encode()).digest()
    with sight.wide("phone-link") as session:
        row = session.execute(
            select(PhoneLink, Person)
            .join(Person, PhoneLink.person_id == Person.id)
            .join(Login, PhoneLink.login_id == Login.id)
            .where(
                PhoneLink.token_hash == digest,
                PhoneLink.used_at.is_(None),
                PhoneLink.expires_at > now(),
                Login.ended_at.is_(None),
                Login.expires_at > now(),
                Login.seen_at > now() - dt.timedelta(minutes=premises().settings["IDLE_MINUTES"]),
                Person.disabled_at.is_(None),
                Person.active.is_(True),
            )
        ).first()
        if row is None:
            raise NotFound(
                _("This link has been used or is older than ten minutes. Show a new QR code on the desk's screen.")
            )
        link, person = row
        actor = actors.load(session, person.id, f"phone {address}"[:60])
        session.expunge_all()
        return link, actor


def _use(link: PhoneLink) -> None:
    """Use a link up, once."""
    stored = db.session.scalars(
        select(PhoneLink).where(PhoneLink.id == link.id, PhoneLink.used_at.is_(None)).with_for_update()
    ).one_or_none()
    if stored is None:
        raise WrongStep(_("This link has been used. Show a new QR code on the desk's screen."))
    stored.used_at = now()


# --- the other ends ----------------------------------------------------------------------------------------------------


@act("consent.cancel")
def cancel(_actor: Actor, form: ConsentForm, *, reason: str) -> None:
    """Cancel a form that will not be signed, or was signed by mistake and not archived."""
    form.end_reason = reason
    if form.patient.draft_ends_on is None:
        _give_time(form.patient)


@act("consent.annul")
def annul(actor: Actor, form: ConsentForm, *, reason: str) -> None:
    """Annul an archived form whose scan is wrong: its copy is locked, care consent is no longer in force."""
    form.end_reason = reason
    settle(actor, form.patient)


@act("decision.withdraw")
def withdraw(
    actor: Actor, decision: ConsentDecision, *, withdrawn_on: dt.date, channel: Channel, reason: str | None
) -> None:
    """Record a withdrawal for one purpose; it counts from receipt. Care withdrawn closes all sharing at once."""
    form = decision.form
    if form.state not in (FormState.ARCHIVED, FormState.WITHDRAWN):
        raise WrongStep(_("Only an archived consent can be withdrawn."))
    if withdrawn_on > days.day_at(form.hospital) or (form.signed_on and withdrawn_on < form.signed_on):
        sentence = _("This day is before the signature or in the future. Check the date.")
        raise Incomplete(sentence, fields={"withdrawn_on": sentence})
    decision.withdrawn_on, decision.channel, decision.withdrawal_reason = withdrawn_on, channel, reason
    if decision.purpose is Purpose.CARE:
        end(actor, form)
        patients.lapse_open(actor, form.patient, gettext("Consent for care was withdrawn."))
        settle(actor, form.patient)


@act("consent.end")
def end(_actor: Actor, form: ConsentForm) -> None:
    """Care consent of this form is withdrawn."""
