"""wrong codes: how many were typed one after the other

Revision ID: 0043
Revises: 0042
"""

from __future__ import annotations

from alembic import op

revision = "0043"
down_revision = "0042"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nobody has typed one."""
    op.execute("ALTER TABLE ab_user ADD COLUMN wrong_codes INTEGER DEFAULT 0 NOT NULL")


def downgrade() -> None:
    """They are counted for a quarter of an hour alone."""
    op.execute("ALTER TABLE ab_user DROP COLUMN wrong_codes")
