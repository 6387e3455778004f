"""stacks of scans, and the pages they are taken apart into

Revision ID: 0005
Revises: 0004
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

STACK_STATES = ("reading", "ready", "closed")
PAGE_STATES = ("waiting", "filed", "discarded")


def _kept(table: str) -> tuple[Any, ...]:
    """What every table has."""
    return (
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(32), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=f"pk_{table}"),
        sa.UniqueConstraint("public_id", name=f"uq_{table}_public_id"),
    )


def _state(*states: str) -> sa.Enum:
    return sa.Enum(*states, name="state", native_enum=False, create_constraint=True, length=40)


def upgrade() -> None:
    """Two new tables."""
    op.create_table(
        "stack",
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("state", _state(*STACK_STATES), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("from_colleague", sa.Boolean(), nullable=False),
        sa.Column("passed_on", sa.Integer(), nullable=False),
        sa.Column("files", sa.JSON(), nullable=False),
        sa.Column("faults", sa.JSON(), nullable=False),
        sa.Column("wrapped_key", sa.LargeBinary()),
        *_kept("stack"),
        sa.CheckConstraint("passed_on >= 0", name=op.f("ck_stack_passed_on")),
        sa.ForeignKeyConstraint(["person_id"], ["ab_user.id"], name="fk_stack_person_id_ab_user"),
    )
    op.create_index("ix_stack_person_id_state", "stack", ["person_id", "state"])
    op.create_table(
        "stack_page",
        sa.Column("stack_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("state", _state(*PAGE_STATES), nullable=False),
        sa.Column("code", sa.String(16)),
        sa.Column("number", sa.Integer()),
        sa.Column("turned", sa.Integer(), nullable=False),
        sa.Column("foreign_code", sa.Boolean(), nullable=False),
        sa.Column("by_hand", sa.Boolean(), nullable=False),
        sa.Column("form_id", sa.Integer()),
        sa.Column("of_pages", sa.Integer()),
        sa.Column("storage_key", sa.String(80)),
        sa.Column("wrapped_key", sa.LargeBinary()),
        sa.Column("sealed_reading", sa.LargeBinary()),
        *_kept("stack_page"),
        sa.UniqueConstraint("storage_key", name="uq_stack_page_storage_key"),
        sa.CheckConstraint(
            "state <> 'waiting' OR (storage_key IS NOT NULL AND wrapped_key IS NOT NULL)",
            name=op.f("ck_stack_page_file"),
        ),
        sa.CheckConstraint("turned IN (0, 90, 180, 270)", name=op.f("ck_stack_page_turned")),
        sa.ForeignKeyConstraint(["stack_id"], ["stack.id"], name="fk_stack_page_stack_id_stack"),
        sa.ForeignKeyConstraint(["form_id"], ["consent_form.id"], name="fk_stack_page_form_id_consent_form"),
    )
    op.create_index("ix_stack_page_stack_id_position", "stack_page", ["stack_id", "position"])
    op.create_index("ix_stack_page_form_id", "stack_page", ["form_id"])


def downgrade() -> None:
    """The scans are still on paper; their files are those of no row, which ``flask fsck --repair`` takes away."""
    op.drop_table("stack_page")
    op.drop_table("stack")
