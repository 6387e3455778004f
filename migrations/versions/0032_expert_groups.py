"""what a network says of itself, and its expert groups

Revision ID: 0032
Revises: 0031
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

RHYTHMS = "rhythm IN ('weekly', 'fortnightly', 'monthly')"


def _kept(table: str) -> tuple[Any, ...]:
    return (
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(32), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("from_on", sa.Date(), nullable=False),
        sa.Column("to_on", sa.Date()),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.Column("end_reason", sa.String(300)),
        sa.PrimaryKeyConstraint("id", name=f"pk_{table}"),
        sa.UniqueConstraint("public_id", name=f"uq_{table}_public_id"),
        sa.CheckConstraint("to_on IS NULL OR to_on >= from_on", name=op.f(f"ck_{table}_ends_after_it_begins")),
    )


def _key(table: str, column: str, other: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{other}.id"], name=f"fk_{table}_{column}_{other}")


def _check(rule: str, name: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(rule, name=op.f(f"ck_expert_group_{name}"))


def upgrade() -> None:
    """Networks say nothing yet; there are no groups."""
    op.add_column("network", sa.Column("description", sa.String(2000)))
    op.add_column("network", sa.Column("helpdesk", sa.String(200)))
    op.add_column(
        "network", sa.Column("answers_ukrainian", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.create_table(
        "expert_group",
        sa.Column("network_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("topic", sa.String(300)),
        sa.Column("area_id", sa.Integer()),
        sa.Column("orpha_codes", sa.String(200)),
        sa.Column("chair_id", sa.Integer()),
        sa.Column("rhythm", sa.String(40)),
        sa.Column("weekday", sa.Integer()),
        sa.Column("nth", sa.Integer()),
        sa.Column("hour", sa.Time()),
        sa.Column("minutes", sa.Integer(), nullable=False, server_default="60"),
        sa.Column("zone", sa.String(60), nullable=False, server_default="Europe/Brussels"),
        *_kept("expert_group"),
        _key("expert_group", "network_id", "network"),
        _key("expert_group", "area_id", "thematic_area"),
        _key("expert_group", "chair_id", "ab_user"),
        _check(RHYTHMS, "rhythm"),
        _check("(rhythm IS NULL) = (weekday IS NULL)", "rhythm_has_a_weekday"),
        _check("(rhythm IS NULL) = (hour IS NULL)", "rhythm_has_an_hour"),
        _check("(rhythm IS NOT NULL AND rhythm = 'monthly') = (nth IS NOT NULL)", "a_month_has_its_day"),
        _check("weekday BETWEEN 0 AND 6", "weekday"),
        _check("nth BETWEEN 1 AND 5", "nth"),
        _check("minutes BETWEEN 15 AND 480", "minutes"),
    )
    op.create_index("ix_expert_group_network_id", "expert_group", ["network_id"])
    op.create_index("ix_expert_group_chair_id", "expert_group", ["chair_id"])
    op.create_table(
        "expert_group_member",
        sa.Column("group_id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        *_kept("expert_group_member"),
        _key("expert_group_member", "group_id", "expert_group"),
        _key("expert_group_member", "person_id", "ab_user"),
    )
    op.create_index("ix_expert_group_member_pair", "expert_group_member", ["group_id", "person_id"])
    op.create_index("ix_expert_group_member_person_id", "expert_group_member", ["person_id"])


def downgrade() -> None:
    """What networks said of themselves, and their groups, are forgotten."""
    op.drop_table("expert_group_member")
    op.drop_table("expert_group")
    for column in ("answers_ukrainian", "helpdesk", "description"):
        op.drop_column("network", column)
