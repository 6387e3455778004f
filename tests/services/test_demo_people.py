"""The demo's people: whom the login page offers, what each may see, who leaves, whom a hospital confirms."""

from __future__ import annotations

import datetime as dt

import pytest
from sqlalchemy import select

from app.errors import NotAllowed
from app.models import Patient, db, today
from app.outside.reference import demo as stories
from app.services import departures, handovers, identities, patients, rolls
from app.words import PatientState
from tests.houses import House
from tests.services.demo_words import id_of


def test_a_greek_clinician_sees_the_own_patients_and_no_colleagues_patients(whole: House) -> None:
    told = [story for story in stories().patients if story.clinician == "eleni-papadaki"]

    with whole.acting(id_of(whole, "eleni-papadaki")) as actor:
        seen = db.session.scalars(select(Patient)).all()
        names = [identity.name for identity in map(identities.identity_of, seen) if identity is not None]

    assert len(seen) == len(told)
    assert sorted(names) == sorted(f"{story.given} {story.family}" for story in told if story.deleted is None)
    assert actor.roles == {"Any signed-in", "Clinician"}
    assert whole.value("SELECT count(*) FROM patient") == 61


def test_an_assistant_sees_what_was_granted_and_nothing_after_the_grant_is_over(whole: House) -> None:
    seen = {}
    for key in ("maria-stathaki", "ivelina-draganova", "jonas-weidner", "athanasios-rigas"):
        with whole.acting(id_of(whole, key)):
            known = map(identities.identity_of, db.session.scalars(select(Patient)))
            seen[key] = sorted(identity.family_name for identity in known if identity is not None)

    def families(*wanted: str) -> list[str]:
        told = [p for p in stories().patients if p.clinician in wanted or p.key in wanted]
        return sorted(p.family for p in told if p.deleted is None)

    assert seen == {
        "maria-stathaki": families("eleni-papadaki"),
        "ivelina-draganova": families("radostina-velkova", "bistritsa-06"),
        "jonas-weidner": families("neckarschleife-01", "neckarschleife-02"),
        "athanasios-rigas": [],
    }


def test_assistants_did_some_of_the_work_on_behalf_of_their_clinicians(whole: House) -> None:
    pairs = whole.rows(
        "SELECT DISTINCT a.email, b.email FROM audit_entry"
        " JOIN ab_user a ON a.id = actor_id JOIN ab_user b ON b.id = on_behalf_of_id"
    )

    email = {person.key: person.email for person in stories().people}
    assert {tuple(pair) for pair in pairs} == {
        (email["maria-stathaki"], email["eleni-papadaki"]),
        (email["ivelina-draganova"], email["radostina-velkova"]),
        (email["athanasios-rigas"], email["nikolaos-vergos"]),
    }


def test_the_login_page_offers_every_role_with_its_place(whole: House) -> None:
    offered = whole.rows("SELECT last_name, demo_role, password FROM ab_user WHERE demo_role IS NOT NULL ORDER BY id")

    assert [tuple(row) for row in offered] == [
        ("Papadaki", "Clinician, Thessaloniki, Greece", None),
        ("Hrytsenko", "Clinician, Kyiv, Ukraine", None),
        ("Stathaki", "Assistant, Thessaloniki, Greece", None),
        ("Roussel-Mercier", "Guest, France", None),
        ("Verhoeven", "ERN coordinator, MetabERN", None),
        ("Lamprou", "Hospital representative, Thessaloniki, Greece", None),
        ("Drakou", "Data-protection contact, Thessaloniki, Greece", None),
        ("Savchenko", "UA Hub, Ukrainian hub", None),
        ("Maes", "Admin, Platform operator", None),
        ("Vergos", "Clinician, Thessaloniki, Greece", None),
        ("Lindqvist", "Newcomer, no place yet", None),
        ("Pölzl", "Clinician, Graz, Austria, hospital has left", None),
        ("Charalambidis", "Clinician, Larnaca, Cyprus, hospital winds down", None),
    ]


def test_every_person_has_the_roles_of_the_story_today(whole: House) -> None:
    expected = {
        "eleni-papadaki": {"Clinician"},
        "maria-stathaki": {"Assistant"},
        "camille-roussel-mercier": {"Guest"},
        "ingrid-solheimsvik": set(),
        "lotte-verhoeven": {"Coordinator"},
        "georgios-lamprou": {"Coordinator"},
        "ioanna-drakou": {"Coordinator"},
        "iryna-savchenko": {"UA Hub"},
        "robin-maes": {"Admin"},
        "anna-lindqvist": set(),
    }

    found = {}
    for key in expected:
        with whole.acting(id_of(whole, key)) as actor:
            found[key] = {role.value for role in actor.roles} - {"Any signed-in"}

    assert found == expected


def test_a_hospital_whose_authorisation_is_over_keeps_its_patients_and_enrols_none(whole: House) -> None:
    with whole.acting(id_of(whole, "matthias-kuehnert")) as actor:
        seen = db.session.scalars(select(Patient)).all()
        hospital = seen[0].hospital
        identity = identities.Identity("Neu", "Ein", dt.date(2000, 1, 1), "KE-1")

        with pytest.raises(NotAllowed):
            patients.enrol(actor, hospital, identity=identity, sex=seen[0].sex)
        states = [patient.state for patient in seen]

    assert states == [PatientState.ENROLLED, PatientState.ENROLLED]


def test_one_hospital_winds_down_with_records_to_hand_over_and_one_has_left(whole: House) -> None:
    found = {}
    for key in ("andreas-charalambidis", "johanna-poelzl"):
        with whole.acting(id_of(whole, key)) as actor:
            days = [one.day for one in departures.mine(actor)]
            found[key] = days, len(db.session.scalars(select(Patient)).all()), len(handovers.sources(actor))
    last = today() + dt.timedelta(days=60)
    assert found == {"andreas-charalambidis": ([last], 2, 1), "johanna-poelzl": ([None], 2, 0)}
    told = "SELECT count(*) FROM mail m JOIN ab_user p ON p.id = m.person_id WHERE m.kind = 'hospital.leaves' AND p.id = :who"
    assert {key: whole.value(told, who=id_of(whole, key)) for key in found} == dict.fromkeys(found, 1)


def test_one_hospitals_yearly_list_is_open_and_half_done(whole: House) -> None:
    with whole.acting(id_of(whole, "georgios-lamprou")) as actor:
        (roll,) = rolls.mine(actor)
        stands = rolls.standings(db.session(), [roll.id])[roll.id]
    assert roll.begun_on < today() < roll.due_on
    assert 0 < stands.open <= stands.people // 2 + 1
    assert stands.open < stands.people
