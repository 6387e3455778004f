"""a hospital's consent archive as one encrypted file, and what each clinician says to it

Revision ID: 0012
Revises: 0011
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

STATES = ("releasing", "making", "to_fetch", "fetched", "lapsed", "stopped")
RELEASES = ("release_asked", "released", "not_released")


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


def _moment(name: str, *, nullable: bool = True) -> sa.Column[Any]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _to(table: str, column: str, other: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{other}.id"], name=f"fk_{table}_{column}_{other}")


def _exports() -> None:
    op.create_table(
        "export",
        sa.Column("hospital_id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("state", _state(*STATES), nullable=False),
        sa.Column("reason", sa.String(300), nullable=False),
        _moment("asked_at", nullable=False),
        _moment("made_at"),
        sa.Column("fetch_until", sa.Date()),
        _moment("fetched_at"),
        _moment("shown_at"),
        sa.Column("end_reason", sa.String(300)),
        sa.Column("forms", sa.Integer()),
        sa.Column("left_out", sa.Integer()),
        sa.Column("size", sa.BigInteger()),
        sa.Column("sha256", sa.String(64)),
        sa.Column("storage_key", sa.String(80)),
        sa.Column("wrapped_key", sa.LargeBinary()),
        sa.Column("sealed_passphrase", sa.LargeBinary()),
        *_kept("export"),
        sa.UniqueConstraint("storage_key", name="uq_export_storage_key"),
        sa.CheckConstraint(
            "(storage_key IS NULL) = (wrapped_key IS NULL)", name=op.f("ck_export_file_has_its_key")
        ),
        sa.CheckConstraint(
            "(state IN ('to_fetch', 'fetched')) = (storage_key IS NOT NULL)",
            name=op.f("ck_export_file_while_it_can_be_fetched"),
        ),
        sa.CheckConstraint(
            "state <> 'stopped' OR end_reason IS NOT NULL", name=op.f("ck_export_stop_has_a_reason")
        ),
        _to("export", "hospital_id", "hospital"),
        _to("export", "person_id", "ab_user"),
    )
    op.create_index("ix_export_hospital_id_state", "export", ["hospital_id", "state"])


def upgrade() -> None:
    """Two new tables."""
    _exports()
    op.create_table(
        "export_release",
        sa.Column("export_id", sa.Integer(), nullable=False),
        sa.Column("hospital_id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("state", _state(*RELEASES), nullable=False),
        sa.Column("forms", sa.Integer(), nullable=False),
        _moment("prepared_at"),
        sa.Column("prepared_by_id", sa.Integer()),
        _moment("decided_at"),
        sa.Column("decided_by_id", sa.Integer()),
        sa.Column("reason", sa.String(300)),
        *_kept("export_release"),
        sa.UniqueConstraint("export_id", "person_id", name="uq_export_release_export_id_person_id"),
        sa.CheckConstraint(
            "(state = 'release_asked') = (decided_at IS NULL AND decided_by_id IS NULL)",
            name=op.f("ck_export_release_decision_says_who"),
        ),
        sa.CheckConstraint(
            "state <> 'not_released' OR reason IS NOT NULL", name=op.f("ck_export_release_refusal_says_why")
        ),
        _to("export_release", "export_id", "export"),
        _to("export_release", "hospital_id", "hospital"),
        *(_to("export_release", column, "ab_user") for column in ("person_id", "prepared_by_id", "decided_by_id")),
    )
    op.create_index("ix_export_release_person_id_state", "export_release", ["person_id", "state"])
    op.create_index("ix_export_release_hospital_id", "export_release", ["hospital_id"])


def downgrade() -> None:
    """The archive itself is untouched; exported files are those of no row, which ``flask fsck --repair`` takes away."""
    op.drop_table("export_release")
    op.drop_table("export")
