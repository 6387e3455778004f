"""privacy policy: its versions, which nobody changes, and who accepted which

Revision ID: 0021
Revises: 0020
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

REFUSAL = "policy_version is append-only"
GUARDS = {
    "sqlite": [
        f"CREATE TRIGGER policy_version_{what.lower()}_refused BEFORE {what} ON policy_version"
        f" BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END"
        for what in ("UPDATE", "DELETE")
    ],
    "postgresql": [
        "CREATE FUNCTION policy_version_stays() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS"
        f" $$ BEGIN RAISE EXCEPTION '{REFUSAL}' USING ERRCODE = 'integrity_constraint_violation'; END $$",
        "CREATE TRIGGER policy_version_refused BEFORE UPDATE OR DELETE ON policy_version"
        " FOR EACH ROW EXECUTE FUNCTION policy_version_stays()",
    ],
}


def _kept(table: str) -> tuple[Any, ...]:
    """What every table has."""
    return (
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(32), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=f"pk_{table}"),
        sa.UniqueConstraint("public_id", name=f"uq_{table}_public_id"),
    )


def upgrade() -> None:
    """Two new tables; nobody is asked before the operator publishes a version."""
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "policy_version",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("from_on", sa.Date(), nullable=False),
        sa.Column("texts", sa.JSON(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("published_at", moment, nullable=False),
        sa.Column("published_by_id", sa.Integer()),
        *_kept("policy_version"),
        sa.UniqueConstraint("number", name="uq_policy_version_number"),
        sa.CheckConstraint("number > 0", name=op.f("ck_policy_version_number_positive")),
        sa.ForeignKeyConstraint(["published_by_id"], ["ab_user.id"], name="fk_policy_version_published_by_id_ab_user"),
    )
    op.create_index("ix_policy_version_from_on", "policy_version", ["from_on"])
    op.create_table(
        "policy_acceptance",
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("version_id", sa.Integer(), nullable=False),
        sa.Column("language", sa.String(5), nullable=False),
        sa.Column("accepted_at", moment, nullable=False),
        sa.Column("withdrawn_at", moment),
        *_kept("policy_acceptance"),
        sa.CheckConstraint(
            "withdrawn_at IS NULL OR withdrawn_at >= accepted_at", name=op.f("ck_policy_acceptance_withdrawn_after_it")
        ),
        sa.ForeignKeyConstraint(["person_id"], ["ab_user.id"], name="fk_policy_acceptance_person_id_ab_user"),
        sa.ForeignKeyConstraint(
            ["version_id"], ["policy_version.id"], name="fk_policy_acceptance_version_id_policy_version"
        ),
    )
    op.create_index("ix_policy_acceptance_person_id_version_id", "policy_acceptance", ["person_id", "version_id"])
    op.create_index("ix_policy_acceptance_version_id", "policy_acceptance", ["version_id"])
    for statement in GUARDS[op.get_bind().dialect.name]:
        op.execute(statement)


def downgrade() -> None:
    """Who accepted what is forgotten: nobody is asked any more."""
    op.drop_table("policy_acceptance")
    op.drop_table("policy_version")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION policy_version_stays()")
