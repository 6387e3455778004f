"""a hospital's own consent texts; where an installed authoritative text came from

Revision ID: 0006
Revises: 0005
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# Columns are added as SQL: SQLite's batch mode would rebuild the table, and with it drop the guards that keep a
# published text as it is.
COLUMNS = (
    (
        "hospital_id",
        "INTEGER CONSTRAINT fk_consent_text_hospital_id_hospital REFERENCES hospital (id)"
        " CONSTRAINT ck_consent_text_ukrainian_is_no_hospitals CHECK (hospital_id IS NULL OR procedure = 'eu')",
    ),
    ("source", "VARCHAR(300)"),
    (
        "source_sha256",
        "VARCHAR(64) CONSTRAINT ck_consent_text_source_has_its_hash CHECK ((source IS NULL) = (source_sha256 IS NULL))",
    ),
)
INSTALLED = sa.text("source IS NOT NULL")
OPEN = sa.text("state IN ('draft', 'proposed')")
STATES = ("draft", "proposed", "accepted", "retired", "dropped")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Apply."""
    for column, kind in COLUMNS:
        op.execute(f"ALTER TABLE consent_text ADD COLUMN {column} {kind}")
    installed = {"sqlite_where": INSTALLED, "postgresql_where": INSTALLED}
    keys = ["procedure", "language", "variant"]
    op.create_index("ix_consent_text_installed", "consent_text", keys, unique=True, **installed)
    op.create_table("own_text", *_columns(), *_rules())
    still_open = {"sqlite_where": OPEN, "postgresql_where": OPEN}
    keys = ["hospital_id", "language", "variant"]
    op.create_index("ix_own_text_open", "own_text", keys, unique=True, **still_open)


def _choice(name: str, *words: str) -> sa.Enum:
    return sa.Enum(*words, name=name, native_enum=False, create_constraint=True, length=40)


def _columns() -> tuple[sa.Column[Any], ...]:
    return (
        sa.Column("hospital_id", sa.Integer(), nullable=False),
        sa.Column("language", sa.String(5), nullable=False),
        sa.Column("variant", _choice("variant", "adult", "representative"), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("state", _choice("state", *STATES), nullable=False),
        sa.Column("base_language", sa.String(5), nullable=False),
        sa.Column("base", sa.JSON(), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("author_id", sa.Integer(), nullable=False),
        sa.Column("written_at", MOMENT, nullable=False),
        sa.Column("proposed_by_id", sa.Integer()),
        sa.Column("proposed_at", MOMENT),
        sa.Column("opinion", _choice("opinion", "positive", "negative")),
        sa.Column("opinion_by", sa.String(200)),
        sa.Column("opinion_on", sa.Date()),
        sa.Column("opinion_reference", sa.String(100)),
        sa.Column("opinion_note", sa.Text()),
        sa.Column("checked_at", MOMENT),
        sa.Column("fault", sa.String(40)),
        sa.Column("missing", sa.String(200)),
        sa.Column("pages", sa.Integer()),
        sa.Column("returned_reason", sa.String(1000)),
        sa.Column("decided_by_id", sa.Integer()),
        sa.Column("decided_at", MOMENT),
        sa.Column("counts_from", sa.Date()),
        sa.Column("text_id", sa.Integer()),
        sa.Column("retired_on", sa.Date()),
        sa.Column("end_reason", sa.String(300)),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(32), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
    )


def _rules() -> tuple[Any, ...]:
    people = ("author_id", "proposed_by_id", "decided_by_id")
    return (
        sa.PrimaryKeyConstraint("id", name="pk_own_text"),
        sa.UniqueConstraint("public_id", name="uq_own_text_public_id"),
        sa.UniqueConstraint("hospital_id", "language", "variant", "number", name="uq_own_text_hospital_id_language_variant_number"),
        sa.ForeignKeyConstraint(["hospital_id"], ["hospital.id"], name="fk_own_text_hospital_id_hospital"),
        sa.ForeignKeyConstraint(["text_id"], ["consent_text.id"], name="fk_own_text_text_id_consent_text"),
        *(sa.ForeignKeyConstraint([who], ["ab_user.id"], name=f"fk_own_text_{who}_ab_user") for who in people),
        sa.CheckConstraint(
            "decided_by_id IS NULL OR (decided_by_id <> author_id AND decided_by_id <> proposed_by_id)",
            name=op.f("ck_own_text_decided_by_another"),
        ),
        sa.CheckConstraint(
            "state NOT IN ('proposed', 'accepted', 'retired') OR (proposed_by_id IS NOT NULL AND opinion IS NOT NULL"
            " AND opinion_by IS NOT NULL AND opinion_on IS NOT NULL AND opinion_reference IS NOT NULL)",
            name=op.f("ck_own_text_proposal_has_an_opinion"),
        ),
        sa.CheckConstraint(
            "state NOT IN ('accepted', 'retired') OR (text_id IS NOT NULL AND counts_from IS NOT NULL"
            " AND decided_by_id IS NOT NULL)",
            name=op.f("ck_own_text_accepted_has_a_day"),
        ),
        sa.CheckConstraint("(state = 'retired') = (retired_on IS NOT NULL)", name=op.f("ck_own_text_retired_has_a_day")),
    )


def downgrade() -> None:
    """The texts that forms were printed from stay, those of hospitals too; whose they are is gone."""
    op.drop_table("own_text")
    op.drop_index("ix_consent_text_installed", "consent_text")
    for column, _kind in reversed(COLUMNS):
        op.execute(f"ALTER TABLE consent_text DROP COLUMN {column}")
