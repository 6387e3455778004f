"""texts that change what is done with the data: who signed before signs anew

Revision ID: 0018
Revises: 0017
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

# As SQL: SQLite's batch mode would rebuild the tables, and with them drop their guards.
RENEWS = "'renew_nobody', 'renew_signers', 'renew_everybody'"
COLUMNS = (
    ("consent_text", "purposes", "INTEGER DEFAULT 1 NOT NULL"),
    (
        "own_text",
        "renews",
        f"VARCHAR(40) DEFAULT 'renew_nobody' NOT NULL CONSTRAINT ck_own_text_renews CHECK (renews IN ({RENEWS}))",
    ),
    (
        "own_text",
        "renews_because",
        "VARCHAR(300) CONSTRAINT ck_own_text_renewal_has_a_reason"
        " CHECK (renews = 'renew_nobody' OR renews_because IS NOT NULL)",
    ),
    (
        "consent_form",
        "text_change_id",
        "INTEGER CONSTRAINT fk_consent_form_text_change_id_text_change REFERENCES text_change (id)",
    ),
)


def upgrade() -> None:
    """What is stored so far changes nothing that is done with the data."""
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "text_change",
        sa.Column("hospital_id", sa.Integer()),
        sa.Column("procedure", _choice("procedure", "eu", "ua"), nullable=False),
        sa.Column("language", sa.String(5)),
        sa.Column("variant", _choice("variant", "adult", "representative")),
        sa.Column("since", moment, nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("what", sa.String(300), nullable=False),
        sa.Column("own_text_id", sa.Integer()),
        sa.Column("text_id", sa.Integer()),
        sa.Column("declared_at", moment, nullable=False),
        sa.Column("taken_back_at", moment),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(32), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_text_change"),
        sa.UniqueConstraint("public_id", name="uq_text_change_public_id"),
        sa.UniqueConstraint("own_text_id", name="uq_text_change_own_text_id"),
        sa.UniqueConstraint("text_id", name="uq_text_change_text_id"),
        _check("hospitals_has_its_text", "(own_text_id IS NULL) = (hospital_id IS NULL)"),
        _check("of_one_text", "(own_text_id IS NULL) <> (text_id IS NULL)"),
        _check("language_and_variant", "(language IS NULL) = (variant IS NULL)"),
        _check("ukrainian_is_no_hospitals", "hospital_id IS NULL OR procedure = 'eu'"),
        sa.ForeignKeyConstraint(["hospital_id"], ["hospital.id"], name="fk_text_change_hospital_id_hospital"),
        sa.ForeignKeyConstraint(["own_text_id"], ["own_text.id"], name="fk_text_change_own_text_id_own_text"),
        sa.ForeignKeyConstraint(["text_id"], ["consent_text.id"], name="fk_text_change_text_id_consent_text"),
    )
    op.create_index("ix_text_change_hospital_id", "text_change", ["hospital_id"])
    for table, name, kind in COLUMNS:
        op.execute(f"ALTER TABLE {table} ADD COLUMN {name} {kind}")
    op.create_index("ix_consent_form_text_change_id", "consent_form", ["text_change_id"])


def downgrade() -> None:
    """The days on which forms are due stay; that the text was the reason is forgotten."""
    op.drop_index("ix_consent_form_text_change_id", "consent_form")
    for table, name, _kind in reversed(COLUMNS):
        op.execute(f"ALTER TABLE {table} DROP COLUMN {name}")
    op.drop_table("text_change")


def _choice(name: str, *words: str) -> sa.Enum:
    return sa.Enum(*words, name=name, native_enum=False, create_constraint=True, length=40)


def _check(name: str, clause: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(clause, name=op.f(f"ck_text_change_{name}"))
