"""Consent: prepare, print, record the signature, cancel, annul, withdraw; and what an archived form does.

Texts are ``texts``, the paper is ``papers``, its scan ``archives``. Care consent in force is derived
(``scopes.care_in_force``), never pushed.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import and_, or_, select

from app.act import act
from app.actors import Actor, in_force, memberships_in_force
from app.errors import Incomplete, WrongStep
from app.models import ConsentDecision, ConsentForm, Patient, Person, Registry, db, now, today
from app.outside.paper.codes import CROCKFORD
from app.premises import premises
from app.scopes import care_in_force
from app.services import days, identities, letters, papers, patients, proofs, renewals, same_questions, takebacks, texts
from app.words import (
    Answer,
    Channel,
    FormState,
    LetterOutcome,
    PatientState,
    Procedure,
    Purpose,
    Relation,
    Variant,
    _,
    gettext,
)


@dataclass(frozen=True)
class Signer:
    """Who signed, as far as it is not the patient."""

    names: str
    proof: str | None = None


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
    check_age(patient, variant, None)
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
    asked = registries_for(patient.procedure, patient.clinician_id, patient.hospital_id)
    form.decisions = questions(patient.procedure, asked)
    return form


def questions(procedure: Procedure, registries: Sequence[Registry]) -> list[ConsentDecision]:
    """What a form asks, in the order of its boxes. The Ukrainian form asks for care alone."""
    care = _question(procedure, Purpose.CARE)
    if procedure is Procedure.UA:
        return [care]
    named = [_question(procedure, Purpose.REGISTRY, registry) for registry in registries]
    return [care, _question(procedure, Purpose.EDUCATION), *named]


def check_age(patient: Patient, variant: Variant, relation: Relation | None, on: dt.date | None = None) -> None:
    """Refuse who may not sign on that day: a child alone, or a parent for an adult. Ages are the hospital's country's.

    Args:
        patient: whose form it is.
        variant: who signs, the patient or somebody for the patient.
        relation: what the signer is to the patient, where that is known.
        on: the day of the signature; today without one.

    Raises:
        Incomplete: with who signs instead.
    """
    too_young = variant is Variant.ADULT and (on is not None and _before_birthday(patient, on))
    on = on or days.day_at(patient.hospital)
    if variant is Variant.ADULT and (too_young or not renewals.may_sign_alone(patient, on)):
        sentence = _(
            "In this country a patient signs alone from the age of %(years)s. A representative signs.",
            years=renewals.age_to_sign_alone(patient),
        )
        raise Incomplete(sentence, fields={"variant": sentence})
    if relation is Relation.PARENT and renewals.of_age_on(patient) <= on:
        sentence = _("A parent cannot sign for an adult. Choose guardian or legal representative, and note the proof.")
        raise Incomplete(sentence, fields={"relation": sentence})


def _before_birthday(patient: Patient, on: dt.date) -> bool:
    """Whether a signature of the very month in which the patient may sign alone is older than the birthday."""
    born = (patient.birth_year + renewals.age_to_sign_alone(patient), patient.birth_month)
    if (on.year, on.month) != born:
        return False
    identity = identities.identity_of(patient)
    return identity is not None and on.day < identity.birth_date.day


def registries_for(procedure: Procedure, clinician_id: int | None, hospital_id: int) -> list[Registry]:
    """The registries a form names: those of the networks the clinician's centres belong to, and those of none."""
    if procedure is Procedure.UA:
        return []
    member = memberships_in_force(today()).subquery()
    networks = select(member.c.network_id).where(
        member.c.person_id == clinician_id, member.c.hospital_id == hospital_id
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


def _question(procedure: Procedure, purpose: Purpose, registry: Registry | None = None) -> ConsentDecision:
    return ConsentDecision(procedure=procedure, purpose=purpose, named_registry=registry, answer=Answer.NOT_ASKED)


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
    signer: Signer | None,
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
    _check_signature(form, signed_on, relation, signer)
    check_mandate(form, signed_on, mandate_ends_on)
    refuse_overtaken(form, signed_on, now())
    for decision in form.decisions:
        decision.answer = _answer(decision, answers)
    back = form.recorded_at is None
    form.signed_on, form.relation, form.recorded_at = signed_on, relation, now()
    form.mandate_ends_on = mandate_ends_on
    form.renewal_due_on = renewals.due_on(form)
    form.sealed_signer = sealed_signer(form, signer)
    _obey_each_no(actor, form, signed_on)
    if care_answer(form) is Answer.REFUSED:
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


def _check_signature(form: ConsentForm, signed_on: dt.date, relation: Relation, signer: Signer | None) -> None:
    printed_on = form.printed_at.date() if form.printed_at else signed_on
    if signed_on > days.day_at(form.hospital):
        sentence = _("This date lies in the future.")
        raise Incomplete(sentence, fields={"signed_on": sentence})
    if signed_on < printed_on - dt.timedelta(days=1):
        sentence = _("The form was printed later than this. Check the date beside the signature.")
        raise Incomplete(sentence, fields={"signed_on": sentence})
    check_age(form.patient, form.variant, relation, signed_on)
    if (relation is Relation.SELF) != (form.variant is Variant.ADULT):
        sentence = _("This form is signed by a representative. Choose what the signer is to the patient.")
        if form.variant is Variant.ADULT:
            sentence = _("This form is signed by the patient. For a representative prepare the other form.")
        raise Incomplete(sentence, fields={"relation": sentence})
    if form.variant is Variant.REPRESENTATIVE and (signer is None or not signer.names):
        sentence = _("Write the name of each person who signed.")
        raise Incomplete(sentence, fields={"names": sentence})


def check_mandate(form: ConsentForm, signed_on: dt.date, mandate_ends_on: dt.date | None) -> None:
    """Refuse a mandate that was over when its holder signed.

    Raises:
        Incomplete: with which dates to compare.
    """
    if mandate_ends_on is not None and mandate_ends_on > signed_on + dt.timedelta(days=366 * 120):
        sentence = _("Nobody’s mandate lasts so long. Check the year, or leave the date empty.")
        raise Incomplete(sentence, fields={"mandate_ends_on": sentence})
    if mandate_ends_on is not None and (form.variant is Variant.ADULT or mandate_ends_on < signed_on):
        sentence = _("The mandate was over before the signature. Check both dates.")
        raise Incomplete(sentence, fields={"mandate_ends_on": sentence})


def _answer(decision: ConsentDecision, answers: Mapping[str, Answer]) -> Answer:
    answer = answers.get(decision.public_id, Answer.NOT_ASKED)
    if decision.purpose is Purpose.CARE and answer not in (Answer.GIVEN, Answer.REFUSED):
        sentence = _("Choose yes or no, as on the paper.")
        raise Incomplete(sentence, fields={f"answer_{decision.public_id}": sentence})
    if answer is Answer.WITHDRAWN:
        raise Incomplete(_("A withdrawal is recorded on the form's page."))
    return answer


def sealed_signer(form: ConsentForm, signer: Signer | None) -> bytes | None:
    """The representative's name and proof, sealed with the form's key."""
    return None if signer is None else papers.sealed(form, "sealed_signer", asdict(signer))


def signer_of(form: ConsentForm) -> Signer | None:
    """The representative who signed."""
    if form.sealed_signer is None:
        return None
    return Signer(**papers.opened(form, "sealed_signer"))


def care_answer(form: ConsentForm) -> Answer:
    """What was answered for care."""
    return next(d.answer for d in form.decisions if d.purpose is Purpose.CARE)


def refuse_overtaken(form: ConsentForm, signed_on: dt.date, recorded_at: dt.datetime | None) -> None:
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
    follow(actor, form)


def follow(actor: Actor, form: ConsentForm) -> None:
    """What an archived form does: replaces earlier ones, enrols the patient, or closes the sharing."""
    patient = form.patient
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
    if care_answer(form) is Answer.GIVEN:
        patients.stay(patient)
    settle(actor, patient)
    if care_answer(form) is Answer.REFUSED:
        if patient.state is PatientState.RESTRICTED:
            no = next(decision for decision in form.decisions if decision.purpose is Purpose.CARE)
            takebacks.note_decision(
                no, form.signed_on or today(), Channel.IN_PERSON
            )  # a no after a yes is a withdrawal
            patients.await_decision(patient, form.signed_on or today())  # a no after a yes is a withdrawal
        patients.lapse_open(actor, patient, gettext("Consent for care was refused."))


def _archived(patient: Patient, but: ConsentForm | None = None) -> list[ConsentForm]:
    statement = select(ConsentForm).where(ConsentForm.patient_id == patient.id, ConsentForm.state == FormState.ARCHIVED)
    return [form for form in db.session.scalars(statement) if form is not but]


def archived_yes(patient: Patient) -> bool:
    """Whether an archived form says yes to care, be the record restricted or not."""
    return any(care_answer(form) is Answer.GIVEN for form in _archived(patient))


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
