"""Consent: prepare, print, record the signature, cancel, annul, withdraw; and what an archived form does.

What a form asks is ``questions``, who signs it ``signers``; its text is ``texts``, its paper ``papers``, its scan
``archives``. Care consent in force is derived (``scopes.care_in_force``), never pushed.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Mapping

from sqlalchemy import and_, or_, select

from app.act import act
from app.actors import Actor
from app.errors import Incomplete, WrongStep
from app.models import ConsentDecision, ConsentForm, Patient, Person, db, now, today
from app.outside.paper.codes import CROCKFORD
from app.premises import premises
from app.scopes import care_in_force
from app.services import (
    days,
    explanations,
    letters,
    papers,
    patients,
    proofs,
    questions,
    renewals,
    same_questions,
    signers,
    takebacks,
    text_changes,
    texts,
)
from app.words import (
    DECIDED_FORMS,
    Answer,
    Channel,
    FormState,
    LetterOutcome,
    PatientState,
    Purpose,
    Relation,
    Variant,
    _,
    gettext,
)


@act("consent.prepare", creates=ConsentForm)
def prepare(
    actor: Actor, patient: Patient, *, language: str, variant: Variant, large_print: bool = False
) -> ConsentForm:
    """Make a form in a language and variant: its text version and its registries are pinned.

    Raises:
        Incomplete: there is no such text, or the operator's settings are not complete.
    """
    text = texts.latest_text(patient.hospital, patient.procedure, language, variant)
    if text is None:
        sentence = _("There is no form in this language. Choose another one.")
        raise Incomplete(sentence, fields={"language": sentence})
    papers.refuse_without_operator()
    signers.check_age(patient, variant, None)
    person = db.session.get(Person, actor.user_id)
    if person is not None:
        person.consent_language = language
    form = ConsentForm(
        code=new_code(),
        patient=patient,
        hospital_id=patient.hospital_id,
        text=text,
        procedure=patient.procedure,
        language=language,
        variant=variant,
        wrapped_key=papers.new_key(),
        prepared_at=now(),
        print_count=0,
        large_print=large_print,
    )
    asked = questions.registries_for(patient.procedure, patient.clinician_id, patient.hospital_id)
    form.decisions = questions.asked(patient.procedure, asked)
    return form


def new_code() -> str:
    """The code of a new form: nothing about anybody."""
    return "".join(secrets.choice(CROCKFORD) for _place in range(16))


@act("consent.print")
def note_print(_actor: Actor, form: ConsentForm) -> None:
    """Note that the form is printed, and keep what stands on it. From the first print a draft has thirty days.

    A form printed again is filled anew: the last print is the one that can come back.
    """
    papers.refuse_without_operator()
    papers.keep(form)
    form.print_count += 1
    form.printed_at = form.printed_at or now()
    if form.print_count == 1:
        give_time(form.patient)


def give_time(patient: Patient) -> None:
    """A draft has thirty days from here to come back."""
    if patient.state is PatientState.DRAFT:
        patient.draft_ends_on = today() + dt.timedelta(days=premises().settings["DRAFT_DAYS"])


@act("consent.sign")
def sign(
    actor: Actor,
    form: ConsentForm,
    *,
    signed_on: dt.date,
    relation: Relation,
    signer: signers.Signer | None,
    answers: Mapping[str, Answer],
    mandate_ends_on: dt.date | None = None,
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
        mandate_ends_on: the last day on which the representative may speak for the patient, where one is known.

    Raises:
        Incomplete: the date lies in the future or before the print, or an answer is missing.
    """
    signers.check_signature(form, signed_on, relation, signer)
    signers.check_mandate(form, signed_on, mandate_ends_on)
    refuse_overtaken(form, signed_on, now())
    for decision in form.decisions:
        decision.answer = questions.answer(decision, answers)
    back = form.recorded_at is None
    form.signed_on, form.relation, form.recorded_at = signed_on, relation, now()
    form.mandate_ends_on = mandate_ends_on
    form.renewal_due_on = renewals.due_on(form)
    form.sealed_signer = signers.sealed_signer(form, signer)
    _obey_each_no(actor, form, signed_on)
    if questions.care_answer(form) is Answer.REFUSED:
        give_time(form.patient)
        keep_refusal(actor, form)
    elif form.patient.draft_ends_on is not None:
        give_time(form.patient)  # the paper has come back; Home asks for its scan
    elif form.patient.erase_on is not None and back:
        patients.await_decision(form.patient, signed_on)  # the patient has come back: the scan must not find it erased


