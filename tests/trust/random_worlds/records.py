"""Patients and their forms, blank ones and papers from elsewhere; hospitals’ own texts."""

from __future__ import annotations

import datetime as dt
from typing import Any

from app.models import now, today
from tests.trust.random_worlds.dice import SIZES, Dice
from tests.trust.random_worlds.papers import papers


def records(dice: Dice) -> None:
    """Patients in every state, mostly of clinicians who granted something, with forms in most."""
    procedures = {row["id"]: "ua" if row["country_id"] == 3 else "eu" for row in dice.rows["hospital"]}
    granted = [(row["clinician_id"], row["hospital_id"]) for row in dice.rows["assistant_grant"]]
    dice.make(
        "patient",
        nickname=lambda n: f"patient {n}",
        state=lambda n: ("draft", "enrolled", "restricted", "erased")[n % 4],
        sex="female",
        birth_year=1990,
        birth_month=3,
        enrolled_by_id=1,
        created_at=now(),
    )
    for row in dice.rows["patient"]:
        known = dice.random.choice([*granted, (dice.any_of("ab_user"), dice.any_of("hospital"))])
        row["clinician_id"], row["hospital_id"] = known
        row["procedure"] = procedures[row["hospital_id"]]
    patients = {row["id"]: row for row in dice.rows["patient"]}
    at = {"patient_id": lambda _n: dice.any_of("patient")}
    dice.make("granted_patient", grant_id=lambda _n: dice.any_of("assistant_grant"), **at)
    locks = {"wrapped_key": b"k", "sealed": b"s", "person_index": b"i", "file_index": b"i"}
    dice.make("patient_identity", patient_id=lambda n: n, hospital_id=lambda n: patients[n]["hospital_id"], **locks)
    dice.make(
        "consent_text",
        procedure=lambda n: "ua" if n == 2 else "eu",
        language="en",
        variant="adult",
        text_version="1",
        title="t",
        html="h",
        css="c",
        fonts={},
        sha256=lambda n: f"{n}",
        published_at=now(),
    )
    _handovers(dice)
    _own_texts(dice)
    dice.make(
        "consent_form",
        code=lambda n: f"{n:016d}",
        language="en",
        variant="adult",
        state=lambda n: ("prepared", "printed", "archived")[n % 3],
        prepared_at=now(),
        printed_at=now(),
        print_count=1,
        signed_on=today(),
        wrapped_key=b"k",
        external_reference=None,
        filed_by_id=None,
        checked_by_id=None,
        checked_on=None,
        sent_back_reason=None,
        explained_by_id=lambda _n: dice.any_of("ab_user"),
        explained_at=None,
        **at,
    )
    for row in dice.rows["consent_form"]:
        owner = patients[row["patient_id"]]
        row |= {"hospital_id": owner["hospital_id"], "procedure": owner["procedure"]}
        row["text_id"] = 2 if owner["procedure"] == "ua" else 1
        if dice.random.random() < 2 / 3:  # else somebody else's word, as after a handover
            row["explained_by_id"] = owner["clinician_id"]
        if row["procedure"] == "eu" and row["id"] % 2:
            row |= _from_elsewhere(dice)
    _blanks(dice, granted, procedures)
    papers(dice)


def _handovers(dice: Dice) -> None:
    """Records offered to anybody, mostly to somebody who works there; a record has one offer that waits at most."""
    states = ("handover_proposed", "handover_proposed", "handover_accepted", "handover_declined", "handover_lapsed")
    members = [(row["person_id"], row["centre_id"]) for row in dice.rows["membership"]]
    centres = {row["id"]: row["hospital_id"] for row in dice.rows["centre"]}
    patients = {row["id"]: row for row in dice.rows["patient"]}
    dice.make("handover", giver="g", taker="t", proposed_at=now())
    waiting: set[int] = set()
    for row in dice.rows["handover"]:
        patient = patients[dice.any_of("patient")]
        near = [who for who, centre in members if centres[centre] == patient["hospital_id"]]
        to_id = dice.random.choice([*near, *near, dice.any_of("ab_user")])
        others = [one["id"] for one in dice.rows["ab_user"] if one["id"] != to_id]
        giver = patient["clinician_id"] if patient["clinician_id"] != to_id else dice.random.choice(others)
        state = dice.random.choice(states)
        if patient["id"] in waiting and state == "handover_proposed":
            state = "handover_declined"
        waiting |= {patient["id"]} if state == "handover_proposed" else set()
        row |= {"patient_id": patient["id"], "hospital_id": patient["hospital_id"], "from_id": giver, "to_id": to_id}
        row |= {"proposed_by_id": giver, "state": state, "answered_at": None if state == "handover_proposed" else now()}


