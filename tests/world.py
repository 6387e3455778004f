"""A hostile world: everybody who could want to see a record of the Thessaloniki clinic, and records in every state.

Built once per run by real acts (``build``), then copied for each test. The *owner* treats the patients; who is who stands
beside each name. Names, birth dates and file numbers are invented and unlike anything else, so that one byte of them in an
answer is a leak (``World.identities``).
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from app.models import (
    ConsentForm,
    Export,
    ExportRelease,
    Hospital,
    Job,
    Mandate,
    Membership,
    OwnText,
    Patient,
    Person,
    PhoneLink,
    PrintItem,
    PrintRun,
    Stack,
    StackPage,
    db,
    now,
    today,
)
from app.outside.scans import Scan
from app.outside.storage import PURPOSE
from app.outside.vault import Place
from app.premises import premises
from app.services import archives, blanks, consents, letters, own_texts, patients, phones, withdrawals
from app.words import (
    Answer,
    Bundle,
    Channel,
    ExportState,
    JobState,
    MandateKind,
    Opinion,
    Relation,
    ReleaseState,
    RunState,
    ScanState,
    Sex,
    StackState,
    Variant,
)
from tests import factories as make
from tests.factories import DAY
from tests.houses import login_of
from tests.papers import document

PASSWORD = "a long password of a test"


@dataclass
class World:
    """Who and what there is, by name: ids of people; ids and public ids of records."""

    people: dict[str, int] = field(default_factory=dict)
    hospitals: dict[str, int] = field(default_factory=dict)
    patients: dict[str, tuple[int, str]] = field(default_factory=dict)
    forms: dict[str, tuple[int, str]] = field(default_factory=dict)
    letters: dict[str, tuple[int, str]] = field(default_factory=dict)
    own_texts: dict[str, tuple[int, str]] = field(default_factory=dict)
    blanks: dict[str, tuple[int, str]] = field(default_factory=dict)
    identities: dict[str, patients.Identity] = field(default_factory=dict)
    phone_token: str = ""
    house: Any = None

    def client(self, who: str) -> Any:
        """The browser of a principal; ``anonymous`` has not signed in."""
        if who == "anonymous":
            return self.house.visitor()
        return self.house.signed_in(token_of(who))


def token_of(who: str) -> str:
    """The token of a person's login; each has one from the beginning, so that a world put back knows its browsers."""
    return f"token-of-{who}"


def build(house: Any) -> World:
    """Fill an empty house."""
    world = World()
    with house.system():
        _places_and_people(world)
    _records(house, world)
    _blanks(house, world)
    _endings(house, world)
    _own_texts(house, world)
    return world


# --- places and people ------------------------------------------------------------------------------------------------


