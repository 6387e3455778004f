"""digital signatures of archived documents

Revision ID: 0003
Revises: 0002
"""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# Said as SQL, which is the same on both databases but for the type: SQLite's batch mode would rebuild the table, and
# with it drop the guards that make the archive append-only.
TYPE = {"sqlite": "BLOB", "postgresql": "BYTEA"}


def upgrade() -> None:
    """What the check of a digital signature found, sealed with the form's key."""
    kind = TYPE[op.get_bind().dialect.name]
    op.execute(f"ALTER TABLE archived_document ADD COLUMN sealed_signature {kind}")


def downgrade() -> None:
    """The check can be done again: the signature itself is in the file."""
    op.execute("ALTER TABLE archived_document DROP COLUMN sealed_signature")
