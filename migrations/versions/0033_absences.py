"""absences: from when to when a person is away, and who stands in

Revision ID: 0033
Revises: 0032
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None

CHECKS = {
    "has_an_end": "to_on IS NOT NULL",
    "ends_after_it_begins": "to_on >= from_on",
    "two_people": "substitute_id IS NULL OR substitute_id <> person_id",
    "one_answer": "accepted_at IS NULL OR declined_at IS NULL",
    "answered_by_somebody": "substitute_id IS NOT NULL OR (accepted_at IS NULL AND declined_at IS NULL)",
}


def upgrade() -> None:
    """A new table, empty."""
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "absence",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(32), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("note", sa.String(200)),
        sa.Column("substitute_id", sa.Integer()),
        sa.Column("accepted_at", moment),
        sa.Column("declined_at", moment),
        sa.Column("from_on", sa.Date(), nullable=False),
        sa.Column("to_on", sa.Date()),
        sa.Column("ended_at", moment),
        sa.Column("end_reason", sa.String(300)),
        sa.PrimaryKeyConstraint("id", name="pk_absence"),
        sa.UniqueConstraint("public_id", name="uq_absence_public_id"),
        sa.ForeignKeyConstraint(["person_id"], ["ab_user.id"], name="fk_absence_person_id_ab_user"),
        sa.ForeignKeyConstraint(["substitute_id"], ["ab_user.id"], name="fk_absence_substitute_id_ab_user"),
        *(sa.CheckConstraint(check, name=op.f(f"ck_absence_{name}")) for name, check in CHECKS.items()),
    )
    op.create_index("ix_absence_person_id_to_on", "absence", ["person_id", "to_on"])
    op.create_index("ix_absence_substitute_id", "absence", ["substitute_id"])


def downgrade() -> None:
    """Who was away when is forgotten."""
    op.drop_table("absence")
