"""Patients and their forms, brought as far as asked by the acts that bring them there; blank forms."""

from __future__ import annotations

from typing import Any

from app.models import (
    ConsentForm,
    Hospital,
    Patient,
    Person,
    db,
    today,
)
from app.outside.scans import Scan
from app.outside.storage import PURPOSE
from app.premises import premises
from app.services import archives, blanks, consents, patients, signers
from app.words import (
    Answer,
    Relation,
    Sex,
    Variant,
)
from tests.world.names import World, identity

FRESH, PREPARED, PRINTED, SIGNED, ARCHIVED = range(5)


def patients_and_forms(house: Any, world: World) -> None:
    """A patient for each state a record and its form may be in."""
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
        "bound": ("owner", "Thessaloniki", FRESH),  # to the blank form of that name
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
            signer = signers.Signer("Signatoria Quexingtonmother", "identity card 4431-77")
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


def blank_forms(house: Any, world: World) -> None:
    """Forms printed before their patient is known, in every hospital that may; one is bound since, one cancelled."""
    plan = {
        "out": ("owner", "Thessaloniki"),
        "cancelled": ("owner", "Thessaloniki"),
        "assistant's": ("assistant", "Thessaloniki"),
        "colleague's": ("colleague", "Thessaloniki"),
        "leaver's": ("leaver", "Thessaloniki"),
        "neighbour's": ("neighbour", "Leipzig"),
        "outsider's": ("outsider", "Plovdiv"),
        "closed house's": ("clinician of the closed house", "Closed house"),
        "ukrainian": ("ukrainian", "Kyiv"),
        "bound": ("owner", "Thessaloniki"),
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
            if name == "bound":
                patient = db.session.get(Patient, world.patients[name][0])
                bound = blanks.bind(actor, patient, blank=blank, end_others=None)
                world.forms[name] = (bound.id, bound.public_id)
