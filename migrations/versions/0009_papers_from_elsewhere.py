"""forms signed on paper that was not printed here

Revision ID: 0009
Revises: 0008
"""

from __future__ import annotations

import re

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

# SQLite cannot change a column. Its batch mode would rebuild the table, and with it drop the guards; so the words of the
# table's own statement are changed, as SQLite's manual says for constraints that no stored row breaks.
NEW_STATES = ("to_check", "sent_back")
OLD_STATES = ("prepared", "printed", "signed", "archived", "withdrawn", "superseded", "cancelled", "annulled")
CHECKS = {
    "text_or_reference": "(text_id IS NULL) = (external_reference IS NOT NULL)",
    "reference_has_a_filer": "(external_reference IS NULL) = (filed_by_id IS NULL)",
    "ukrainian_is_printed_here": "external_reference IS NULL OR (procedure = 'eu' AND printed_at IS NULL)",
    "external_is_checked": "state NOT IN ('to_check', 'sent_back') OR external_reference IS NOT NULL",
    "external_counts_when_checked": (
        "external_reference IS NULL OR state IN ('to_check', 'sent_back', 'cancelled') OR checked_by_id IS NOT NULL"
    ),
    "checked_by_a_second_person": "checked_by_id IS NULL OR checked_by_id <> filed_by_id",
    "check_has_a_day": "(checked_by_id IS NULL) = (checked_on IS NULL)",
    "sent_back_has_a_reason": "state <> 'sent_back' OR sent_back_reason IS NOT NULL",
}
COLUMNS = {
    "external_reference": "VARCHAR(120)",
    "filed_by_id": "INTEGER CONSTRAINT fk_consent_form_filed_by_id_ab_user REFERENCES ab_user (id)",
    "checked_by_id": "INTEGER CONSTRAINT fk_consent_form_checked_by_id_ab_user REFERENCES ab_user (id)",
    "checked_on": "DATE",
    "sent_back_reason": "VARCHAR(300)",
}
AT_LAST = "sent_back_reason"
"""The column the checks of SQLite hang on: the last one, because each names columns that have to be there."""

OF_A_TEXT = "(SELECT consent_text.procedure FROM consent_text WHERE consent_text.id = NEW.text_id)"
OF_A_PATIENT = "(SELECT patient.procedure FROM patient WHERE patient.id = NEW.patient_id)"
REFUSAL = "consent_form: the procedure is not that of the row it belongs to"


def upgrade() -> None:
    """A form has a text of ours, or the reference of a paper from elsewhere."""
    if op.get_bind().dialect.name == "sqlite":
        _columns({AT_LAST: " ".join(f"CONSTRAINT ck_consent_form_{n} CHECK ({c})" for n, c in CHECKS.items())})
        _rewrite(r"(text_id INTEGER) NOT NULL", r"\1")
        _rewrite(r"(ck_consent_form_state CHECK \(state IN \()[^)]*\)", rf"\g<1>{_listed(OLD_STATES + NEW_STATES)})")
    else:
        _columns({})
        op.alter_column("consent_form", "text_id", nullable=True)
        _states(OLD_STATES + NEW_STATES)
        for name, clause in CHECKS.items():
            op.execute(f"ALTER TABLE consent_form ADD CONSTRAINT ck_consent_form_{name} CHECK ({clause})")
    _guard(f"NEW.text_id IS NOT NULL AND NEW.procedure IS {{differs}} {OF_A_TEXT}")


def _columns(checks: dict[str, str]) -> None:
    for column, kind in COLUMNS.items():
        op.execute(f"ALTER TABLE consent_form ADD COLUMN {column} {kind} {checks.get(column, '')}")


def _listed(states: tuple[str, ...]) -> str:
    return ", ".join(f"'{state}'" for state in states)


def _states(states: tuple[str, ...]) -> None:
    op.execute("ALTER TABLE consent_form DROP CONSTRAINT ck_consent_form_state")
    op.execute(f"ALTER TABLE consent_form ADD CONSTRAINT ck_consent_form_state CHECK (state IN ({_listed(states)}))")


def _rewrite(pattern: str, instead: str) -> None:
    """Change words of the table's statement in SQLite's own list of tables."""
    bind = op.get_bind()
    stored = bind.execute(sa.text("SELECT sql FROM sqlite_schema WHERE name = 'consent_form'")).scalar_one()
    changed, count = re.subn(pattern, instead, stored)
    if count != 1:
        message = f"consent_form is not as expected: {pattern}"
        raise RuntimeError(message)
    version = bind.execute(sa.text("PRAGMA schema_version")).scalar_one()
    bind.execute(sa.text("PRAGMA writable_schema = ON"))
    statement = sa.text("UPDATE sqlite_schema SET sql = :sql WHERE type = 'table' AND name = 'consent_form'")
    bind.execute(statement.bindparams(sql=changed))
    bind.execute(sa.text(f"PRAGMA schema_version = {version + 1}"))
    bind.execute(sa.text("PRAGMA writable_schema = OFF"))


def _guard(of_text: str) -> None:
    """The trigger that keeps one procedure from the patient to the form; a paper from elsewhere has no text of ours."""
    elsewhere = f"NEW.procedure IS {{differs}} {OF_A_PATIENT} OR ({of_text})"
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE OR REPLACE FUNCTION consent_form_procedure() RETURNS trigger"
            " LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$ BEGIN"
            f" IF {elsewhere.format(differs='DISTINCT FROM')} THEN"
            f" RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation', MESSAGE = '{REFUSAL}';"
            " END IF; RETURN NEW; END $$"
        )
        return
    for verb, fires in (("insert", "INSERT"), ("update", "UPDATE OF procedure, patient_id, text_id")):
        op.execute(f"DROP TRIGGER consent_form_procedure_{verb}")
        op.execute(
            f"CREATE TRIGGER consent_form_procedure_{verb} BEFORE {fires} ON consent_form"
            f" WHEN {elsewhere.format(differs='NOT')} BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END"
        )


def downgrade() -> None:
    """Refused while a paper from elsewhere is kept: it has no text, and nothing else could say what it is."""
    bind = op.get_bind()
    kept = bind.execute(sa.text("SELECT count(*) FROM consent_form WHERE external_reference IS NOT NULL")).scalar_one()
    if kept:
        message = f"{kept} forms signed on other paper are kept: they cannot be taken back to before there were any"
        raise RuntimeError(message)
    _guard(f"NEW.procedure IS {{differs}} {OF_A_TEXT}")
    if bind.dialect.name == "sqlite":
        for column in reversed(COLUMNS):
            op.execute(f"ALTER TABLE consent_form DROP COLUMN {column}")
        _rewrite(r"(text_id INTEGER)(?! NOT NULL)", r"\1 NOT NULL")
        _rewrite(r"(ck_consent_form_state CHECK \(state IN \()[^)]*\)", rf"\g<1>{_listed(OLD_STATES)})")
        return
    for column in reversed(COLUMNS):
        op.execute(f"ALTER TABLE consent_form DROP COLUMN {column}")  # and with it the checks that name it
    op.alter_column("consent_form", "text_id", nullable=False)
    _states(OLD_STATES)
