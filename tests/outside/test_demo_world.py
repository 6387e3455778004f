"""The demo's world: complete, consistent, invented where it must be, each state of a paper in it."""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from typing import TYPE_CHECKING, get_args

from app import words
from app.outside.reference import countries, demo, networks, shapes
from app.outside.reference.shapes import (
    AgeRules,
    CentreStory,
    CountryFacts,
    FormStory,
    PatientStory,
    PersonStory,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

TODAY = dt.date(2026, 11, 22)
STATES = {
    "draft",
    "deleted",
    "erased",
    "prepared",
    "printed",
    "printed today",
    "signed",
    "refused",
    "enrolled",
    "attested",
    "withdrawn",
    "annulled",
}
STEP_A_LANGUAGES = {"eu": {"bg", "de", "el", "en"}, "ua": {"uk"}}


def country_of(person: PersonStory) -> CountryFacts:
    code = demo().hospital(person.hospital).country
    return next(country for country in countries() if country.code == code)


def centres() -> dict[str, CentreStory]:
    return {centre.key: centre for hospital in demo().hospitals for centre in hospital.centres}


def forms() -> Iterator[tuple[PatientStory, FormStory, PersonStory]]:
    for patient in demo().patients:
        for form in patient.forms:
            yield patient, form, demo().person(patient.clinician)


def test_the_demo_has_the_counts_it_promises() -> None:
    world = demo()

    assert (len(world.hospitals), len(world.people)) == (14, 48)
    assert (len(world.patients), len(world.registries)) == (61, 3)
    where = Counter(hospital.country for hospital in world.hospitals)
    assert where.pop("UA") == 2
    assert (len(where), where.total()) == (8, 12)
    assert where["GR"]
    assert where["BG"]


def test_keys_and_addresses_of_the_demo_are_unique() -> None:
    world = demo()
    for rows in (world.hospitals, world.people, world.patients, world.registries):
        assert max(Counter(row.key for row in rows).values()) == 1
    assert max(Counter(person.email for person in world.people).values()) == 1
    assert max(Counter(hospital.name for hospital in world.hospitals).values()) == 1
    assert len(centres()) == sum(len(hospital.centres) for hospital in world.hospitals)


def test_everything_in_the_demo_says_it_is_invented_and_no_mail_can_leave() -> None:
    world = demo()
    mails = [person.email for person in world.people]
    mails += [mail for hospital in world.hospitals for mail in (hospital.withdrawals, hospital.dpo_email)]

    assert all(hospital.invented for hospital in world.hospitals)
    assert all(registry.invented for registry in world.registries)
    assert [mail for mail in mails if not re.fullmatch(r"[a-z.-]+@[a-z-]+-demo\.example", mail)] == []


def test_every_name_the_demo_mentions_exists() -> None:
    world = demo()
    codes = {network.code for network in networks()}
    lands = {country.code for country in countries()}
    patients = {patient.key for patient in world.patients}
    registries = {registry.key for registry in world.registries}

    assert {registry.network for registry in world.registries} <= codes
    assert {centre.network for centre in centres().values()} <= codes
    assert {registry.country for registry in world.registries} <= lands
    assert {hospital.country for hospital in world.hospitals} <= lands
    assert {person.guest.country for person in world.people if person.guest} - lands == {"CH"}
    for person in world.people:
        placed = bool(person.hospital) != bool(person.institution)
        assert placed or person.role == "newcomer", person.key
        own = world.hospital(person.hospital).centres if person.hospital else ()
        assert {seat.centre for seat in person.seats} <= {centre.key for centre in own}, person.key
        for mandate in person.mandates:
            assert mandate.network in codes or not mandate.network
            assert mandate.hospital in {"", person.hospital}, person.key
        for grant in person.grants:
            assert world.person(grant.clinician).hospital == person.hospital, person.key
            assert set(grant.patients) <= patients
            assert bool(grant.patients) == (grant.scope == "chosen")
            assert {p.clinician for p in world.patients if p.key in grant.patients} <= {grant.clinician}
        assert person.guest is None or world.person(person.guest.host).role == "clinician"
    for _patient, form, _clinician in forms():
        assert set(form.registries) | {gone.registry for gone in form.withdrawals} <= registries | {""}


def test_every_role_has_the_rights_that_make_it_and_a_demo_login() -> None:
    for person in demo().people:
        given = {
            "clinician": bool(person.seats),
            "assistant": bool(person.grants),
            "guest": person.guest is not None,
            "admin": person.role == "admin",
        } | {mandate.kind: True for mandate in person.mandates}
        wanted = [] if person.role == "newcomer" else [person.role]
        assert [role for role, there in given.items() if there] == wanted, person.key

    logins = [person for person in demo().people if person.demo_login]
    assert Counter(person.role for person in logins) == Counter(
        {role: 5 if role == "clinician" else 1 for role in get_args(shapes.MainRole)}
    )
    assert [demo().hospital(p.hospital).country for p in logins if p.role == "clinician"] == [
        "GR",
        "UA",
        "GR",
        "AT",
        "CY",
    ]
    assert {p.hospital: p.stands for p in logins if p.stands} == {
        "schoecklblick": "hospital has left",
        "aliki": "hospital winds down",
    }


def test_the_demo_login_of_the_assistant_serves_the_greek_clinician_and_not_the_colleague() -> None:
    greek, _ukrainian, colleague, *_leaving = [p for p in demo().people if p.demo_login and p.role == "clinician"]
    assistant = next(person for person in demo().people if person.demo_login and person.role == "assistant")

    assert [grant.clinician for grant in assistant.grants] == [greek.key]
    assert colleague.hospital == greek.hospital
    assert {p.clinician for p in demo().patients if p.key.startswith("thermaikos")} >= {
        greek.key,
        colleague.key,
    }


def test_representative_and_data_protection_contact_are_never_one_person() -> None:
    kinds = [{mandate.kind for mandate in person.mandates} for person in demo().people]

    assert [both for both in kinds if {"hospital_representative", "data_protection_contact"} <= both] == []


def test_one_grant_is_over_one_centre_has_left_and_one_guest_has_expired() -> None:
    grants = [grant for person in demo().people for grant in person.grants]
    guests = [person.guest for person in demo().people if person.guest]

    assert len([grant for grant in grants if grant.until is not None and grant.until < 0]) == 1
    assert [centre.key for centre in centres().values() if centre.until is not None] == ["thermaikos-bone"]
    assert len([guest for guest in guests if guest.until < 0]) == 1


def test_authorisations_are_in_force_but_for_the_expired_the_missing_and_the_disputed_one() -> None:
    given = {hospital.key: hospital.authorisation for hospital in demo().hospitals}

    assert [key for key, row in given.items() if row is None] == ["claddagh"]
    assert [key for key, row in given.items() if row and row.valid_until < 0] == ["elbhang"]
    assert [key for key, row in given.items() if row and not row.opinion.positive] == ["schoecklblick"]
    assert [key for key, row in given.items() if row and 0 <= row.valid_until <= 30] == ["rodopi"]
    assert [key for key, row in given.items() if row and not row.opinion.day <= row.decided < row.valid_until] == []
    assert [key for key, row in given.items() if row and row.by == row.opinion.by] == []


def test_no_two_patients_of_a_hospital_share_a_file_number() -> None:
    numbers = Counter((demo().person(p.clinician).hospital, p.file_number) for p in demo().patients)

    assert [number for number, times in numbers.items() if times > 1] == []


def test_every_patient_was_entered_by_a_clinician_in_office_in_an_authorised_hospital() -> None:
    for patient in demo().patients:
        clinician = demo().person(patient.clinician)
        authorisation = demo().hospital(clinician.hospital).authorisation
        assert clinician.role == "clinician", patient.key
        assert authorisation is not None, patient.key
        assert authorisation.decided <= patient.entered <= min(authorisation.valid_until, 0), patient.key
        assert [s for s in clinician.seats if s.since <= patient.entered and s.until is None], patient.key
        assert (patient.born is None) != (patient.age_days is None), patient.key
        assert patient.birth_date(TODAY) <= TODAY + dt.timedelta(days=patient.entered), patient.key


def test_a_form_lives_in_order_and_says_only_what_its_state_allows() -> None:
    for patient, form, clinician in forms():
        filed = form.attested.day if form.attested else form.archived
        ends = [end.day for end in (form.cancelled, form.annulled, *form.withdrawals) if end]
        days = [patient.entered, form.prepared, *form.printed, form.signed, filed, *ends]
        known = [day for day in days if day is not None]
        assert known == sorted(known), patient.key
        assert max(known) <= 0, patient.key
        assert (form.signed is not None) == (form.care is not None) == bool(form.signers), patient.key
        assert not (form.archived is not None and form.attested), patient.key
        assert form.attested is None or form.attested.by == clinician.key, patient.key
        assert not form.annulled or form.archived is not None, patient.key
        assert not form.withdrawals or form.archived is not None, patient.key
        assert form.language in STEP_A_LANGUAGES[country_of(clinician).procedure], patient.key


def test_ukrainian_patients_are_never_asked_for_a_second_purpose() -> None:
    asked = [
        (patient.key, form.education, form.registries)
        for patient, form, clinician in forms()
        if country_of(clinician).procedure == "ua"
    ]

    assert len(asked) >= 5
    assert [(education, dict(registries)) for _key, education, registries in asked] == [(None, {})] * len(asked)


def test_a_registry_on_a_form_belongs_to_a_network_of_the_clinician() -> None:
    network_of = {registry.key: registry.network for registry in demo().registries}
    for patient, form, clinician in forms():
        theirs = {centres()[seat.centre].network for seat in clinician.seats if seat.until is None}
        assert {network_of[registry] for registry in form.registries} <= theirs, patient.key


def may_sign_alone(age: int, ages: AgeRules) -> bool:
    return age >= (ages.alone_from or ages.majority)


def test_the_right_people_signed_for_the_age_and_the_country() -> None:
    for patient, form, clinician in forms():
        age, ages = patient.age(TODAY), country_of(clinician).ages
        relations = Counter(signer.relation for signer in form.signers)
        minor = age < ages.majority
        if form.variant == "adult":
            assert may_sign_alone(age, ages), patient.key
            assert set(relations) <= {"self"}, patient.key
        elif form.signers and minor:
            double = ages.cosign_from is not None and age >= ages.cosign_from
            assert relations["self"] == (1 if double else 0), patient.key
            sole = any("sole parental care" in signer.proof for signer in form.signers)
            assert relations["parent"] >= (2 if ages.two_parents and not sole else 1), patient.key
        elif form.signers:
            assert relations == {"legal_representative": 1}, patient.key


def test_every_state_of_a_form_and_a_patient_is_to_be_seen() -> None:
    of_clinician = Counter(state(patient) for patient in demo().patients if patient.clinician == "eleni-papadaki")
    of_all = Counter(state(patient) for patient in demo().patients)

    assert set(of_all) == STATES
    assert set(of_clinician) == STATES - {"deleted"}  # of a deleted draft nobody sees anything
    assert of_all["enrolled"] >= 28
    assert len([form for _p, form, _c in forms() if form.cancelled]) == 2
    assert len([form for _p, form, _c in forms() if len(form.printed) > 1]) == 1
    assert {form.education for _p, form, _c in forms() if form.in_force} == {None, "given", "refused"}


def state(patient: PatientStory) -> str:  # noqa: PLR0911 - one line per state reads best
    """What a person would call the state of this patient's paper."""
    if patient.deleted is not None:
        return "erased" if any(form.in_force or form.withdrawals for form in patient.forms) else "deleted"
    living = [form for form in patient.forms if not form.cancelled]
    if not living:
        return "draft"
    form = living[-1]
    if form.annulled:
        return "annulled"
    if form.care == "refused":
        return "refused"
    if any(gone.purpose == "care" for gone in form.withdrawals):
        return "withdrawn"
    if form.in_force:
        return "attested" if form.attested else "enrolled"
    if form.signed is not None:
        return "signed"
    if not form.printed:
        return "prepared"
    return "printed today" if form.printed[-1] == 0 else "printed"


def test_the_words_of_the_stories_are_the_words_of_the_platform() -> None:
    for kinds, vocabulary in (
        (shapes.Procedure, words.Procedure),
        (shapes.Sex, words.Sex),
        (shapes.CentreKind, words.CentreKind),
        (shapes.Variant, words.Variant),
        (shapes.Relation, words.Relation),
        (shapes.Purpose, words.Purpose),
        (shapes.Channel, words.Channel),
    ):
        assert set(get_args(kinds)) == {word.value for word in vocabulary}


def test_who_says_what_they_know_is_in_the_demo_and_names_what_there_is() -> None:
    areas = {area for network in networks() for area in network.areas}
    codes = {network.code for network in networks()}
    people = [person.key for person in demo().people]
    told = [profile.person for profile in demo().profiles]
    assert len(set(told)) == len(told)
    assert set(told) <= set(people)
    for profile in demo().profiles:
        assert set(profile.areas) <= areas, profile.person
        assert set(profile.networks) <= codes, profile.person
        assert profile.languages, profile.person
