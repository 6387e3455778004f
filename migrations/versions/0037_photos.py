"""photos of people

Revision ID: 0037
Revises: 0036
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A new table, empty."""
    op.create_table(
        "photo",
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("storage_key", sa.String(80), nullable=False),
        sa.Column("wrapped_key", sa.LargeBinary(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("small_size", sa.Integer(), nullable=False),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(32), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_photo"),
        sa.UniqueConstraint("public_id", name="uq_photo_public_id"),
        sa.UniqueConstraint("person_id", name="uq_photo_person_id"),
        sa.UniqueConstraint("storage_key", name="uq_photo_storage_key"),
        sa.ForeignKeyConstraint(["person_id"], ["ab_user.id"], name="fk_photo_person_id_ab_user"),
        sa.CheckConstraint("small_size > 0 AND small_size < size", name=op.f("ck_photo_two_pictures")),
    )


def downgrade() -> None:
    """The photos are gone; their files are removed by ``flask fsck --repair``."""
    op.drop_table("photo")
