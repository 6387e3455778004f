"""a centre or a hospital winds down itself: what hangs on it is derived

Revision ID: 0036
Revises: 0035
"""

from __future__ import annotations

from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None

ANNOUNCED = "ended_at IS NULL AND to_on IS NOT NULL AND end_reason IS NOT NULL"
PUSHED = "leaving_on IS NOT NULL AND end_reason IS NULL"
"""Whoever ends a membership says why; those that only wound down with their centre or hospital have no reason."""
OF_HOSPITAL = "(SELECT c.id FROM centre c WHERE c.hospital_id = hospital.id)"


def upgrade() -> None:
    """What was noted in the memberships of a centre or a hospital that ends is noted there."""
    for table in ("hospital", "centre"):
        op.execute(f"ALTER TABLE {table} ADD COLUMN leaving_on DATE")
    first = f"SELECT min(m.leaving_on) FROM membership m WHERE m.{PUSHED.replace(' AND ', ' AND m.')}"
    op.execute(f"UPDATE hospital SET leaving_on = ({first} AND m.centre_id IN {OF_HOSPITAL}) WHERE {ANNOUNCED}")
    op.execute(f"UPDATE centre SET leaving_on = ({first} AND m.centre_id = centre.id) WHERE {ANNOUNCED}")
    op.execute(f"UPDATE membership SET leaving_on = NULL WHERE {PUSHED}")


def downgrade() -> None:
    """What winds down is noted in the memberships there are."""
    day = (
        "SELECT COALESCE(c.leaving_on, h.leaving_on) FROM centre c JOIN hospital h ON h.id = c.hospital_id"
        " WHERE c.id = membership.centre_id"
    )
    op.execute(f"UPDATE membership SET leaving_on = ({day}) WHERE leaving_on IS NULL AND ended_at IS NULL")
    for table in ("centre", "hospital"):
        op.execute(f"ALTER TABLE {table} DROP COLUMN leaving_on")