def _places_and_people(world: World) -> None:
    greece, germany, bulgaria, ukraine = (make.country(code) for code in ("GR", "DE", "BG", "UA"))
    same, other, third = make.network("ERN SAME"), make.network("ERN OTHER"), make.network("ERN THIRD")
    for network in (same, other):
        make.area(network, f"Area of {network.name}")
    make.registry("Registry of nobody", greece)
    make.registry("Registry of the network", germany, same)
    make.registry("Registry of others", bulgaria, other)
    home = make.hospital("Thessaloniki", greece)
    near = make.hospital("Leipzig", germany)
    far = make.hospital("Plovdiv", bulgaria)
    shut = make.hospital("Closed house", germany)
    bare = make.hospital("Unauthorised house", greece, authorised=False)
    kyiv = make.hospital("Kyiv", ukraine)
    world.hospitals = {h.name: h.id for h in (home, near, far, shut, bare, kyiv)}
    centres = {
        "home": make.centre(home, same),
        "home other": make.centre(home, other),
        "near": make.centre(near, same),
        "far": make.centre(far, other),
        "shut": make.centre(shut, same),
        "bare": make.centre(bare, same),
        "kyiv": make.centre(kyiv, third),
        "ended": make.centre(home, third, to_on=today() - DAY),
    }
    people = {}

    def person(name: str, **given: Any) -> Any:
        people[name] = make.person(name.replace(" ", "-"), **given)
        return people[name]

    # clinicians
    members = {
        "owner": "home",  # treats the records
        "colleague": "home other",  # same hospital
        "neighbour": "near",  # same network, another hospital
        "outsider": "far",  # another network
        "leaver": "home",  # was at the hospital, has records there, and has left
        "locked": "home",  # deactivated
        "clinician of the closed house": "shut",
        "unauthorised": "bare",  # the hospital may not enrol
        "ukrainian": "kyiv",
        "two hats": "near",  # clinician of one hospital, representative of another
        "of an ended centre": "ended",
    }
    for name, centre in members.items():
        make.member(person(name), centres[centre])
    make.member(people["outsider"], centres["near"], to_on=today() - DAY)  # was near once
    make.member(person("tomorrow's colleague"), centres["home"], from_on=today() + DAY)
    owner = people["owner"]

    # assistants of the owner's hospital
    for name in ("assistant", "assistant of chosen", "revoked assistant", "gone assistant", "assistant of a leaver"):
        make.mandate(person(name), MandateKind.ASSISTANT, hospital=home, appointed_by_id=owner.id)
    make.grant(owner, people["assistant"], home)
    make.grant(owner, people["revoked assistant"], home, ended_at=now())
    make.grant(owner, people["gone assistant"], home)
    make.grant(people["leaver"], people["assistant of a leaver"], home)

    # guests, coordinators, hub, admin
    make.mandate(person("guest"), MandateKind.GUEST, host_id=owner.id, to_on=today() + 60 * DAY)
    make.mandate(person("expired guest"), MandateKind.GUEST, host_id=owner.id, to_on=today() - DAY)
    make.mandate(person("coordinator"), MandateKind.ERN_COORDINATOR, network=same)
    make.mandate(person("other coordinator"), MandateKind.ERN_COORDINATOR, network=other)
    make.mandate(person("distant coordinator"), MandateKind.ERN_COORDINATOR, network=third)
    make.mandate(person("representative"), MandateKind.HOSPITAL_REPRESENTATIVE, hospital=home)
    make.mandate(person("other representative"), MandateKind.HOSPITAL_REPRESENTATIVE, hospital=far)
    make.mandate(people["two hats"], MandateKind.HOSPITAL_REPRESENTATIVE, hospital=far)
    make.mandate(person("past representative"), MandateKind.HOSPITAL_REPRESENTATIVE, hospital=home, ended_at=now())
    make.mandate(person("protection"), MandateKind.DATA_PROTECTION_CONTACT, hospital=home)
    make.mandate(person("other protection"), MandateKind.DATA_PROTECTION_CONTACT, hospital=near)
    make.mandate(person("hub"), MandateKind.UA_HUB)
    make.admin(person("admin"))
    person("bystander")  # an account and nothing else

    for text in (("eu", "en", "adult"), ("eu", "en", "representative"), ("eu", "el", "adult"), ("ua", "uk", "adult")):
        make.consent_text(*text)
    world.people = {name: one.id for name, one in people.items()}


# --- records ----------------------------------------------------------------------------------------------------------


def identity(number: int) -> patients.Identity:
    """A person nobody else is: every part is found nowhere else in the house."""
    return patients.Identity(
        family_name=f"Quexington{number:02d}vlad",
        given_names=f"Zbyszka{number:02d} Oruela{number:02d}x",
        birth_date=dt.date(1931 + number, 1 + number % 12, 11 + number % 17),
        file_number=f"FN-77{number:02d}-4431",
        birth_place=f"Wrzeszcz{number:02d}",
    )


FRESH, PREPARED, PRINTED, SIGNED, ARCHIVED = range(5)


def _records(house: Any, world: World) -> None:
    plan = {
        # name: (who, hospital, how far)
        "draft": ("owner", "Thessaloniki", FRESH),
        "prepared": ("owner", "Thessaloniki", PREPARED),
        "printed": ("owner", "Thessaloniki", PRINTED),
        "signed": ("owner", "Thessaloniki", SIGNED),
        "enrolled": ("owner", "Thessaloniki", ARCHIVED),
        "attested": ("owner", "Thessaloniki", SIGNED),
        "withdrawn": ("owner", "Thessaloniki", ARCHIVED),
        "annulled": ("owner", "Thessaloniki", ARCHIVED),
        "cancelled": ("owner", "Thessaloniki", PRINTED),
        "refused": ("owner", "Thessaloniki", PRINTED),
        "erased": ("owner", "Thessaloniki", PRINTED),
        "represented": ("owner", "Thessaloniki", SIGNED),
        "renewed": ("owner", "Thessaloniki", ARCHIVED),
        "colleague's": ("colleague", "Thessaloniki", ARCHIVED),
        "leaver's": ("leaver", "Thessaloniki", ARCHIVED),
        "locked's": ("locked", "Thessaloniki", ARCHIVED),
        "neighbour's": ("neighbour", "Leipzig", ARCHIVED),
        "closed house's": ("clinician of the closed house", "Closed house", ARCHIVED),
        "ukrainian": ("ukrainian", "Kyiv", ARCHIVED),
        "ukrainian draft": ("ukrainian", "Kyiv", PRINTED),
        "restricted": ("owner", "Thessaloniki", ARCHIVED),
    }
    for number, (name, (who, where, far)) in enumerate(plan.items()):
        world.identities[name] = identity(number)
        variant = Variant.REPRESENTATIVE if name == "represented" else Variant.ADULT
        with house.acting(world.people[who]) as actor:
            _bring(world, actor, name, world.hospitals[where], far, variant)


