"""Hospitals, networks and centres; people with spells that begin and end around today; grants."""

from __future__ import annotations

from typing import Any

from app.models import now, today
from tests.trust.random_worlds.dice import Dice

OF_NETWORKS = ("ern_coordinator", "dispatcher")
MANDATES = (*OF_NETWORKS, "hospital_representative", "data_protection_contact", "assistant", "guest", "ua_hub")


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
    leaves = {"leaving_on": lambda _n: dice.random.choice([None, None, None, None, None, today()])}
    dice.spells("hospital", name=lambda n: f"hospital {n}", **facts, **where, **leaves)
    at = {"hospital_id": lambda _n: dice.any_of("hospital")}
    dice.spells("centre", name="c", kind="full_member", network_id=lambda _n: dice.any_of("network"), **at, **leaves)
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
        active=lambda n: n != 4,
        disabled_at=lambda _n: dice.random.choice([None] * 4 + [now()]),
    )
    who = lambda _n: dice.any_of("ab_user")  # noqa: E731  said many times below
    enrols = {"may_enrol": lambda _n: dice.random.choice([True, True, False])}
    enrols |= {"leaving_on": lambda _n: dice.random.choice([None, None, None, today()])}
    dice.spells("membership", person_id=who, centre_id=lambda _n: dice.any_of("centre"), **enrols)
    _stays(dice)
    dice.spells("mandate", person_id=who, kind=lambda _n: dice.random.choice(MANDATES))
    for row in dice.rows["mandate"]:
        placed = row["kind"] in {"hospital_representative", "data_protection_contact", "assistant"}
        row["hospital_id"] = dice.any_of("hospital") if placed else None
        row["network_id"] = dice.any_of("network") if row["kind"] in OF_NETWORKS else None
        row["host_id"] = dice.any_of("ab_user") if row["kind"] == "guest" else None
        if row["kind"] == "guest":
            row["to_on"] = row["to_on"] or row["from_on"]
    dice.spells("assistant_grant", scope=lambda n: "all" if n % 2 else "chosen")
    for row in dice.rows["assistant_grant"]:
        row |= _pair(dice)
    dice.make(
        "login",
        token_hash=lambda n: bytes([n]) * 32,
        person_id=who,
        started_at=now(),
        seen_at=now(),
        expires_at=now(),
        proved_at=now(),
        address="",
        browser="",
        contents={},
    )
    dice.make(
        "second_factor",
        person_id=who,
        kind=lambda n: "passkey" if n % 2 else "app",
        credential=lambda n: bytes([n]) * 16 if n % 2 else None,
        name=lambda n: f"Factor {n}",
        wrapped_key=b"k",
        sealed=b"s",
        counter=0,
        added_at=now(),
    )
    dice.make(
        "login_identity",
        person_id=who,
        issuer=lambda n: f"https://eu-login-{n}.example",
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
    group = {"network_id": lambda _n: dice.any_of("network"), "minutes": 60, "zone": "Europe/Brussels"}
    dice.spells("expert_group", name=lambda n: f"group {n}", chair_id=who, **group)
    dice.spells("expert_group_member", person_id=who, group_id=lambda _n: dice.any_of("expert_group"))
    dice.make("profile", person_id=lambda n: n, professional_title="Dr", about="x")
    dice.make(
        "photo",
        person_id=lambda n: n,
        added_at=now(),
        storage_key=lambda n: f"photo-{n}",
        wrapped_key=b"k",
        size=2,
        small_size=1,
    )
    _expertise(dice)
    dice.spells("absence", person_id=lambda n: n, substitute_id=lambda n: n % 9 + 1)
    for row in dice.rows["absence"]:
        row["to_on"] = row["to_on"] or row["from_on"]
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


def _expertise(dice: Dice) -> None:
    """One thing a person, of each kind."""
    things = {
        "network_id": lambda _n: 1,
        "area_id": lambda _n: 1,
        "orpha_code": lambda n: n,
        "language": lambda _n: "en",
    }
    dice.make("expertise", person_id=lambda n: (n - 1) % 9 + 1)
    for number, row in enumerate(dice.rows["expertise"]):
        kind = list(things)[number % 4]
        row |= dict.fromkeys(things) | {kind: things[kind](number + 1)}


def _stays(dice: Dice) -> None:
    """Memberships of one person: of one stay, or of one each, whether in one hospital or not."""
    for row in dice.rows["membership"]:
        row["stay"] = dice.random.choice([f"{row['person_id']}", f"{row['person_id']}", f"{row['id']} alone"])


def _pair(dice: Dice) -> dict[str, Any]:
    """A clinician, an assistant and a hospital: often people who really belong there, by the very places they have now."""
    centres = {row["id"]: row["hospital_id"] for row in dice.rows["centre"]}
    assistants = [row for row in dice.rows["mandate"] if row["kind"] == "assistant"]
    pairs = [(m, a) for m in dice.rows["membership"] for a in assistants if m["person_id"] != a["person_id"]]
    near = [(m, a) for m, a in pairs if centres[m["centre_id"]] == a["hospital_id"]]
    member, assistant = dice.random.choice(near or pairs or [(dice.rows["membership"][0], None)])
    helper = assistant["person_id"] if assistant else 1 + member["person_id"] % 9
    stays = [row["stay"] for row in dice.rows["membership"] if row["person_id"] == member["person_id"]]
    mandates = [row["id"] for row in dice.rows["mandate"] if row["person_id"] == helper]
    hospital = centres[member["centre_id"]]
    return {
        "clinician_id": member["person_id"],
        "assistant_id": helper,
        "hospital_id": dice.random.choice([hospital, hospital, hospital, dice.any_of("hospital")]),
        "stay": dice.random.choice([member["stay"], member["stay"], *stays, "over", None]),
        "mandate_id": dice.random.choice(
            [assistant and assistant["id"]] * 2 + [*mandates, dice.any_of("mandate"), None]
        ),
    }
