"""Papers from elsewhere: a form signed on paper that was not printed here is filed by hand, and counts once checked.

Somebody types what the paper says and files its scan, or attests where it is kept; somebody else compares both and
confirms each answer, or sends it back with a reason. Only then it is archived, and does what every archived form does
(``consents.follow``). Who may be the second person is ``scopes``; that it is never the first one a CHECK says as well.
The Ukrainian form is fixed: it is printed here, where its words are proven, and never filed from elsewhere.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from babel import Locale

from app.act import act
from app.actors import Actor
from app.errors import Incomplete, WrongStep
from app.models import ConsentDecision, ConsentForm, Patient, now, today
from app.services import archives, consents, days, papers, patients, proofs, questions, renewals, signers, stored_files
from app.services.archives import Taken, Upload
from app.services.signers import Signer
from app.words import Answer, Procedure, Purpose, Relation, Variant, _

SOURCE = "external"
LONGEST_CODE = 3
"""Letters of a language's code: languages, not their writings and countries."""
OLDEST_YEARS = 30
NOTHING = Taken([])


@dataclass(frozen=True)
class Paper:
    """What stands on a paper from elsewhere, as somebody typed it.

    ``answers`` are by ``key_of`` the decision; what the paper does not ask is not asked. ``place`` says where the signed
    original is kept, where no scan is filed.
    """

    reference: str
    language: str
    signed_on: dt.date
    relation: Relation
    answers: Mapping[str, Answer]
    signer: Signer | None = None
    mandate_ends_on: dt.date | None = None
    place: str | None = None


def languages() -> list[str]:
    """The codes of the languages a paper from elsewhere may be in."""
    return sorted(code for code in map(str, Locale("en").languages) if len(code) <= LONGEST_CODE)


def key_of(decision: ConsentDecision) -> str:
    """What a question is called before it has a row: its purpose, or its registry's public id."""
    registry = decision.named_registry
    return decision.purpose.value if registry is None else registry.public_id


def answerable(patient: Patient, form: ConsentForm | None = None) -> list[ConsentDecision]:
    """What a paper may answer: those of the form that is corrected, else care, education and each listed registry."""
    asked = [] if form is None else list(form.decisions)
    known = {key_of(decision) for decision in asked}
    named = questions.registries_for(patient.procedure, patient.clinician_id, patient.hospital_id)
    fresh = questions.asked(patient.procedure, named)
    return asked + [decision for decision in fresh if key_of(decision) not in known]


# --- filed ------------------------------------------------------------------------------------------------------------


def file_paper(
    actor: Actor, patient: Patient, paper: Paper, uploads: Sequence[Upload], *, once: str | None = None
) -> ConsentForm:
    """Check and store the scan of a paper from elsewhere, then file it. On a refusal nothing stays behind.

    Raises:
        Incomplete: neither scan nor place, not a scan, or the paper cannot be as typed; with what to do.
        NoRoom: the disk is full.
    """
    taken = _taken(paper, uploads)
    with stored_files.removed_on_refusal(taken.keys):
        form: ConsentForm = file(actor, patient, paper=paper, taken=taken, once=once)
    _discard_twice(form, taken)
    return form


def correct_paper(
    actor: Actor, form: ConsentForm, paper: Paper, uploads: Sequence[Upload], *, seen: int | None = None
) -> None:
    """The same for one that is corrected; a new scan takes the place of the old one, which is destroyed."""
    kept = bool(proofs.readable(form)) and not uploads and not paper.place
    taken = NOTHING if kept else _taken(paper, uploads)
    with stored_files.removed_on_refusal(taken.keys):
        file_again(actor, form, paper=paper, taken=taken, seen=seen)


def _taken(paper: Paper, uploads: Sequence[Upload]) -> Taken:
    if uploads and paper.place:
        sentence = _("Choose the scan, or say where the original is kept, not both.")
        raise Incomplete(sentence, fields={"place": sentence})
    if not uploads and not paper.place:
        sentence = _("Choose the scan, or say where the signed original is kept.")
        raise Incomplete(sentence, fields={"files": sentence})
    return archives.take_in(uploads, None) if uploads else NOTHING


def _discard_twice(form: ConsentForm, taken: Taken) -> None:
    """A second click gets what the first one made; its own files are nobody's."""
    named = {document.storage_key for document in form.documents}
    for file, *_rest in taken.kept:
        if file.key not in named:
            proofs.remove(file.key)


@act("consent.file-external", creates=ConsentForm)
def file(actor: Actor, patient: Patient, *, paper: Paper, taken: Taken) -> ConsentForm:
    """File a form signed on other paper. It counts once somebody else has checked it.

    Raises:
        Incomplete: the paper cannot be as typed.
        WrongStep: the Ukrainian form is printed here.
    """
    if patient.procedure is Procedure.UA:
        raise WrongStep(_("The Ukrainian form is fixed: print it here, so that its words are proven."))
    form = ConsentForm(
        public_id=uuid.uuid4().hex,  # what is sealed for its place needs it before it is stored
        code=consents.new_code(),
        patient=patient,
        patient_id=patient.id,
        hospital=patient.hospital,
        procedure=patient.procedure,
        variant=Variant.ADULT,
        wrapped_key=papers.new_key(),
        prepared_at=now(),
        print_count=0,
        explained_by_id=patient.clinician_id,
    )
    _write_down(actor, form, paper, taken)
    consents.give_time(patient)
    if patient.erase_on is not None:
        patients.await_decision(patient, paper.signed_on)  # the patient came back: the check must not find it erased
    return form