def _own_texts(dice: Dice) -> None:
    """In every state; what is proposed or more has an opinion, what is accepted was decided by another person."""
    states = ("draft", "proposed", "accepted", "retired", "dropped")
    dice.make(
        "own_text",
        hospital_id=lambda _n: dice.any_of("hospital"),
        language=lambda n: f"x{n}",
        variant="adult",
        number=1,
        state=lambda n: states[n % len(states)],
        base_language="en",
        base={},
        content={},
        written_at=now(),
        author_id=lambda _n: dice.any_of("ab_user"),
        proposed_by_id=lambda _n: dice.any_of("ab_user"),
        opinion="positive",
        opinion_by="o",
        opinion_on=today(),
        opinion_reference="r",
        decided_by_id=None,
        counts_from=None,
        text_id=None,
        retired_on=None,
    )
    dice.make(
        "own_text_writer",
        own_text_id=lambda n: dice.rows["own_text"][(n - 1) % SIZES["own_text"]]["id"],
        person_id=lambda n: 1 + (n * 7 + n // SIZES["own_text"]) % SIZES["ab_user"],
    )
    for row in dice.rows["own_text_writer"]:
        row["hospital_id"] = dice.rows["own_text"][row["own_text_id"] - 1]["hospital_id"]
    for row in dice.rows["own_text"]:
        if row["state"] in {"accepted", "retired"}:
            others = {one["id"] for one in dice.rows["ab_user"]} - {row["author_id"], row["proposed_by_id"]}
            row |= {"decided_by_id": min(others), "counts_from": today(), "text_id": 1}
            row["retired_on"] = today() if row["state"] == "retired" else None


def _from_elsewhere(dice: Dice) -> dict[str, Any]:
    """A paper that was not printed here: it waits, or somebody else confirmed it or sent it back, today or before."""
    filer, days = dice.any_of("ab_user"), dice.random.choice([None, None, 0, 1])
    checker = None if days is None else 1 + filer % SIZES["ab_user"]
    state = "to_check" if days is None else dice.random.choice(["archived", "archived", "sent_back"])
    return {
        "text_id": None,
        "external_reference": "r",
        "printed_at": None,
        "filed_by_id": filer,
        "checked_by_id": checker,
        "checked_on": None if days is None else today() - dt.timedelta(days=days),
        "state": state,
        "sent_back_reason": "r" if state == "sent_back" else None,
    }


def _blanks(dice: Dice, granted: list[tuple[int, int]], procedures: dict[int, str]) -> None:
    """Blank forms, mostly of clinicians who granted something."""
    dice.make(
        "blank_form",
        code=lambda n: f"B{n:015d}",
        printed_by_id=1,
        language="en",
        variant="adult",
        large_print=False,
        registries=[],
        paper={},
        run="r",
        state="printed",
        printed_at=now(),
    )
    for row in dice.rows["blank_form"]:
        known = dice.random.choice([*granted, (dice.any_of("ab_user"), dice.any_of("hospital"))])
        row["clinician_id"], row["hospital_id"] = known
        row["procedure"] = procedures[row["hospital_id"]]
        row["text_id"] = 2 if row["procedure"] == "ua" else 1
        bound = row["id"] % 3 == 0
        row |= {"form_id": row["id"] if bound else None, "ended_at": now() if bound else None}
        row |= {"state": "bound", "code": f"{row['id']:016d}"} if bound else {}
