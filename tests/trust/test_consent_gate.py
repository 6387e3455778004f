"""T-CONSENT-GATE: a patient is enrolled exactly while a care consent is archived or attested, given and not withdrawn.

Random walks over all acts of the main job, against a model that knows nothing but that sentence.
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from app.act import ACTS
from app.errors import Incomplete, NotAllowed, Refusal, WrongStep
from app.models import ConsentForm, Hospital, Patient, db, now, today
from app.scopes import care_in_force
from app.services import archives, consents, patients
from app.words import Answer, Channel, FormState, PatientState, Relation, Sex, Variant
from tests import factories as make
from tests.conftest import Tally
from tests.world import file_bytes, identity

pytestmark = pytest.mark.t_consent_gate
MOST_FORMS = 3

MOVES = (
    "prepare",
    "print",
    "sign yes",
    "sign no",
    "sign nothing",
    "archive",
    "attest",
    "cancel",
    "annul",
    "withdraw care",
    "withdraw other",
    "correct",
    "delete",
    "expire",
)


@dataclass
class Paper:
    """A form as the model sees it."""

    state: str = "prepared"
    care: str = ""
    others: str = ""
    said: int = 0
    """When the patient decided, as far as it was told."""


@dataclass
class Model:
    """What should be, from the sentence in this module's docstring and the order of the paper's life."""

    papers: list[Paper] = field(default_factory=list)
    erased: bool = False
    enrolled_once: bool = False
    clock: int = 0

    @property
    def in_force(self) -> bool:
        """Care consent counts."""
        return any(one.state == "archived" and one.care == "given" for one in self.papers)

    @property
    def state(self) -> str:
        """What the record should be."""
        if self.erased:
            return "erased"
        if self.in_force:
            return "enrolled"
        return "restricted" if self.enrolled_once else "draft"

    def move(self, name: str, number: int) -> bool:
        """Do it, if it can be done; whether it could."""
        if name in {"prepare", "correct", "delete", "expire"}:
            return self._move_record(name)
        if number >= len(self.papers):
            return False
        done = self._move_paper(name, self.papers[number])
        self.enrolled_once = self.enrolled_once or self.in_force
        return done

    def _move_record(self, name: str) -> bool:
        if self.erased:
            return False
        if name == "prepare":
            self.papers.append(Paper())
        elif name == "expire":
            return False  # happens by itself, never by a person
        elif name == "delete":
            if self.state != "draft":
                return False
            self.erased = True
            self._lapse()
        return True

    def _lapse(self) -> None:
        """What is under way can no longer count."""
        for paper in self.papers:
            if paper.state in {"prepared", "printed", "signed"}:
                paper.state = "cancelled"

    def _overtaken(self, paper: Paper) -> bool:
        """The patient has decided again since."""
        decided = {"archived", "withdrawn", "superseded"}
        return any(one.state in decided and one.said > paper.said for one in self.papers if one is not paper)

    def _move_paper(self, name: str, paper: Paper) -> bool:
        before = {
            "print": {"prepared", "printed"},
            "sign yes": {"printed", "signed"},
            "sign no": {"printed", "signed"},
            "sign nothing": set(),
            "archive": {"signed"},
            "attest": {"signed"},
            "cancel": {"prepared", "printed", "signed"},
            "annul": {"archived"},
        }
        if name in before and paper.state not in before[name]:
            return False
        if name == "print":
            paper.state = "printed"
        elif name.startswith("sign"):
            paper.care = paper.others = "given" if name == "sign yes" else "refused"
            paper.state = "signed"
            self.clock += 1
            paper.said = self.clock
            if name == "sign no":
                self._archive(paper)
                self._lapse()
        elif name in {"archive", "attest"}:
            if self._overtaken(paper):
                return False
            self._archive(paper)
        elif name in {"cancel", "annul"}:
            paper.state = f"{name}led"
        else:
            return self._withdraw(name, paper)
        return True

    def _archive(self, paper: Paper) -> None:
        for other in self.papers:
            if other is not paper and other.state == "archived":
                other.state = "superseded"
        paper.state = "archived"

    def _withdraw(self, name: str, paper: Paper) -> bool:
        given_ = paper.care if name == "withdraw care" else paper.others
        if paper.state not in {"archived", "withdrawn"} or given_ != "given":
            return False
        if name == "withdraw care":
            paper.care, paper.state = "withdrawn", "withdrawn"
            self._lapse()
        else:
            paper.others = "withdrawn"
        return True


class Desk:
    """The same moves by real acts."""

    def __init__(self, actor: Any, patient: Patient) -> None:
        self.actor, self.patient = actor, patient
        self.forms: list[ConsentForm] = []
        self.names = itertools.count(50)

    def move(self, name: str, number: int) -> bool:
        """Try; whether it was done."""
        if name not in {"prepare", "correct", "delete", "expire"} and number >= len(self.forms):
            return False
        try:
            self._try(name, number)
        except Refusal:
            return False
        return True

    def _try(self, name: str, number: int) -> None:
        record: dict[str, Callable[[], Any]] = {
            "prepare": self._prepare,
            "correct": lambda: patients.correct(
                self.actor, self.patient, identity=identity(next(self.names) % 60), sex=Sex.MALE
            ),
            "delete": lambda: patients.delete(self.actor, self.patient),
            "expire": lambda: patients.expire(self.actor, self.patient),
        }
        if name in record:
            record[name]()
            return
        form = self.forms[number]
        paper: dict[str, Callable[[], Any]] = {
            "print": lambda: consents.note_print(self.actor, form),
            "sign yes": lambda: self._sign(form, Answer.GIVEN),
            "sign no": lambda: self._sign(form, Answer.REFUSED),
            "sign nothing": lambda: self._sign(form, Answer.NOT_ASKED),
            "archive": lambda: file_bytes(self.actor, form),
            "attest": lambda: archives.attest(self.actor, form, place="a room"),
            "cancel": lambda: consents.cancel(self.actor, form, reason="a test"),
            "annul": lambda: consents.annul(self.actor, form, reason="a test"),
            "withdraw care": lambda: self._withdraw(form, 0),
            "withdraw other": lambda: self._withdraw(form, 1),
        }
        paper[name]()

    def _prepare(self) -> None:
        made = consents.prepare(self.actor, self.patient, language="en", variant=Variant.ADULT)
        self.forms.append(made)

    def _sign(self, form: ConsentForm, answer: Answer) -> None:
        answers = {d.public_id: answer for d in form.decisions}
        consents.sign(self.actor, form, signed_on=today(), relation=Relation.SELF, signer=None, answers=answers)

    def _withdraw(self, form: ConsentForm, place: int) -> None:
        consents.withdraw(self.actor, form.decisions[place], withdrawn_on=today(), channel=Channel.LETTER, reason=None)


WALKS = st.lists(st.tuples(st.sampled_from(MOVES), st.integers(0, MOST_FORMS - 1)), min_size=4, max_size=16)
STRAIGHT = ["prepare", "print", "sign yes", "archive"]
"""A walk that begins so goes further in."""


def ground(house: Any) -> Any:
    """A clinician with a hospital."""
    with house.system():
        greece = make.country("GR")
        place, net = make.hospital("H", greece), make.network()
        anna = make.person("Anna")
        make.member(anna, make.centre(place, net))
        make.registry("A registry", greece)
        make.consent_text()
        return int(anna.id), int(place.id)


def walk(house: Any, people: tuple[int, int], moves: list[tuple[str, int]], tally: Tally) -> None:
    """Go one way in both, and compare after each step."""
    anna, place = people
    with house.acting(anna) as actor:
        patient = patients.enrol(
            actor, db.session.get(Hospital, place), identity=identity(30), sex=Sex.FEMALE, despite_duplicate=True
        )
        model, desk = Model(), Desk(actor, patient)
        for step, (name, number) in enumerate(moves):
            if name == "prepare" and len(model.papers) >= MOST_FORMS:
                continue
            could, did = model.move(name, number), desk.move(name, number)
            db.session.expire_all()
            shared = patient.id in set(db.session.scalars(select(Patient.id).where(Patient.id.in_(care_in_force()))))
            found = (did, patient.state.value, shared, [form.state.value for form in desk.forms])
            wanted = (could, model.state, model.in_force, [one.state for one in model.papers])
            tally.check(found == wanted, f"{moves[: step + 1]}: {found} should be {wanted}")
            if found != wanted:
                return


@pytest.mark.parametrize("length", [25, pytest.param(400, marks=pytest.mark.long)])
def test_a_record_is_enrolled_exactly_while_care_consent_is_in_force(house: Any, length: int, tally: Tally) -> None:
    people = ground(house)

    @settings(
        max_examples=length,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(WALKS, st.booleans())
    def walks(moves: list[tuple[str, int]], straight: bool) -> None:
        begin = [(name, 0) for name in STRAIGHT] if straight else [("prepare", 0)]
        walk(house, people, [*begin, *moves], tally)

    walks()


def test_the_model_and_the_steps_speak_of_the_same_acts() -> None:
    """An act that can change a form or a record is one of the walk's moves or a consequence of one."""
    ours = {word for word in ACTS if word.split(".")[0] in {"patient", "consent", "decision"}}
    walked = {"consent.prepare", "consent.print", "consent.sign", "consent.archive", "consent.attest", "consent.cancel"}
    walked |= {
        "consent.annul",
        "decision.withdraw",
        "patient.enrol",
        "patient.correct",
        "patient.delete",
        "patient.expire",
    }
    follow = {
        "patient.admit",
        "patient.restrict",
        "consent.keep-copy",
        "consent.keep-refusal",
        "consent.supersede",
        "consent.end",
        "consent.lapse",
        "decision.carry-withdrawal",
    }
    after = {"patient.keep", "patient.erase", "patient.erase-when-due"}  # these and a contact's: T-WITHDRAW
    after |= {"patient.trace", "patient.restrict-by-protection", "patient.lift-restriction"}
    elsewhere = {
        "consent.file-external",
        "consent.file-again",
        "consent.confirm",
        "consent.send-back",
    }  # test_externals
    elsewhere |= {"consent.adopt", "consent.end-proof", "consent.keep-scan"}  # test_blanks, test_proofs
    elsewhere |= {"consent.confirm-explained"}  # test_explanations
    elsewhere |= {"consent.set-renewal"}  # test_text_changes
    elsewhere |= {"patient.hand-over"}  # test_handovers
    assert ours - walked - follow - after - elsewhere <= {"consent.offer-phone", "patient.find"}


