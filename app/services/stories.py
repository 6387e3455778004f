"""The demo patients' stories, walked through the real acts: who did what on which day, one after the other.

A ``Life`` turns one story into ``Turn``s; ``demo`` sorts the turns of all lives by time and performs each as the
person who did it. What the stories say is ``outside.reference``; what filled paper looks like is
``outside.scribbles``.
"""

from __future__ import annotations

import datetime as dt
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from app import audit
from app.actors import Actor
from app.models import ConsentDecision, ConsentForm, Hospital, Patient, Person, db, today
from app.outside import scans, scribbles
from app.outside.reference.shapes import (
    Day,
    DemoWorld,
    FormStory,
    GrantStory,
    PatientStory,
    SignerStory,
    WithdrawalStory,
)
from app.services import archives, consents, papers, patients, withdrawals
from app.services.archives import Upload
from app.services.identities import Identity
from app.services.signers import Signer
from app.words import Answer, Channel, PatientState, Purpose, Relation, Sex, Variant

MORNING = 7 * 60 + 30
SPREAD = 360
"""Minutes in the morning and early afternoon over which the patients of a day spread."""
PAUSE = 7
"""Minutes from one act on a record to the next of the same day."""

RELATIONS = {
    ("bg", "parent"): "родител",
    ("de", "parent"): "Elternteil",
    ("el", "parent"): "γονέας",
    ("uk", "parent"): "один із батьків",
    ("el", "legal_representative"): "δικαστικός συμπαραστάτης",
}
"""How a representative writes the relation by hand; in English otherwise."""


@dataclass(frozen=True)
class Stage:
    """What the stories play on: the rows already there by the stories' keys, and the moment of the seed."""

    world: DemoWorld
    start: dt.datetime
    hospitals: Mapping[str, int]
    people: Mapping[str, int]
    registries: Mapping[str, str]
    scans: bool


class Turn(NamedTuple):
    """Something a person did at a moment."""

    moment: dt.datetime
    person: str
    perform: Callable[[Actor], None]


