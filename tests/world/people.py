"""Places, and everybody who could want to see a record: who is who stands beside each name."""

from __future__ import annotations

from typing import Any

from app.models import (
    now,
    today,
)
from app.words import (
    MandateKind,
)
from tests import factories as make
from tests.factories import DAY
from tests.world.names import HALF_INSIDE, LOCKED, ONE_FACTOR, World


def places_and_people(world: World) -> None:
    """Countries, networks, hospitals, centres; people with their memberships, mandates and grants."""
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

    _work_of(same, people)

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
    for name, place in (("protection", home), ("other protection", near), ("protection of the closed house", shut)):
        make.mandate(person(name), MandateKind.DATA_PROTECTION_CONTACT, hospital=place)
    make.mandate(person("hub"), MandateKind.UA_HUB)
    make.admin(person("admin"))
    person("bystander")  # an account and nothing else
    make.member(person("unaccepted"), centres["home"])  # has not accepted the privacy policy in force
    for gate in (ONE_FACTOR, HALF_INSIDE, LOCKED):  # what each login still has to show: ``endings``
        make.member(person(gate), centres["home"])
    version = make.policy_version()
    for name, one in people.items():
        if name != "unaccepted":
            make.policy_acceptance(one, version)

    for text in (("eu", "en", "adult"), ("eu", "en", "representative"), ("eu", "el", "adult"), ("ua", "uk", "adult")):
        make.consent_text(*text)
    world.people = {name: one.id for name, one in people.items()}


def _work_of(network: Any, people: dict[str, Any]) -> None:
    """An expert group of the network, and dispatchers: the leaver's mandate counts no more."""
    make.expert_group(network, people["neighbour"], people["owner"])
    for name in ("neighbour", "leaver"):
        make.mandate(people[name], MandateKind.DISPATCHER, network=network)