def test_no_consequence_can_be_done_by_anybody_alone(house: Any, tally: Tally) -> None:
    """Admitting a patient without a consent is refused to the clinician and even to the assistant with all records."""
    anna, place = ground(house)
    with house.acting(anna) as actor:
        patient = patients.enrol(actor, db.session.get(Hospital, place), identity=identity(31), sex=Sex.MALE)
        form = consents.prepare(actor, patient, language="en", variant=Variant.ADULT)
        consents.note_print(actor, form)
        for name, thing in [
            ("patient.admit", patient),
            ("patient.restrict", patient),
            ("patient.expire", patient),
            ("consent.keep-refusal", form),
            ("consent.supersede", form),
            ("consent.end", form),
        ]:
            refused = False
            try:
                ACTS[name](actor, thing)
            except (NotAllowed, WrongStep):
                refused = True
            tally.check(refused, f"{name} was done")
            db.session.expire_all()
            tally.check(patient.state is PatientState.DRAFT, f"{name} made it {patient.state}")
            tally.check(form.state is FormState.PRINTED, f"{name} made it {form.state}")


def test_a_signature_without_an_answer_for_care_is_none(house: Any) -> None:
    anna, place = ground(house)
    with house.acting(anna) as actor:
        patient = patients.enrol(actor, db.session.get(Hospital, place), identity=identity(32), sex=Sex.MALE)
        form = consents.prepare(actor, patient, language="en", variant=Variant.ADULT)
        consents.note_print(actor, form)
        with pytest.raises(Incomplete):
            consents.sign(actor, form, signed_on=today(), relation=Relation.SELF, signer=None, answers={})
        db.session.expire_all()
        assert (form.state, form.signed_on) == (FormState.PRINTED, None)


def test_a_drafts_time_begins_with_the_first_print_and_stops_with_consent(house: Any) -> None:
    anna, place = ground(house)
    with house.acting(anna) as actor:
        patient = patients.enrol(actor, db.session.get(Hospital, place), identity=identity(33), sex=Sex.MALE)
        ends = [patient.draft_ends_on]
        form = consents.prepare(actor, patient, language="en", variant=Variant.ADULT)
        consents.note_print(actor, form)
        ends.append(patient.draft_ends_on)
        with suppress(Refusal):
            consents.note_print(actor, form)
        ends.append(patient.draft_ends_on)
        answers = {d.public_id: Answer.GIVEN for d in form.decisions}
        consents.sign(actor, form, signed_on=today(), relation=Relation.SELF, signer=None, answers=answers)
        file_bytes(actor, form)
        ends.append(patient.draft_ends_on)
    last = now().date() + dt.timedelta(days=30)
    assert ends == [None, last, last, None]
