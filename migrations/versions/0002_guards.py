"""guards: the audit chain, append-only tables, one procedure from patient to decision

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

from alembic import op

from app.tables.guards import CREATE, DROP

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    for statement in CREATE[op.get_bind().dialect.name]:
        op.execute(statement)


def downgrade() -> None:
    """Take back."""
    for statement in DROP[op.get_bind().dialect.name]:
        op.execute(statement)
