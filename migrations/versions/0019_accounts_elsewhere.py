"""accounts of EU Login that open accounts here, and browsers on their way there

Revision ID: 0019
Revises: 0018
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
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
    """Two new tables."""
    op.create_table(
        "login_identity",
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("issuer", sa.String(300), nullable=False),
        sa.Column("subject", sa.String(255), nullable=False),
        sa.Column("email", sa.String(320)),
        sa.Column("email_verified", sa.Boolean(), nullable=False),
        sa.Column("bound_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=False),
        *_kept("login_identity"),
        sa.UniqueConstraint("issuer", "subject", name="uq_login_identity_issuer_subject"),
        sa.ForeignKeyConstraint(["person_id"], ["ab_user.id"], name="fk_login_identity_person_id_ab_user"),
    )
    op.create_index("ix_login_identity_person_id", "login_identity", ["person_id"])
    op.create_table(
        "login_trip",
        sa.Column("token_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("nonce", sa.String(64), nullable=False),
        sa.Column("verifier", sa.String(128), nullable=False),
        sa.Column("back_to", sa.String(500)),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
        *_kept("login_trip"),
        sa.UniqueConstraint("token_hash", name="uq_login_trip_token_hash"),
    )
    op.create_index("ix_login_trip_begun_at", "login_trip", ["begun_at"])


def downgrade() -> None:
    """People bound to an account elsewhere cannot sign in with it any more; their accounts stay."""
    op.drop_table("login_trip")
    op.drop_table("login_identity")
