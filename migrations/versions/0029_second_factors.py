"""second factors, recovery codes, questions to passkeys; how a login was proved, and whether it is locked

Revision ID: 0029
Revises: 0028
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
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


def upgrade() -> None:
    """Three new tables; logins through EU Login had two factors, the others are asked anew where they need them."""
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "second_factor",
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("name", sa.String(60), nullable=False),
        sa.Column("credential", sa.LargeBinary(1023)),
        sa.Column("wrapped_key", sa.LargeBinary(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("counter", sa.BigInteger(), nullable=False),
        sa.Column("added_at", moment, nullable=False),
        sa.Column("used_at", moment),
        *_kept("second_factor"),
        sa.UniqueConstraint("credential", name="uq_second_factor_credential"),
        sa.CheckConstraint("kind IN ('app', 'passkey')", name=op.f("ck_second_factor_kind")),
        sa.CheckConstraint(
            "(kind = 'passkey') = (credential IS NOT NULL)", name=op.f("ck_second_factor_passkey_has_its_name")
        ),
        sa.ForeignKeyConstraint(["person_id"], ["ab_user.id"], name="fk_second_factor_person_id_ab_user"),
    )
    op.create_index("ix_second_factor_person_id", "second_factor", ["person_id"])
    op.create_table(
        "recovery_code",
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("code_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("made_at", moment, nullable=False),
        *_kept("recovery_code"),
        sa.UniqueConstraint("code_hash", name="uq_recovery_code_code_hash"),
        sa.ForeignKeyConstraint(["person_id"], ["ab_user.id"], name="fk_recovery_code_person_id_ab_user"),
    )
    op.create_index("ix_recovery_code_person_id", "recovery_code", ["person_id"])
    op.create_table(
        "passkey_question",
        sa.Column("question_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("person_id", sa.Integer()),
        sa.Column("asked_at", moment, nullable=False),
        *_kept("passkey_question"),
        sa.UniqueConstraint("question_hash", name="uq_passkey_question_question_hash"),
        sa.ForeignKeyConstraint(["person_id"], ["ab_user.id"], name="fk_passkey_question_person_id_ab_user"),
    )
    op.create_index("ix_passkey_question_asked_at", "passkey_question", ["asked_at"])
    op.add_column("login", sa.Column("two_factors", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("login", sa.Column("asks_factor", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("login", sa.Column("proved_at", moment, nullable=False, server_default="1970-01-01 00:00:00"))
    op.add_column("login", sa.Column("locked_at", moment))
    op.execute("UPDATE login SET proved_at = started_at")
    op.execute("""UPDATE login SET two_factors = true WHERE CAST(contents AS TEXT) LIKE '%"by": "eu_login"%'""")


def downgrade() -> None:
    """Second factors are forgotten. A login that still waited for one is ended: below nobody would ask."""
    op.execute("UPDATE login SET ended_at = CURRENT_TIMESTAMP WHERE asks_factor AND ended_at IS NULL")
    for name in ("locked_at", "proved_at", "asks_factor", "two_factors"):
        op.execute(f"ALTER TABLE login DROP COLUMN {name}")
    op.drop_table("passkey_question")
    op.drop_table("recovery_code")
    op.drop_table("second_factor")
