"""profiles: what people say of themselves, what they know about, in which language they are written to

Revision ID: 0026
Revises: 0025
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

KINDS = ("network_id", "area_id", "orpha_code", "language")
ONE = " + ".join(f"CASE WHEN {kind} IS NULL THEN 0 ELSE 1 END" for kind in KINDS) + " = 1"


def _kept(table: str) -> tuple[Any, ...]:
    """What every table has."""
    return (
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(32), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=f"pk_{table}"),
        sa.UniqueConstraint("public_id", name=f"uq_{table}_public_id"),
    )


def _key(table: str, column: str, other: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{other}.id"], name=f"fk_{table}_{column}_{other}")


def upgrade() -> None:
    """Two new tables, empty; nobody has chosen a language for mails or been welcomed."""
    op.add_column("ab_user", sa.Column("mail_language", sa.String(5)))
    op.add_column("ab_user", sa.Column("welcomed_at", sa.DateTime(timezone=True)))
    op.create_table(
        "profile",
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("professional_title", sa.String(100)),
        sa.Column("about", sa.String(1000)),
        *_kept("profile"),
        _key("profile", "person_id", "ab_user"),
        sa.UniqueConstraint("person_id", name="uq_profile_person_id"),
    )
    op.create_table(
        "expertise",
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("network_id", sa.Integer()),
        sa.Column("area_id", sa.Integer()),
        sa.Column("orpha_code", sa.Integer()),
        sa.Column("orpha_name", sa.String(150)),
        sa.Column("language", sa.String(5)),
        *_kept("expertise"),
        _key("expertise", "person_id", "ab_user"),
        _key("expertise", "network_id", "network"),
        _key("expertise", "area_id", "thematic_area"),
        sa.CheckConstraint(ONE, name=op.f("ck_expertise_one_thing")),
        sa.CheckConstraint("orpha_code BETWEEN 1 AND 9999999", name=op.f("ck_expertise_orpha_code")),
        sa.CheckConstraint("orpha_name IS NULL OR orpha_code IS NOT NULL", name=op.f("ck_expertise_name_of_a_code")),
        *(sa.UniqueConstraint(kind, "person_id", name=f"uq_expertise_{kind}_person_id") for kind in KINDS),
    )
    op.create_index("ix_expertise_person_id", "expertise", ["person_id"])


def downgrade() -> None:
    """What people said of themselves is forgotten; their job titles stay."""
    op.drop_table("expertise")
    op.drop_table("profile")
    for column in ("welcomed_at", "mail_language"):
        op.drop_column("ab_user", column)