def _bring(world: World, actor: Any, name: str, hospital_id: int, far: int, variant: Variant) -> None:
    """Enrol a patient and bring the form as far as asked."""
    hospital = db.session.get(Hospital, hospital_id)
    patient = patients.enrol(actor, hospital, identity=world.identities[name], sex=Sex.FEMALE)
    world.patients[name] = (patient.id, patient.public_id)
    if far >= PREPARED:
        language = "uk" if hospital.country.code == "UA" else "en"
        made = consents.prepare(actor, patient, language=language, variant=variant)
        world.forms[name] = (made.id, made.public_id)
        bring_form(actor, made, far)


def bring_form(actor: Any, form: ConsentForm, far: int, care: Answer = Answer.GIVEN) -> None:
    """Print, sign and archive a form, as far as asked."""
    if far >= PRINTED:
        consents.note_print(actor, form)
    if far >= SIGNED:
        signer = None
        if form.variant is Variant.REPRESENTATIVE:
            signer = consents.Signer("Signatoria Quexingtonmother", "identity card 4431-77")
        consents.sign(
            actor,
            form,
            signed_on=today(),
            relation=Relation.SELF if signer is None else Relation.LEGAL_REPRESENTATIVE,
            signer=signer,
            answers={d.public_id: care for d in form.decisions},
        )
    if far >= ARCHIVED:
        file_bytes(actor, form)


def file_bytes(actor: Any, form: ConsentForm, content: bytes = b"%PDF-1.7 a scan of a test") -> None:
    """Archive a form with a stored file, past the scanner, which ``test_scans`` tries."""
    vault, store = premises().vault, premises().store
    key = vault.new_key(PURPOSE)
    scan = Scan("pdf", 1, "application/pdf")
    archives.archive(actor, form, stored=[(store.put(content, key, vault), scan, "original", key)], source="desk")


def _blanks(house: Any, world: World) -> None:
    """Forms printed before their patient is known; one is cancelled."""
    plan = {
        "out": ("owner", "Thessaloniki"),
        "cancelled": ("owner", "Thessaloniki"),
        "assistant's": ("assistant", "Thessaloniki"),
        "colleague's": ("colleague", "Thessaloniki"),
        "leaver's": ("leaver", "Thessaloniki"),
        "neighbour's": ("neighbour", "Leipzig"),
        "ukrainian": ("ukrainian", "Kyiv"),
    }
    for name, (who, where) in plan.items():
        with house.acting(world.people[who]) as actor:
            clinician = db.session.get(Person, world.people["owner"]) if who == "assistant" else None
            blank = blanks.print_run(
                actor,
                db.session.get(Hospital, world.hospitals[where]),
                count=1,
                language="uk" if where == "Kyiv" else "en",
                variant=Variant.ADULT,
                clinician=clinician,
            )
            world.blanks[name] = (blank.id, blank.public_id)
            if name == "cancelled":
                blanks.cancel(actor, blank, reason="Coffee on it")


# --- what happened since ------------------------------------------------------------------------------------------------


