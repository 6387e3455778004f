"""the yearly list of a hospital's people

Revision ID: 0040
Revises: 0039
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None

OPEN = sa.text("done_on IS NULL")


def upgrade() -> None:
    """A new table, empty; nobody is confirmed yet: until then the first day of a place counts."""
    op.create_table(
        "roll",
        sa.Column("hospital_id", sa.Integer(), nullable=False),
        sa.Column("begun_on", sa.Date(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("joined_by", sa.Date(), nullable=False),
        sa.Column("done_on", sa.Date(), nullable=True),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(32), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_roll"),
        sa.UniqueConstraint("public_id", name="uq_roll_public_id"),
        sa.ForeignKeyConstraint(["hospital_id"], ["hospital.id"], name="fk_roll_hospital_id_hospital"),
        sa.CheckConstraint("joined_by < begun_on AND begun_on < due_on", name=op.f("ck_roll_due_after_it_begins")),
        sa.CheckConstraint("done_on IS NULL OR done_on >= begun_on", name=op.f("ck_roll_done_after_it_begins")),
    )
    op.create_index("ix_roll_hospital_id", "roll", ["hospital_id"])
    op.create_index("uq_roll_open", "roll", ["hospital_id"], unique=True, sqlite_where=OPEN, postgresql_where=OPEN)
    for table in ("membership", "mandate"):
        op.execute(f"ALTER TABLE {table} ADD COLUMN confirmed_on DATE")


def downgrade() -> None:
    """Who confirmed whom stands in the audit log still."""
    for table in ("mandate", "membership"):
        op.execute(f"ALTER TABLE {table} DROP COLUMN confirmed_on")
    op.drop_table("roll")
