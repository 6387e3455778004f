"""What hangs on forms and patients: answers, documents, letters, stacks, exports, print runs."""

from __future__ import annotations

import datetime as dt

from app.models import now, today
from tests.trust.random_worlds.dice import Dice


def _exports(dice: Dice) -> None:
    """Exports of hospitals, each with releases of people who mostly belong there."""
    where = {"hospital_id": lambda _n: dice.any_of("hospital")}
    dice.make("export", state="releasing", reason="r", asked_at=now(), person_id=1, **where)
    pairs = {"export_id": lambda n: n % 6 + 1, "person_id": lambda n: 1 + (8 * (n // 6) + n % 6) % 9}
    dice.make("export_release", state="release_asked", forms=1, **pairs, **where)
    centres = {row["id"]: row["hospital_id"] for row in dice.rows["centre"]}
    for row in dice.rows["export_release"]:
        places = [centres[m["centre_id"]] for m in dice.rows["membership"] if m["person_id"] == row["person_id"]]
        places += [g["hospital_id"] for g in dice.rows["assistant_grant"] if g["clinician_id"] == row["person_id"]]
        row["hospital_id"] = dice.random.choice([*places, row["hospital_id"]])


def papers(dice: Dice) -> None:
    """What hangs on the forms, and what people have under way."""
    forms = {row["id"]: row for row in dice.rows["consent_form"]}
    of = {"form_id": lambda n: n}
    dice.make("consent_decision", purpose="care", answer="given", procedure=lambda n: forms[n]["procedure"], **of)
    dice.make(
        "archived_document",
        position=1,
        kind="original",
        media_type="application/pdf",
        size=1,
        pages=1,
        sha256="s",
        storage_key=lambda n: f"{n}",
        source="desk",
        archived_by_id=1,
        archived_at=now(),
        **of,
    )
    dice.make("document_key", document_id=lambda n: n, wrapped_key=b"k")
    who = {"person_id": lambda _n: dice.any_of("ab_user")}
    moments = {"expires_at": now()}
    dice.make("phone_link", token_hash=lambda n: bytes([n]) * 32, login_id=1, **moments, **of, **who)
    _letters(dice)
    dice.make("stack", state="ready", added_at=now(), passed_on=0, files=[], faults=[], **who)
    dice.make(
        "stack_page",
        position=1,
        state="waiting",
        turned=0,
        foreign_code=False,
        by_hand=False,
        storage_key=lambda n: f"{n}",
        wrapped_key=b"k",
        stack_id=lambda _n: dice.any_of("stack"),
        form_id=lambda _n: dice.random.choice([None, None, *forms]),
        blank_id=lambda n: dice.any_of("blank_form") if n % 2 else None,
    )
    _exports(dice)
    runs = {"bundle": "zip", "asked_at": now(), "asked_for": 1, "job_key": "k"}
    dice.make("print_run", state=lambda n: ("asked", "ready", "over")[n % 3], **runs, **who)
    dice.make(
        "print_item",
        position=1,
        language="en",
        variant="adult",
        large_print=False,
        run_id=lambda _n: dice.any_of("print_run"),
        patient_id=lambda _n: dice.any_of("patient"),
    )
    dice.make("job", kind="k", payload={}, state="queued", due_at=now(), created_at=now(), **who)
    dice.make("audit_entry", act="a", outcome="done", details="", origin="t")
    for number, row in enumerate(dice.rows["audit_entry"]):
        for name in ("id", "public_id", "version"):
            row.pop(name)
        patient = dice.random.choice(dice.rows["patient"])
        about = number % 3
        row["patient_id"] = patient["id"] if about == 0 else None
        row["hospital_id"] = patient["hospital_id"] if about < 2 else None


def _letters(dice: Dice) -> None:
    """Letters that open a record still, or no more; some are about a record of another hospital."""
    patients = {row["id"]: row for row in dice.rows["patient"]}
    about = {n: dice.random.choice(dice.rows["patient"]) for n in range(1, 7)}
    dice.make(
        "letter",
        hospital_id=lambda n: about[n]["hospital_id"] if n % 3 else dice.any_of("hospital"),
        person_id=lambda _n: dice.any_of("ab_user"),
        reason="r",
        received_on=today(),
        made_at=now(),
        open_until=lambda n: today() + dt.timedelta(days=n % 4 - 1),
        found=1,
    )
    dice.make("letter_record", letter_id=lambda n: n, patient_id=lambda n: about[n]["id"])
    for row in dice.rows["letter_record"]:
        row["hospital_id"] = patients[row["patient_id"]]["hospital_id"]