def _endings(house: Any, world: World) -> None:
    with house.acting(world.people["owner"]) as actor:
        forms = {name: db.session.get(ConsentForm, key) for name, (key, _public) in world.forms.items()}
        forms = {name: form for name, form in forms.items() if form is not None}
        archives.attest(actor, forms["attested"], place="Paper archive, room 12")
        consents.cancel(actor, forms["cancelled"], reason="The patient went home")
        consents.annul(actor, forms["annulled"], reason="Wrong paper was scanned")
        _refuse(actor, forms["refused"])
        care = forms["withdrawn"].decisions[0]
        consents.withdraw(actor, care, withdrawn_on=today(), channel=Channel.LETTER, reason="Changed her mind")
        patients.delete(actor, db.session.get(Patient, world.patients["erased"][0]))
        renewed = consents.prepare(
            actor, db.session.get(Patient, world.patients["renewed"][0]), language="el", variant=Variant.ADULT
        )
        world.forms["renewal"] = (renewed.id, renewed.public_id)
        bring_form(actor, renewed, ARCHIVED)
        login = login_of(actor.user_id, "the desk of the owner")
        db.session.add(login)
        db.session.commit()
        world.phone_token = phones.offer_phone(actor, forms["signed"], login_id=login.id)
    with house.acting(world.people["protection"]) as actor:
        _write(world, actor)
    with house.system():
        _since(world)
        db.session.add_all([login_of(key, token_of(who)) for who, key in world.people.items()])
        db.session.commit()


def _write(world: World, actor: Any) -> None:
    """Patients write to the data-protection contact: one is restricted, one only looked for, one is nobody's."""
    home = db.session.get(Hospital, world.hospitals["Thessaloniki"])
    for name in ("restricted", "renewed", "nobody"):
        who = world.identities.get(name) or identity(70)
        letter = letters.trace(
            actor,
            home,
            reason=f"Letter about {name}",
            received_on=today(),
            family_name=who.family_name,
            birth_date=who.birth_date,
        )
        world.letters[name] = (letter.id, letter.public_id)
    restricted = db.session.get(Patient, world.patients["restricted"][0])
    withdrawals.restrict_by_protection(actor, restricted)


def _refuse(actor: Any, form: ConsentForm) -> None:
    answers = {d.public_id: Answer.REFUSED for d in form.decisions}
    consents.sign(actor, form, signed_on=today(), relation=Relation.SELF, signer=None, answers=answers)


OPINION = {"opinion": Opinion.POSITIVE, "opinion_by": "Dr Opinion", "opinion_on": today(), "reference": "DPO 7/26"}

OWN_TEXTS = {
    # name: hospital, who writes, language, variant, how far
    "draft": ("Thessaloniki", "representative", "el", "adult", 0),
    "proposed": ("Thessaloniki", "representative", "en", "adult", 1),
    "dropped": ("Thessaloniki", "representative", "en", "representative", 0),
    "draft afar": ("Plovdiv", "two hats", "tr", "adult", 0),
    "accepted": ("Plovdiv", "other representative", "bg", "adult", 2),
    "retired": ("Plovdiv", "other representative", "bg", "representative", 2),
}


def _own_texts(house: Any, world: World) -> None:
    """Hospitals' own texts. One is proposed where nobody else represents the hospital: a coordinator decides."""
    for name, (where, who, language, variant, far) in OWN_TEXTS.items():
        with house.acting(world.people[who]) as actor:
            hospital = db.session.get(Hospital, world.hospitals[where])
            given = {"language": language, "variant": Variant(variant), "base_language": "en"}
            own = own_texts.start(actor, hospital, **given)
            world.own_texts[name] = key, _public = own.id, own.public_id
            if far:
                own_texts.propose(actor, own, **OPINION)
            if name == "dropped":
                own_texts.drop(actor, own)
        if far > 1:
            with house.system() as actor:
                own_texts.check_as_paper(actor, {"text": world.own_texts[name][1]})
            with house.acting(world.people["two hats"]) as actor:
                own_texts.accept(actor, db.session.get(OwnText, key), counts_from=today())
    with house.acting(world.people["two hats"]) as actor:
        own_texts.retire(actor, db.session.get(OwnText, world.own_texts["retired"][0]), reason="The law has changed")


STACKS = {
    # whose: forms whose pages lie in it (None: no form)
    "owner": ("printed", "enrolled", None),
    "colleague": ("colleague's", None),
    "neighbour": ("neighbour's", None),
    "assistant": ("printed", None),
    "revoked assistant": ("printed", None),  # the grant has ended since
    "leaver": ("leaver's",),
}


