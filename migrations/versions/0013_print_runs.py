"""forms printed for several patients at once

Revision ID: 0013
Revises: 0012
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def _kept(table: str) -> tuple[Any, ...]:
    """What every table has."""
    return (
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(32), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=f"pk_{table}"),
        sa.UniqueConstraint("public_id", name=f"uq_{table}_public_id"),
    )


def _choice(name: str, *words: str) -> sa.Enum:
    return sa.Enum(*words, name=name, native_enum=False, create_constraint=True, length=40)


def upgrade() -> None:
    """Two new tables."""
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "print_run",
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("state", _choice("state", "asked", "ready", "over"), nullable=False),
        sa.Column("bundle", _choice("bundle", "one_pdf", "zip"), nullable=False),
        sa.Column("asked_at", moment, nullable=False),
        sa.Column("asked_for", sa.Integer(), nullable=False),
        sa.Column("job_key", sa.String(32), nullable=False),
        sa.Column("ends_at", moment),
        sa.Column("size", sa.Integer()),
        sa.Column("storage_key", sa.String(80)),
        sa.Column("wrapped_key", sa.LargeBinary()),
        *_kept("print_run"),
        sa.UniqueConstraint("storage_key", name="uq_print_run_storage_key"),
        sa.CheckConstraint(
            "state = 'ready' OR (storage_key IS NULL AND wrapped_key IS NULL)", name=op.f("ck_print_run_file")
        ),
        sa.ForeignKeyConstraint(["person_id"], ["ab_user.id"], name="fk_print_run_person_id_ab_user"),
    )
    op.create_index("ix_print_run_person_id_state", "print_run", ["person_id", "state"])
    op.create_table(
        "print_item",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("patient_id", sa.Integer(), nullable=False),
        sa.Column("language", sa.String(5), nullable=False),
        sa.Column("variant", _choice("variant", "adult", "representative"), nullable=False),
        sa.Column("large_print", sa.Boolean(), nullable=False),
        sa.Column("form_id", sa.Integer()),
        sa.Column("remark", sa.String(300)),
        *_kept("print_item"),
        sa.ForeignKeyConstraint(["run_id"], ["print_run.id"], name="fk_print_item_run_id_print_run"),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name="fk_print_item_patient_id_patient"),
        sa.ForeignKeyConstraint(["form_id"], ["consent_form.id"], name="fk_print_item_form_id_consent_form"),
    )
    op.create_index("ix_print_item_run_id_position", "print_item", ["run_id", "position"])
    op.create_index("ix_print_item_patient_id", "print_item", ["patient_id"])
    op.create_index("ix_print_item_form_id", "print_item", ["form_id"])


def downgrade() -> None:
    """The forms stay; the files are those of no row, which ``flask fsck --repair`` takes away."""
    op.drop_table("print_item")
    op.drop_table("print_run")
