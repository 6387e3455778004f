"""when a colleague whom a request names was written to

Revision ID: 0025
Revises: 0024
"""

from __future__ import annotations

from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

MOMENT = {"sqlite": "DATETIME", "postgresql": "TIMESTAMP WITH TIME ZONE"}


def upgrade() -> None:
    """Whoever is named in a request that was sent once was written to then."""
    op.execute(f"ALTER TABLE request_confirmation ADD COLUMN told_at {MOMENT[op.get_bind().dialect.name]}")
    op.execute(
        "UPDATE request_confirmation SET told_at ="
        " (SELECT COALESCE(r.submitted_at, r.begun_at) FROM membership_request r WHERE r.id = request_id"
        " AND (r.submitted_at IS NOT NULL OR CAST(r.history AS TEXT) LIKE '%request.submit%'))"
    )


def downgrade() -> None:
    """It is known again that a request was sent, not to whom."""
    op.execute("ALTER TABLE request_confirmation DROP COLUMN told_at")
