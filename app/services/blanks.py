"""Blank forms: printed with a code before anybody is known who will sign, and bound to a patient when they come back.

A blank form is a clinician's, whose registries it names; an assistant prints and binds on the clinician's behalf. Bound, it
is the consent form of its code, printed on its day, and goes the way of any other (``consents``, ``archives``). What the
page of a stack shows of it is ``stacks``; its paper is ``papers``.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress

from sqlalchemy import select

from app import rights, sight, steps
from app.act import act
from app.actors import Actor
from app.errors import Incomplete, NotFound
from app.models import BlankForm, ConsentForm, Hospital, Patient, Person, Registry, db, now
from app.outside import paper
from app.premises import premises
from app.services import consents, identities, jobs, papers, patients, questions, signers, texts
from app.services.jobs import Every, job
from app.words import OPEN_FORMS, BlankState, Variant, _, gettext

MOST = 50
"""Blank forms printed in one go."""


# --- printed -----------------------------------------------------------------------------------------------------------


def print_run(
    actor: Actor,
    hospital: Hospital,
    *,
    count: int,
    language: str,
    variant: Variant,
    clinician: Person | None = None,
    large_print: bool = False,
    once: str | None = None,
) -> BlankForm:
    """Print so many blank forms, each with a code of its own. Gives the first: ``run_of`` finds the others.

    Each is an act of its own. A second click with the same ``once`` prints the same forms, none more.

    Raises:
        Incomplete: too many or none, no such text, or nobody whose forms they would be.
    """
    if not 1 <= count <= MOST:
        sentence = _("Print between 1 and %(most)s blank forms at a time.", most=MOST)
        raise Incomplete(sentence, fields={"count": sentence})
    run = hashlib.sha256((once or secrets.token_hex()).encode()).hexdigest()[:32]  # a second click's is the same
    given = {"language": language, "variant": variant, "clinician": clinician, "run": run, "large_print": large_print}
    keys = [f"{once}-{number}" if once else None for number in range(count)]
    made: list[BlankForm] = [print_blank(actor, hospital, **given, once=key) for key in keys]
    return made[0]


@act("blank.print", creates=BlankForm)
def print_blank(
    actor: Actor,
    hospital: Hospital,
    *,
    language: str,
    variant: Variant,
    clinician: Person | None,
    run: str,
    large_print: bool = False,
) -> BlankForm:
    """Print one blank form of a clinician: its text, its registries and its words are pinned."""
    procedure = hospital.country.procedure
    text = texts.latest_text(hospital, procedure, language, variant)
    if text is None:
        sentence = _("There is no form in this language. Choose another one.")
        raise Incomplete(sentence, fields={"language": sentence})
    papers.refuse_without_operator()
    patients.refuse_unauthorised(hospital)
    whose = patients.clinician_for(actor, hospital, clinician)
    registries = questions.registries_for(procedure, whose, hospital.id)
    blank = BlankForm(
        code=consents.new_code(),
        hospital=hospital,
        clinician=db.session.get_one(Person, whose),
        printed_by_id=actor.user_id,
        text=text,
        procedure=procedure,
        language=language,
        variant=variant,
        registries=[registry.id for registry in registries],
        large_print=large_print,
        run=run,
        printed_at=now(),
    )
    blank.paper = papers.blank(blank, registries)
    return blank


def run_of(blank: BlankForm) -> list[BlankForm]:
    """The forms printed in one go with this one that are still out, in the order of their print."""
    statement = select(BlankForm).where(BlankForm.run == blank.run, BlankForm.state == BlankState.PRINTED)
    return list(db.session.scalars(statement.order_by(BlankForm.id)).unique())


def set_run(run: Sequence[BlankForm]) -> bytes:
    """Several blank forms as one PDF, each on sheets of its own.

    Raises:
        paper.PaperFault: the paper cannot be set.
    """
    return premises().printer.join([papers.set_blank(blank).pdf for blank in run])


# --- bound -------------------------------------------------------------------------------------------------------------


def by_code(actor: Actor, code: str) -> BlankForm:
    """The blank form of a code as somebody typed it, among those one may open.

    Raises:
        Incomplete: there is none; whether somebody else has one cannot be told.
    """
    sentence = _("No blank form of yours has this code. Compare it with the foot of the page.")
    refusal = Incomplete(sentence, fields={"code": sentence})
    try:
        plain = paper.plain_code(code)
    except ValueError as fault:
        raise refusal from fault
    statement = select(BlankForm).where(BlankForm.code == plain, rights.right(actor, "blank.open"))
    found = db.session.scalars(statement).unique().one_or_none()
    if found is None:
        raise refusal
    return found


def fitting(actor: Actor, blank: BlankForm, words: str) -> list[Patient]:
    """Patients of the blank form's clinician with this file number, or with this in their nickname."""
    theirs = select(Patient).where(
        Patient.hospital_id == blank.hospital_id,
        Patient.clinician_id == blank.clinician_id,
        rights.right(actor, "blank.bind"),
    )
    named = theirs.where(Patient.nickname.icontains(words, autoescape=True)).order_by(Patient.id.desc())
    found = list(db.session.scalars(named.limit(20)).unique())
    with suppress(Incomplete):  # no letter or digit in it
        numbered = identities.find(actor, blank.hospital, family_name=None, birth_date=None, file_number=words)
        found = [one for one in numbered if one.clinician_id == blank.clinician_id and one not in found] + found
    return [one for one in found if steps.possible(one, "blank.bind")]


