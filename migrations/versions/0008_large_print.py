"""large print, a choice of each consent form

Revision ID: 0008
Revises: 0007
"""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """As SQL: SQLite's batch mode would rebuild the table, and with it drop the guards of its procedure."""
    op.execute("ALTER TABLE consent_form ADD COLUMN large_print BOOLEAN DEFAULT FALSE NOT NULL")


def downgrade() -> None:
    """Forms in large print are set in the usual size from now on; what is on paper stays as it is."""
    op.execute("ALTER TABLE consent_form DROP COLUMN large_print")
