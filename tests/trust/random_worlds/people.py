"""Hospitals, networks and centres; people with spells that begin and end around today; grants."""

from __future__ import annotations

from app.models import now, today
from tests.trust.random_worlds.dice import Dice

MANDATES = ("ern_coordinator", "hospital_representative", "data_protection_contact", "assistant", "guest", "ua_hub")


def places(dice: Dice) -> None:
    """Countries with both procedures, networks, hospitals and centres."""
    codes = {1: "GR", 2: "DE", 3: "UA"}
    dice.make(
        "country",
        code=codes.get,
        procedure=lambda n: "ua" if n == 3 else "eu",
        eea=lambda n: n != 3,
        languages="en",
        authority_name="a",
        authority_name_en="a",
        authority_address="a",
        authority_contact="a",
        majority_age=18,
        two_parents=False,
        source="invented",
        checked=True,
    )
    dice.make("network", code=lambda n: f"n{n}", name=lambda n: f"ERN {n}", field="f")
    dice.make("thematic_area", name=lambda n: f"area {n}", network_id=lambda _n: dice.any_of("network"))
    where = {"country_id": lambda _n: dice.any_of("country")}
    dice.spells("registry", name=lambda n: f"registry {n}", controller="c", network_id=lambda n: n % 4 or None, **where)
    facts = dict.fromkeys(("city", "address", "phone", "email", "dpo_name", "dpo_contact"), "x")
    dice.spells("hospital", name=lambda n: f"hospital {n}", **facts, **where)
    at = {"hospital_id": lambda _n: dice.any_of("hospital")}
    dice.spells("centre", name="c", kind="full_member", network_id=lambda _n: dice.any_of("network"), **at)
    dice.spells(
        "authorisation",
        decided_by_name="d",
        decided_on=today(),
        opinion="positive",
        opinion_by="o",
        opinion_on=today(),
        reference="r",
        **at,
    )
    for row in dice.rows["authorisation"]:
        row["to_on"] = row["to_on"] or row["from_on"]


def people(dice: Dice) -> None:
    """People, and what they may be: members, mandated, assistants with grants."""
    dice.make(
        "ab_user",
        first_name="P",
        last_name=lambda n: f"{n}",
        username=lambda n: f"p{n}",
        email=lambda n: f"p{n}@people.example",
        active=True,
    )
    who = lambda _n: dice.any_of("ab_user")  # noqa: E731  said many times below
    enrols = {"may_enrol": lambda _n: dice.random.choice([True, True, False])}
    dice.spells("membership", person_id=who, centre_id=lambda _n: dice.any_of("centre"), **enrols)
    dice.spells("mandate", person_id=who, kind=lambda _n: dice.random.choice(MANDATES))
    for row in dice.rows["mandate"]:
        placed = row["kind"] in {"hospital_representative", "data_protection_contact", "assistant"}
        row["hospital_id"] = dice.any_of("hospital") if placed else None
        row["network_id"] = dice.any_of("network") if row["kind"] == "ern_coordinator" else None
        row["host_id"] = dice.any_of("ab_user") if row["kind"] == "guest" else None
        if row["kind"] == "guest":
            row["to_on"] = row["to_on"] or row["from_on"]
    dice.spells("assistant_grant", scope=lambda n: "all" if n % 2 else "chosen")
    for row in dice.rows["assistant_grant"]:
        row["clinician_id"], row["assistant_id"], row["hospital_id"] = _pair(dice)
    dice.make(
        "login",
        token_hash=lambda n: bytes([n]) * 32,
        person_id=who,
        started_at=now(),
        seen_at=now(),
        expires_at=now(),
        address="",
        browser="",
        contents={},
    )
    dice.make(
        "login_identity",
        person_id=who,
        issuer="https://eu-login.example",
        subject=lambda n: f"subject-{n}",
        email=lambda n: f"p{n}@elsewhere.example",
        email_verified=True,
        bound_at=now(),
        used_at=now(),
    )
    states = ("to_send", "sending", "sent", "undelivered", "unsent")
    moments = {"written_at": now(), "due_at": now(), "tried_at": now(), "sent_at": now()}
    dice.make(
        "mail",
        person_id=who,
        kind="place.given",
        facts={},
        state=lambda n: states[n % 5],
        tries=0,
        message_id=lambda n: f"<{n}@x>",
        **moments,
    )
    dice.make("mail_off", person_id=lambda n: n, kind="digest")
    texts = {"en": {"title": "t", "body": "b"}}
    dice.make(
        "policy_version",
        number=lambda n: n,
        from_on=today(),
        texts=texts,
        sha256="",
        published_at=now(),
        published_by_id=1,
    )
    version = {"version_id": lambda _n: dice.any_of("policy_version")}
    dice.make("policy_acceptance", person_id=who, language="en", accepted_at=now(), withdrawn_at=None, **version)


def _pair(dice: Dice) -> tuple[int, int, int]:
    """A clinician, an assistant and a hospital: often people who really belong there."""
    centres = {row["id"]: row["hospital_id"] for row in dice.rows["centre"]}
    member = dice.random.choice(dice.rows["membership"])
    hospital = centres[member["centre_id"]]
    helpers = [
        row["person_id"]
        for row in dice.rows["mandate"]
        if row["kind"] == "assistant" and row["person_id"] != member["person_id"]
    ]
    helper = dice.random.choice(helpers or [1 + member["person_id"] % 9])
    return member["person_id"], helper, dice.random.choice([hospital, hospital, dice.any_of("hospital")])
