"""archived files are found by their hash

Revision ID: 0007
Revises: 0006
"""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """An index for the page that checks a file."""
    op.create_index("ix_archived_document_sha256", "archived_document", ["sha256"])


def downgrade() -> None:
    """Without it a file is looked for in all of them."""
    op.drop_index("ix_archived_document_sha256", "archived_document")
