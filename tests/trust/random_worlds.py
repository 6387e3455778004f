"""Random worlds: people, hospitals and records with spells that begin and end around today. Bare rows, by plain INSERT."""

from __future__ import annotations

import datetime as dt
import random
from typing import Any

from flask_appbuilder.security.sqla.models import Role as FabRole
from flask_appbuilder.security.sqla.models import assoc_user_role
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from app.models import TABLES, AuditEntry, Record, now, today
from tests.oracle import Oracle, Row

MOMENT = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
MANDATES = ("ern_coordinator", "hospital_representative", "data_protection_contact", "assistant", "guest", "ua_hub")
SIZES = {"country": 3, "network": 3, "hospital": 4, "centre": 6, "ab_user": 9, "membership": 10, "mandate": 14}
SIZES |= {
    "blank_form": 12,
    "export_release": 24,
    "stack": 12,
    "stack_page": 24,
    "print_run": 12,
    "print_item": 24,
    "own_text": 20,
    "own_text_writer": 30,
    "assistant_grant": 8,
    "granted_patient": 8,
    "patient": 12,
    "consent_form": 12,
    "audit_entry": 12,
}


class Dice:
    """Makes rows; every choice comes from one seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.rows: dict[str, list[dict[str, Any]]] = {}

    def any_of(self, table: str) -> int:
        """The key of some row."""
        return int(self.random.choice(self.rows[table])["id"])

    def spell(self) -> dict[str, Any]:
        """Mostly valid; begins or ends around today, or was ended."""
        day, dice = dt.timedelta(days=1), self.random
        begins = today() + dice.choice([-30, -30, -30, -1, 0, 1]) * day
        ends = dice.choice([None, None, None, 30, 1, 0, -1])
        last = None if ends is None else max(begins, today() + ends * day)
        return {"from_on": begins, "to_on": last, "ended_at": dice.choice([None] * 5 + [MOMENT]), "end_reason": None}

    def make(self, table: str, **columns: Any) -> None:
        """As many rows as ``SIZES`` says; a column is a value or a function of the row's number."""
        made = self.rows.setdefault(table, [])
        for _ in range(SIZES.get(table, 6)):
            number = len(made) + 1
            row = {"id": number, "public_id": f"{table}-{number}"[:32], "version": 1}
            made.append(row | {name: value(number) if callable(value) else value for name, value in columns.items()})

    def spells(self, table: str, **columns: Any) -> None:
        """The same, each with a spell."""
        self.make(table, **columns)
        for row in self.rows[table]:
            row |= self.spell()


def fill(session: Session, seed: int) -> None:
    """Fill an empty house."""
    dice = Dice(seed)
    _places(dice)
    _people(dice)
    _records(dice)
    if session.get_bind().dialect.name == "sqlite":
        session.connection(execution_options={"writes": True})
    for table in Record.metadata.sorted_tables:
        if table.name in dice.rows:
            session.execute(insert(table), dice.rows[table.name])
    session.execute(insert(FabRole.__table__), [{"id": 1, "name": "Admin"}])
    session.execute(insert(assoc_user_role), [{"id": 1, "user_id": 1, "role_id": 1}])
    session.commit()


def _places(dice: Dice) -> None:
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


def _people(dice: Dice) -> None:
    dice.make(
        "ab_user",
        first_name="P",
        last_name=lambda n: f"{n}",
        username=lambda n: f"p{n}",
        email=lambda n: f"p{n}@people.example",
        active=True,
    )
    who = lambda _n: dice.any_of("ab_user")  # noqa: E731  said many times below
    dice.spells("membership", person_id=who, centre_id=lambda _n: dice.any_of("centre"))
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


def _records(dice: Dice) -> None:
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
        **at,
    )
    for row in dice.rows["consent_form"]:
        owner = patients[row["patient_id"]]
        row |= {"hospital_id": owner["hospital_id"], "procedure": owner["procedure"]}
        row["text_id"] = 2 if owner["procedure"] == "ua" else 1
        if row["procedure"] == "eu" and row["id"] % 2:
            row |= _from_elsewhere(dice)
    _blanks(dice, granted, procedures)
    _papers(dice)


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
    """A paper that was not printed here: it waits, or somebody else checked it today or before."""
    filer, days = dice.any_of("ab_user"), dice.random.choice([None, None, 0, 1])
    checker = None if days is None else 1 + filer % SIZES["ab_user"]
    return {
        "text_id": None,
        "external_reference": "r",
        "printed_at": None,
        "filed_by_id": filer,
        "checked_by_id": checker,
        "checked_on": None if days is None else today() - dt.timedelta(days=days),
        "state": "to_check" if days is None else "archived",
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


def _papers(dice: Dice) -> None:
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


def read(session: Session) -> Oracle:
    """What the database holds, as plain rows."""
    tables = {}
    for table in TABLES:
        found = session.execute(select(table.__table__)).mappings()
        tables[table.__tablename__] = [Row(**row) for row in found]
    admins = session.scalars(
        select(assoc_user_role.c.user_id).join(FabRole.__table__).where(FabRole.__table__.c.name == "Admin")
    )
    return Oracle(tables, set(admins), today())


def key_of(table: Any) -> Any:
    """What tells a table's rows apart."""
    return table.seq if table is AuditEntry else table.id