@act("consent.file-again")
def file_again(actor: Actor, form: ConsentForm, *, paper: Paper, taken: Taken) -> None:
    """Correct what was typed, and the scan if there is another. Who corrects it now is who filed it.

    Raises:
        Incomplete: the paper cannot be as typed.
    """
    if taken.kept or paper.place:
        proofs.destroy(form.documents)
    form.checked_by_id = form.checked_on = form.sent_back_reason = None
    _write_down(actor, form, paper, taken)
    consents.give_time(form.patient)


def _write_down(actor: Actor, form: ConsentForm, paper: Paper, taken: Taken) -> None:
    form.variant = Variant.ADULT if paper.relation is Relation.SELF else Variant.REPRESENTATIVE
    _check(form, paper)
    form.external_reference, form.language, form.filed_by_id = paper.reference, paper.language, actor.user_id
    form.signed_on, form.relation, form.recorded_at = paper.signed_on, paper.relation, now()
    form.mandate_ends_on = paper.mandate_ends_on
    form.renewal_due_on = renewals.due_on(form)
    form.sealed_signer = signers.sealed_signer(form, paper.signer)
    _answer(form, paper.answers)
    archives.attach(actor, form, taken, source=SOURCE)
    form.attested_place = paper.place
    form.attested_by_id = actor.user_id if paper.place else None


def _check(form: ConsentForm, paper: Paper) -> None:
    """Refuse what no paper can say.

    Raises:
        Incomplete: with the sentence by its field.
    """
    if paper.language not in languages():
        sentence = _("Choose one of the list.")
        raise Incomplete(sentence, fields={"language": sentence})
    if paper.signed_on > days.day_at(form.hospital):
        sentence = _("This date lies in the future.")
        raise Incomplete(sentence, fields={"signed_on": sentence})
    born = dt.date(form.patient.birth_year, form.patient.birth_month, 1)
    if paper.signed_on < max(born, today().replace(day=1, year=today().year - OLDEST_YEARS)):
        sentence = _("This is before the patient’s birth, or very long ago. Check the date beside the signature.")
        raise Incomplete(sentence, fields={"signed_on": sentence})
    signers.check_age(form.patient, form.variant, paper.relation, paper.signed_on)
    signers.check_mandate(form, paper.signed_on, paper.mandate_ends_on)
    consents.refuse_overtaken(form, paper.signed_on, now())
    if form.variant is Variant.REPRESENTATIVE and (paper.signer is None or not paper.signer.names):
        sentence = _("Write the name of each person who signed.")
        raise Incomplete(sentence, fields={"names": sentence})


def _answer(form: ConsentForm, answers: Mapping[str, Answer]) -> None:
    """Exactly what the paper says: a registry it does not name gets no row, and a question it left out no answer."""
    for decision in answerable(form.patient, form):
        key = key_of(decision)
        answer = answers.get(key, Answer.NOT_ASKED)
        asked = answer in (Answer.GIVEN, Answer.REFUSED)
        if not asked and (answer is not Answer.NOT_ASKED or decision.purpose is Purpose.CARE):
            sentence = _("Choose yes or no, as on the paper.")
            raise Incomplete(sentence, fields={f"answer_{key}": sentence})
        decision.answer = answer
        if asked or decision.named_registry is None:
            if decision not in form.decisions:
                form.decisions.append(decision)
        elif decision in form.decisions:
            form.decisions.remove(decision)


# --- checked by a second person ---------------------------------------------------------------------------------------


@act("consent.confirm", gives_away=True)
def confirm(actor: Actor, form: ConsentForm, *, confirmed: Collection[str]) -> None:
    """A second person has compared the paper with what was typed: it is archived and counts.

    Args:
        actor: never who filed it.
        form: the paper.
        confirmed: ``key_of`` each answer that stands so on the paper; every one must be there.

    Raises:
        Incomplete: an answer is not confirmed, or the patient has decided again since.
    """
    missing = {key_of(decision) for decision in form.decisions} - set(confirmed)
    if missing:
        sentence = _("Compare this answer with the paper and tick it, or send the form back.")
        raise Incomplete(sentence, fields={f"right_{key}": sentence for key in sorted(missing)})
    form.checked_by_id, form.checked_on, form.archived_at = actor.user_id, actor.on, now()
    if proofs.readable(form):
        archives.ask_for_copy(form)
    if questions.care_answer(form) is Answer.REFUSED:
        consents.give_time(form.patient)
    consents.follow(actor, form)


@act("consent.send-back", gives_away=True)
def send_back(actor: Actor, form: ConsentForm, *, reason: str) -> None:
    """A second person found something wrong: who filed the paper corrects it and files it again."""
    form.checked_by_id, form.checked_on, form.sent_back_reason = actor.user_id, actor.on, reason
