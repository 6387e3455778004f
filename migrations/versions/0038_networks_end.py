"""a network that ends, at once or on a last day

Revision ID: 0038
Revises: 0037
"""

from __future__ import annotations

from alembic import op

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None

MOMENT = {"sqlite": "DATETIME", "postgresql": "TIMESTAMP WITH TIME ZONE"}


def upgrade() -> None:
    """The networks of today began in March 2017."""
    op.execute("ALTER TABLE network ADD COLUMN from_on DATE DEFAULT '2017-03-01' NOT NULL")
    op.execute("ALTER TABLE network ADD COLUMN to_on DATE")
    op.execute(f"ALTER TABLE network ADD COLUMN ended_at {MOMENT[op.get_bind().dialect.name]}")
    op.execute("ALTER TABLE network ADD COLUMN end_reason VARCHAR(300)")
    op.execute("ALTER TABLE network ADD COLUMN leaving_on DATE")


def downgrade() -> None:
    """What ended with a network stays ended."""
    for column in ("leaving_on", "end_reason", "ended_at", "to_on", "from_on"):
        op.execute(f"ALTER TABLE network DROP COLUMN {column}")