def _stacks(world: World) -> None:
    """Scans that wait to be filed."""
    vault, store = premises().vault, premises().store
    for who, names in STACKS.items():
        stack = Stack(person_id=world.people[who], state=StackState.READY, added_at=now(), files=[], faults=[])
        stack.hospital_id = world.hospitals["Leipzig" if who == "neighbour" else "Thessaloniki"]
        stack.passed_on = 3
        for position, name in enumerate(names, start=1):
            key = vault.new_key(PURPOSE)
            form = db.session.get(ConsentForm, world.forms[name][0]) if name in world.forms else None
            StackPage(
                stack=stack,
                position=position,
                state=ScanState.WAITING,
                code=form.code if form is not None else None,
                number=1 if form is not None else None,
                form=form,
                of_pages=4 if form is not None else None,
                storage_key=store.put(document(), key, vault).key,
                wrapped_key=key,
            )
        db.session.add(stack)


def _exports(world: World) -> None:
    """An export that can be fetched at home, and one at Leipzig that waits for the neighbour."""
    vault, store = premises().vault, premises().store
    waits = Export(
        hospital_id=world.hospitals["Leipzig"],
        person_id=world.people["two hats"],
        state=ExportState.RELEASING,
        reason="An audit",
        asked_at=now(),
    )
    ready = Export(
        hospital_id=world.hospitals["Thessaloniki"],
        person_id=world.people["representative"],
        state=ExportState.TO_FETCH,
        reason="A move",
        asked_at=now(),
    )
    ready.public_id, key = "e" * 32, vault.new_key(PURPOSE)
    file = store.put(b"PK an encrypted file of a test", key, vault)
    ready.storage_key, ready.wrapped_key, ready.size, ready.sha256 = file.key, key, file.size, file.sha256
    place = Place(Export.__tablename__, "sealed_passphrase", ready.public_id)
    ready.sealed_passphrase = vault.seal(key, PURPOSE, b"ABCD-EFGH", place)
    ready.made_at, ready.fetch_until, ready.forms, ready.left_out = now(), today() + 7 * DAY, 3, 1
    for export, who, state in ((waits, "neighbour", "release_asked"), (ready, "bystander", "not_released")):
        said = (
            {}
            if export is waits
            else {"decided_at": now(), "decided_by_id": world.people["protection"], "reason": "No"}
        )
        ExportRelease(
            export=export,
            hospital_id=export.hospital_id,
            person_id=world.people[who],
            state=ReleaseState(state),
            forms=3,
            **said,
        )
        db.session.add(export)


RUNS = {
    # whose: patients whose forms were printed at once
    "owner": ("printed", "enrolled"),
    "colleague": ("colleague's",),
    "assistant": ("printed",),
    "revoked assistant": ("printed",),  # the grant has ended since
}


def _runs(world: World) -> None:
    """Forms printed for several patients, still to be fetched."""
    vault, store = premises().vault, premises().store
    for who, names in RUNS.items():
        key = vault.new_key(PURPOSE)
        kept = store.put(document(), key, vault)
        run = PrintRun(person_id=world.people[who], state=RunState.READY, bundle=Bundle.ONE_PDF, asked_at=now())
        run.asked_for, run.job_key, run.ends_at = len(names), "0" * 32, now() + DAY
        run.storage_key, run.wrapped_key, run.size = kept.key, key, kept.size
        for position, name in enumerate(names, start=1):
            form = db.session.get(ConsentForm, world.forms[name][0])
            item = PrintItem(position=position, patient_id=form.patient_id, language=form.language)
            item.variant, item.form_id = form.variant, form.id
            run.items.append(item)
        db.session.add(run)


def _since(world: World) -> None:
    """People leave, houses close; some work waits."""
    home = db.session.get(Hospital, world.hospitals["Thessaloniki"])
    owner = db.session.get(Person, world.people["owner"])
    chosen = db.session.get(Patient, world.patients["enrolled"][0])
    make.grant(owner, db.session.get(Person, world.people["assistant of chosen"]), home, chosen)

    def ends(table: Any, person: str) -> None:
        statement = select(table).where(table.person_id == world.people[person])
        db.session.scalars(statement).one().ended_at = now()

    ends(Membership, "leaver")
    ends(Mandate, "gone assistant")
    db.session.get(Person, world.people["locked"]).disabled_at = now()
    db.session.scalars(select(PhoneLink)).one().expires_at = now() + DAY  # longer than a run of the tests
    db.session.get(Hospital, world.hospitals["Closed house"]).ended_at = now()
    _stacks(world)
    _exports(world)
    _runs(world)
    for name in ("owner", "outsider"):
        db.session.add(
            Job(
                kind="test.wait",
                state=JobState.QUEUED,
                person_id=world.people[name],
                due_at=now() + DAY,
                created_at=now(),
            )
        )
    db.session.commit()
