"""who belongs to a centre is read from one index

Revision ID: 0042
Revises: 0041
"""

from __future__ import annotations

from alembic import op

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The members of a network lie on every page of the table; the index has them side by side."""
    included = ["from_on", "to_on", "ended_at"]
    op.create_index("ix_membership_centre", "membership", ["centre_id", "person_id"], postgresql_include=included)
    op.drop_index("ix_membership_centre_id", "membership")


def downgrade() -> None:
    """The index there was."""
    op.create_index("ix_membership_centre_id", "membership", ["centre_id"])
    op.drop_index("ix_membership_centre", "membership")