def _obey_each_no(actor: Actor, form: ConsentForm, signed_on: dt.date) -> None:
    """A no to education or to a registry ends the older yes at once: it does not wait for its scan."""
    said = same_questions.Said(signed_on, Channel.IN_PERSON, None)
    for decision in form.decisions:
        if decision.answer is Answer.REFUSED and decision.purpose is not Purpose.CARE:
            for older in same_questions.given(decision, FormState.SIGNED, FormState.ARCHIVED, until=signed_on):
                same_questions.carry(actor, older, said=said)


def refuse_overtaken(form: ConsentForm, signed_on: dt.date, recorded_at: dt.datetime | None) -> None:
    """Refuse a signature older than what the patient has said since: a later form, or a withdrawal of care.

    Raises:
        Incomplete: with what came later.
    """
    later = select(ConsentForm.signed_on).where(
        ConsentForm.patient_id == form.patient_id,
        ConsentForm.state.in_(DECIDED_FORMS),
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
    follow(actor, form)


def follow(actor: Actor, form: ConsentForm) -> None:
    """What an archived form does: replaces earlier ones, enrols the patient, or closes the sharing."""
    patient = form.patient
    explanations.note(actor, form)
    db.session.flush()
    refuse_overtaken(form, form.signed_on or today(), form.recorded_at)
    for decision in form.decisions:
        said = same_questions.withdrawn_since(decision)
        if said is not None:
            same_questions.carry(actor, decision, said=said)
    for earlier in _archived(patient, but=form):
        supersede(actor, earlier)
    for decision in form.decisions:
        if decision.answer is Answer.REFUSED:  # a restore must not bring an older yes back
            takebacks.note_decision(decision, form.signed_on or today(), Channel.IN_PERSON)
    if questions.care_answer(form) is Answer.GIVEN:
        text_changes.note(form)
        patients.stay(patient)
    settle(actor, patient)
    if questions.care_answer(form) is Answer.REFUSED:
        if patient.state is PatientState.RESTRICTED:
            patients.await_decision(patient, form.signed_on or today())  # a no after a yes is a withdrawal
        patients.lapse_open(actor, patient, gettext("Consent for care was refused."))


def _archived(patient: Patient, but: ConsentForm | None = None) -> list[ConsentForm]:
    statement = select(ConsentForm).where(ConsentForm.patient_id == patient.id, ConsentForm.state == FormState.ARCHIVED)
    return [form for form in db.session.scalars(statement) if form is not but]


def archived_yes(patient: Patient) -> bool:
    """Whether an archived form says yes to care, be the record restricted or not."""
    return any(questions.care_answer(form) is Answer.GIVEN for form in _archived(patient))


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
    form.ended_at = now()


@act("consent.cancel")
def cancel(_actor: Actor, form: ConsentForm, *, reason: str) -> None:
    """Cancel a form that will not be signed, or was signed by mistake and not archived."""
    form.end_reason, form.ended_at = reason, now()
    proofs.destroy(form.documents)  # a paper from elsewhere that never counted proves nothing
    if form.patient.draft_ends_on is None:
        give_time(form.patient)
    if form.patient.erase_on is not None:
        patients.await_decision(form.patient, same_questions.care_withdrawn_on(form.patient) or today())


@act("consent.annul")
def annul(actor: Actor, form: ConsentForm, *, reason: str) -> None:
    """Annul an archived form whose scan is wrong: its copy is locked, care consent is no longer in force."""
    form.end_reason, form.ended_at = reason, now()
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
    takebacks.note_decision(decision, withdrawn_on, channel)
    for waiting in same_questions.given(decision, FormState.SIGNED, until=withdrawn_on):
        same_questions.carry(actor, waiting, said=same_questions.Said(withdrawn_on, channel, reason))
    if decision.purpose is Purpose.CARE:
        end(actor, form)
        patients.lapse_open(actor, form.patient, gettext("Consent for care was withdrawn."))
        settle(actor, form.patient)
        patients.await_decision(form.patient, withdrawn_on)
    partly = form.state is FormState.ARCHIVED  # consent for care stands
    letters.answer(actor, form.patient, LetterOutcome.PARTLY if partly else LetterOutcome.WITHDRAWN)


@act("consent.end")
def end(_actor: Actor, form: ConsentForm) -> None:
    """Care consent of this form is withdrawn."""
    form.ended_at = now()
