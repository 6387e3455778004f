"""the last day a person signed in

Revision ID: 0039
Revises: 0038
"""

from __future__ import annotations

from alembic import op

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None

SEEN = "SELECT MAX(DATE(login.seen_at)) FROM login WHERE login.person_id = ab_user.id"
"""Logins are kept for ninety days; of whoever signed in before, the year begins with this upgrade."""


def upgrade() -> None:
    """A day for everybody, so that nobody is locked who was not told."""
    op.execute("ALTER TABLE ab_user ADD COLUMN seen_on DATE DEFAULT '2026-11-23' NOT NULL")
    op.execute(f"UPDATE ab_user SET seen_on = COALESCE(({SEEN}), CURRENT_DATE)")  # noqa: S608
    op.create_index("ix_ab_user_seen_on_id", "ab_user", ["seen_on", "id"])


def downgrade() -> None:
    """When somebody last signed in stands in their logins, as long as these are kept."""
    op.drop_index("ix_ab_user_seen_on_id", table_name="ab_user")
    op.execute("ALTER TABLE ab_user DROP COLUMN seen_on")