def open_forms(patient: Patient) -> list[ConsentForm]:
    """The patient's forms that are still under way: what becomes of them is asked when a blank one is bound."""
    statement = select(ConsentForm).where(ConsentForm.patient_id == patient.id, ConsentForm.state.in_(OPEN_FORMS))
    return list(db.session.scalars(statement.order_by(ConsentForm.id)).unique())


@act("blank.bind", creates=ConsentForm)
def bind(actor: Actor, patient: Patient, *, blank: BlankForm, end_others: bool | None) -> ConsentForm:
    """Make the patient's form of a signed blank one: printed on its day, with its code and what stands on it.

    Args:
        actor: who has compared the name and birth date on the paper with the patient's.
        patient: who signed, or for whom.
        blank: the form on paper.
        end_others: whether the patient's other open forms end; ``None`` where nobody was asked, as there are none.

    Raises:
        NotFound: the blank form is not the actor's.
        Incomplete: the patient is another clinician's or hospital's, follows the other procedure, or may not sign this
            form; or it was not said what becomes of the other open forms.
    """
    theirs = _locked(actor, blank)
    _refuse_misfit(theirs, patient)
    steps.destination(BlankForm, theirs.state, "blank.use")  # says why it cannot be bound, before anything ends
    signers.check_age(patient, theirs.variant, None)
    others = open_forms(patient)
    if others and end_others is None:
        sentence = _("This patient has another open form. Say what becomes of it.")
        raise Incomplete(sentence, fields={"end_others": sentence})
    if end_others:
        for other in others:
            patients.lapse(actor, other, reason=gettext("A blank form was signed instead."))
    form: ConsentForm = adopt(actor, patient, blank=theirs)
    use(actor, theirs, form=form)
    consents.give_time(patient)
    return form


def _locked(actor: Actor, blank: BlankForm) -> BlankForm:
    """The blank form as stored, locked, if it is the actor's: another may have bound it meanwhile."""
    mine = select(BlankForm).where(BlankForm.id == blank.id, rights.right(actor, "blank.open"))
    locked = mine.with_for_update(of=BlankForm).execution_options(populate_existing=True)
    found = db.session.scalars(locked).unique().one_or_none()
    if found is None:
        raise NotFound
    return found


def _refuse_misfit(blank: BlankForm, patient: Patient) -> None:
    if (patient.hospital_id, patient.clinician_id) != (blank.hospital_id, blank.clinician_id):
        raise Incomplete(
            _("This blank form is %(name)s’s, and the patient is somebody else’s.", name=str(blank.clinician))
        )
    if patient.procedure is not blank.procedure:
        raise Incomplete(_("The blank form and the patient follow different procedures."))


@act("consent.adopt", creates=ConsentForm)
def adopt(_actor: Actor, patient: Patient, *, blank: BlankForm) -> ConsentForm:
    """A blank form becomes the patient's: nothing on its paper changes."""
    form = ConsentForm(
        public_id=uuid.uuid4().hex,  # what is sealed for its place needs it before it is stored
        code=blank.code,
        patient=patient,
        hospital_id=blank.hospital_id,
        text=blank.text,
        procedure=blank.procedure,
        language=blank.language,
        variant=blank.variant,
        large_print=blank.large_print,
        wrapped_key=papers.new_key(),
        prepared_at=blank.printed_at,
        printed_at=blank.printed_at,
        print_count=1,
        explained_by_id=blank.clinician_id,
    )
    found = db.session.scalars(select(Registry).where(Registry.id.in_(blank.registries)))
    named = {registry.id: registry for registry in found}
    form.decisions = questions.asked(blank.procedure, [named[key] for key in blank.registries])
    papers.keep_blank(form, blank)
    return form


@act("blank.use")
def use(_actor: Actor, blank: BlankForm, *, form: ConsentForm) -> None:
    """The blank form is a patient's form now, and can be no other's."""
    blank.form, blank.ended_at = form, now()


# --- never bound -------------------------------------------------------------------------------------------------------


@act("blank.cancel")
def cancel(_actor: Actor, blank: BlankForm, *, reason: str) -> None:
    """Cancel a blank form that is lost or spoilt: nobody can bind it any more."""
    blank.end_reason, blank.ended_at = reason, now()


@act("blank.lapse")
def lapse(_actor: Actor, blank: BlankForm) -> None:
    """A blank form never came back; what it says may be out of date."""
    blank.ended_at = now()


@job("blanks.lapse", reason="expiry", every=Every.DAY)
def lapse_old(actor: Actor, _payload: Mapping[str, object]) -> None:
    """End the blank forms that did not come back in time."""
    jobs.each(actor, lapse, BlankForm, _due())


def last_day(blank: BlankForm) -> dt.date:
    """The last day on which a blank form can be bound."""
    return (blank.printed_at + dt.timedelta(days=premises().settings["BLANK_DAYS"])).date()


def _due() -> list[int]:
    edge = now() - dt.timedelta(days=premises().settings["BLANK_DAYS"] + 1)
    with sight.wide("expiry") as session:
        old = select(BlankForm.id).where(BlankForm.state == BlankState.PRINTED, BlankForm.printed_at < edge)
        return list(session.scalars(old))
