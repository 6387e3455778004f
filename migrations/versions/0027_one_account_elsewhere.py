"""of one issuer one account opens an account here

Revision ID: 0027
Revises: 0026
"""

from __future__ import annotations

from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None
NAME = "uq_login_identity_person_id_issuer"


def upgrade() -> None:
    """Until now a lock alone saw to it."""
    op.create_index(NAME, "login_identity", ["person_id", "issuer"], unique=True)


def downgrade() -> None:
    """As before."""
    op.drop_index(NAME, "login_identity")
