"""a membership that winds down: its end is announced, and nobody is enrolled in it any more

Revision ID: 0034
Revises: 0033
"""

from __future__ import annotations

from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Ends that were announced before are ends like any other: who has one goes on until then."""
    op.execute("ALTER TABLE membership ADD COLUMN leaving_on DATE")


def downgrade() -> None:
    """Who was about to leave may enrol until the last day."""
    op.execute("ALTER TABLE membership DROP COLUMN leaving_on")
