"""the log of one thing is found without reading all of it

Revision ID: 0028
Revises: 0027
"""

from __future__ import annotations

from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_audit_entry_thing_id", "audit_entry", ["thing_id"])


def downgrade() -> None:
    op.drop_index("ix_audit_entry_thing_id", "audit_entry")
