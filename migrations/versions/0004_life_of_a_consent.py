"""life of a consent: restriction, the thirty days, renewal, patients' letters

Revision ID: 0004
Revises: 0003
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# Columns are added as SQL, which is the same on both databases but for a type: SQLite's batch mode would rebuild the
# tables, and with them drop the guards that keep a patient's procedure.
GROUNDS = "'legal_duty', 'public_health', 'legal_claims', 'patient_asks', 'other_law'"
MOMENT = {"sqlite": "DATETIME", "postgresql": "TIMESTAMP WITH TIME ZONE"}
COLUMNS = (
    ("patient", "restricted_on", "DATE"),
    ("patient", "erase_on", "DATE"),
    ("patient", "kept_on", "DATE"),
    ("patient", "kept_ground", f"VARCHAR(40) CONSTRAINT ck_patient_kept_ground CHECK (kept_ground IN ({GROUNDS}))"),
    ("patient", "kept_law", "VARCHAR(300)"),
    ("consent_form", "ended_at", "MOMENT"),
    ("consent_form", "mandate_ends_on", "DATE"),
    ("consent_form", "renewal_due_on", "DATE"),
)
OUTCOMES = ("letter_withdrawn", "letter_restricted", "letter_lifted")
DAYS_TO_DECIDE = 30


def upgrade() -> None:
    """Add the columns and the two tables of letters; records already withdrawn get their thirty days from now."""
    for table, column, kind in COLUMNS:
        op.execute(
            f"ALTER TABLE {table} ADD COLUMN {column} {kind.replace('MOMENT', MOMENT[op.get_bind().dialect.name])}"
        )
    op.create_index("ix_patient_erase_on", "patient", ["erase_on"])
    op.create_index("ix_consent_form_state_renewal_due_on", "consent_form", ["state", "renewal_due_on"])
    _letters()
    _withdrawn_before()
    _represented_before()


def _kept() -> tuple[sa.Column[Any], ...]:
    """What every table has."""
    return (
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(32), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
    )


def _letters() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "letter",
        sa.Column("hospital_id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(300), nullable=False),
        sa.Column("received_on", sa.Date(), nullable=False),
        sa.Column("made_at", moment, nullable=False),
        sa.Column("open_until", sa.Date(), nullable=False),
        sa.Column("found", sa.Integer(), nullable=False),
        *_kept(),
        sa.ForeignKeyConstraint(["hospital_id"], ["hospital.id"], name="fk_letter_hospital_id_hospital"),
        sa.ForeignKeyConstraint(["person_id"], ["ab_user.id"], name="fk_letter_person_id_ab_user"),
        sa.PrimaryKeyConstraint("id", name="pk_letter"),
        sa.UniqueConstraint("public_id", name="uq_letter_public_id"),
    )
    op.create_index("ix_letter_hospital_id", "letter", ["hospital_id"])
    op.create_index("ix_letter_person_id_made_at", "letter", ["person_id", "made_at"])
    op.create_table(
        "letter_record",
        sa.Column("letter_id", sa.Integer(), nullable=False),
        sa.Column("patient_id", sa.Integer(), nullable=False),
        sa.Column("hospital_id", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.Enum(*OUTCOMES, name="outcome", native_enum=False, create_constraint=True, length=40)),
        sa.Column("answered_at", moment),
        *_kept(),
        sa.CheckConstraint(
            "(outcome IS NULL) = (answered_at IS NULL)", name=op.f("ck_letter_record_answer_has_a_moment")
        ),
        sa.ForeignKeyConstraint(["letter_id"], ["letter.id"], name="fk_letter_record_letter_id_letter"),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name="fk_letter_record_patient_id_patient"),
        sa.ForeignKeyConstraint(["hospital_id"], ["hospital.id"], name="fk_letter_record_hospital_id_hospital"),
        sa.PrimaryKeyConstraint("id", name="pk_letter_record"),
        sa.UniqueConstraint("public_id", name="uq_letter_record_public_id"),
        sa.UniqueConstraint("letter_id", "patient_id", name="uq_letter_record_letter_id_patient_id"),
    )
    op.create_index("ix_letter_record_patient_id", "letter_record", ["patient_id"])
    op.create_index("ix_letter_record_hospital_id", "letter_record", ["hospital_id"])


def _withdrawn_before() -> None:
    withdrawn = (
        "SELECT f.patient_id FROM consent_form f JOIN consent_decision d ON d.form_id = f.id"
        " WHERE d.purpose = 'care' AND d.answer = 'withdrawn'"
    )
    statement = sa.text(f"UPDATE patient SET erase_on = :day WHERE state = 'restricted' AND id IN ({withdrawn})")
    today = dt.datetime.now(dt.UTC).date()
    day = sa.bindparam("day", today + dt.timedelta(days=DAYS_TO_DECIDE), sa.Date)
    op.get_bind().execute(statement.bindparams(day))


def _represented_before() -> None:
    """A child's form is due on the first of the month after the child comes of age."""
    forms = sa.text(
        "SELECT f.id, f.signed_on, p.birth_year, p.birth_month, c.majority_age FROM consent_form f"
        " JOIN patient p ON p.id = f.patient_id JOIN hospital h ON h.id = p.hospital_id"
        " JOIN country c ON c.id = h.country_id WHERE f.variant = 'representative' AND f.signed_on IS NOT NULL"
    )
    for key, signed_on, year, month, majority in op.get_bind().execute(forms).all():
        due = dt.date(year + majority + month // 12, month % 12 + 1, 1)
        if str(due) > str(signed_on):
            update = sa.text("UPDATE consent_form SET renewal_due_on = :due WHERE id = :key")
            op.get_bind().execute(update.bindparams(sa.bindparam("due", due, sa.Date), key=key))


def downgrade() -> None:
    """Take letters, restrictions and decisions back; a record stays in the state it has."""
    op.drop_table("letter_record")
    op.drop_table("letter")
    op.drop_index("ix_consent_form_state_renewal_due_on", "consent_form")
    op.drop_index("ix_patient_erase_on", "patient")
    for table, column, _kind in reversed(COLUMNS):
        op.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