class Life:
    """One patient's story under way: knows the rows its earlier turns made."""

    def __init__(self, story: PatientStory, stage: Stage) -> None:
        self.story, self.stage = story, stage
        self.patient_id = 0
        self._forms: dict[int, int] = {}
        self._clinician = stage.world.person(story.clinician)
        self._seed = zlib.crc32(story.key.encode())

    def turns(self) -> Iterator[Turn]:
        """All turns, in order."""
        met: Counter[Day] = Counter()
        for day, at_desk, perform in self._steps():
            opening = perform if perform == self._enrol or met[day] else partial(self._open, perform)
            person = self._desk(day) if at_desk else self.story.clinician
            yield Turn(self._moment(day, met[day]), person, opening)
            met[day] += 1

    def _steps(self) -> Iterator[tuple[Day, bool, Callable[[Actor], None]]]:
        """Day, whether an assistant may have done it, and what to do."""
        yield self.story.entered, True, self._enrol
        for number, form in enumerate(self.story.forms):
            yield form.prepared, True, partial(self._prepare, number)
            for day in form.printed:
                yield day, True, partial(self._print, number)
            if form.signed is not None:
                yield form.signed, True, partial(self._sign, number)
            if form.archived is not None and form.care == "given":  # a refusal is archived by its signature
                yield form.archived, True, partial(self._archive if self.stage.scans else self._keep, number)
            if form.attested:
                yield form.attested.day, False, partial(self._attest, number)
            yield from self._ends(number, form)
        if self.story.deleted is not None:
            yield self.story.deleted, True, self._delete

    def _ends(self, number: int, form: FormStory) -> Iterator[tuple[Day, bool, Callable[[Actor], None]]]:
        if form.cancelled:
            yield form.cancelled.day, True, partial(self._cancel, number)
        if form.annulled:
            yield form.annulled.day, False, partial(self._annul, number)
        for withdrawal in form.withdrawals:
            yield withdrawal.day, False, partial(self._withdraw, number, withdrawal)

    def _moment(self, day: Day, nth: int) -> dt.datetime:
        """A time of the day for the nth act on this record, never later than the seed itself."""
        midnight = dt.datetime.combine(self.stage.start.date() + dt.timedelta(days=day), dt.time(), dt.UTC)
        minutes = dt.timedelta(minutes=MORNING + self._seed % SPREAD + PAUSE * nth)
        return min(midnight + minutes, self.stage.start)

    def _desk(self, day: Day) -> str:
        """Who sat at the desk: for every other patient the assistant the clinician had granted all records."""
        if self._seed % 2:
            return self.story.clinician
        granted = (
            assistant.key
            for assistant in self.stage.world.people
            for grant in assistant.grants
            if grant.clinician == self.story.clinician and grant.scope == "all" and _runs(grant, day)
        )
        return next(granted, self.story.clinician)

    # --- the record -----------------------------------------------------------------------------------------

    def _open(self, perform: Callable[[Actor], None], actor: Actor) -> None:
        audit.note(actor, "patient.open", self._patient())
        perform(actor)

    def _enrol(self, actor: Actor) -> None:
        story, stage = self.story, self.stage
        identity = Identity(
            family_name=story.family,
            given_names=story.given,
            birth_date=story.birth_date(stage.start.date()),
            file_number=story.file_number,
            birth_place=story.birth_place or None,
        )
        hospital = db.session.get_one(Hospital, stage.hospitals[self._clinician.hospital])
        clinician = db.session.get_one(Person, stage.people[story.clinician])
        patient = patients.enrol(actor, hospital, identity=identity, sex=Sex(story.sex), clinician=clinician)
        self.patient_id = patient.id

    def _delete(self, actor: Actor) -> None:
        patient = self._patient()
        end = patients.delete if patient.state is PatientState.DRAFT else withdrawals.erase
        end(actor, patient)

    def _patient(self) -> Patient:
        return db.session.get_one(Patient, self.patient_id)

    def _form(self, number: int) -> tuple[ConsentForm, FormStory]:
        return db.session.get_one(ConsentForm, self._forms[number]), self.story.forms[number]

    # --- the form -------------------------------------------------------------------------------------------

    def _prepare(self, number: int, actor: Actor) -> None:
        story = self.story.forms[number]
        form = consents.prepare(
            actor,
            self._patient(),
            language=story.language,
            variant=Variant(story.variant),
            large_print=story.large_print,
        )
        self._forms[number] = form.id

    def _print(self, number: int, actor: Actor) -> None:
        consents.note_print(actor, self._form(number)[0])

    def _sign(self, number: int, actor: Actor) -> None:
        form, story = self._form(number)
        others = _representatives(story)
        consents.sign(
            actor,
            form,
            signed_on=today(),
            relation=Relation(others[0].relation if others else "self"),
            signer=_signer(story) if others else None,
            answers={decision.public_id: self._answer(decision, story) for decision in form.decisions},
        )

    def _answer(self, decision: ConsentDecision, story: FormStory) -> Answer:
        given = {Purpose.CARE: story.care, Purpose.EDUCATION: story.education}.get(decision.purpose)
        if decision.named_registry is not None:
            named = {self.stage.registries[key]: answer for key, answer in story.registries.items()}
            given = named.get(decision.named_registry.name)
        return Answer(given) if given else Answer.NOT_ASKED

    def _archive(self, number: int, actor: Actor) -> None:
        form, story = self._form(number)
        printed = papers.set_paper(form)
        pages = scribbles.fill_in(printed, self._writing(form, story))[
            : printed.returning
        ]  # the slip stays with the patient
        if self._seed % 4:
            document = scans.combine(scribbles.scan(pages, form.code))
            archives.file_scan(actor, form, [Upload(document, "scan.pdf")], source="desk")
            return
        pictures = scribbles.photograph(pages, form.code)
        uploads = [Upload(picture, f"page-{page}.jpg") for page, picture in enumerate(pictures, 1)]
        archives.file_scan(actor, form, uploads, source="phone")

    def _writing(self, form: ConsentForm, story: FormStory) -> scribbles.Writing:
        written = form.signed_on or today()
        place_date = f"{form.hospital.city}, {written.day}.{written.month}.{written.year}"
        interpreter, _bracket, tongue = story.interpreter.rstrip(")").partition(" (")
        child = story.assent or any(signer.relation == "self" for signer in story.signers)
        return scribbles.Writing(
            variant=story.variant,
            crosses=_crosses(form),
            signers=[_hand(signer, story.language, place_date) for signer in _signing(story)],
            clinician=scribbles.Hand(str(form.patient.clinician), place_date),
            child=scribbles.Hand(f"{self.story.given} {self.story.family}", place_date) if child else None,
            interpreter=scribbles.Hand(interpreter, relation=tongue) if interpreter else None,
        )

    def _keep(self, number: int, actor: Actor) -> None:
        archives.attest(actor, self._form(number)[0], place="Folder of the ward")

    def _attest(self, number: int, actor: Actor) -> None:
        form, story = self._form(number)
        if story.attested:
            archives.attest(actor, form, place=story.attested.place)

    # --- the other ends -------------------------------------------------------------------------------------

    def _cancel(self, number: int, actor: Actor) -> None:
        form, story = self._form(number)
        if story.cancelled:
            consents.cancel(actor, form, reason=story.cancelled.reason)

    def _annul(self, number: int, actor: Actor) -> None:
        form, story = self._form(number)
        if story.annulled:
            consents.annul(actor, form, reason=story.annulled.reason)

    def _withdraw(self, number: int, story: WithdrawalStory, actor: Actor) -> None:
        form, _story = self._form(number)
        name = self.stage.registries.get(story.registry)
        decision = next(
            decision
            for decision in form.decisions
            if decision.purpose == story.purpose
            and name == (decision.named_registry.name if decision.named_registry else None)
        )
        consents.withdraw(
            actor, decision, withdrawn_on=today(), channel=Channel(story.channel), reason=story.reason or None
        )


def _runs(grant: GrantStory, day: Day) -> bool:
    return grant.since <= day and (grant.until is None or day <= grant.until)


def _signing(story: FormStory) -> list[SignerStory]:
    """Who signs on the lines of the signer: the patient on the form for adults, else the representatives."""
    return list(story.signers) if story.variant == "adult" else _representatives(story)


def _representatives(story: FormStory) -> list[SignerStory]:
    return [signer for signer in story.signers if signer.relation != "self"]


def _signer(story: FormStory) -> Signer:
    names = ", ".join(signer.name for signer in story.signers)
    proofs = "; ".join(dict.fromkeys(signer.proof for signer in story.signers if signer.proof))
    return Signer(names=names, proof=proofs or None)


def _hand(signer: SignerStory, language: str, place_date: str) -> scribbles.Hand:
    relation = RELATIONS.get((language, signer.relation), signer.relation.replace("_", " "))
    return scribbles.Hand(signer.name, place_date, relation, signer.proof)


def _crosses(form: ConsentForm) -> list[str]:
    """The boxes that hold a cross, by their ids on the paper (form.html)."""
    sides, boxes, registries = {Answer.GIVEN: "yes", Answer.REFUSED: "no"}, [], 0
    for decision in form.decisions:
        row = str(decision.purpose)
        if decision.named_registry is not None:
            registries += 1
            row = f"registry-{registries}"
        if decision.answer in sides:
            boxes.append(f"{row}-{sides[decision.answer]}")
    return boxes
