"""what was done for somebody is found without reading the whole log

Revision ID: 0044
Revises: 0043
"""

from __future__ import annotations

from alembic import op

revision = "0044"
down_revision = "0043"
branch_labels = None
depends_on = None

INDEX = "ix_audit_entry_on_behalf_of_id_seq"


def upgrade() -> None:
    """As for who did it."""
    op.create_index(INDEX, "audit_entry", ["on_behalf_of_id", "seq"])


def downgrade() -> None:
    """Before, it was read whole."""
    op.drop_index(INDEX, table_name="audit_entry")
