"""stacks belong to a hospital, and say from whom they came; those from before are nobody's and lapse

Revision ID: 0014
Revises: 0013
"""

from __future__ import annotations

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Two columns for one: a stack of no hospital is seen by nobody and deleted after its fourteen days."""
    op.execute(
        "ALTER TABLE stack ADD COLUMN hospital_id INTEGER "
        "CONSTRAINT fk_stack_hospital_id_hospital REFERENCES hospital (id)"
    )
    op.execute(
        "ALTER TABLE stack ADD COLUMN passed_by_id INTEGER "
        "CONSTRAINT fk_stack_passed_by_id_ab_user REFERENCES ab_user (id)"
    )
    op.execute("ALTER TABLE stack DROP COLUMN from_colleague")


def downgrade() -> None:
    """From whom a stack came is forgotten, not that it came."""
    false = {"sqlite": "0", "postgresql": "false"}[op.get_bind().dialect.name]
    op.execute(f"ALTER TABLE stack ADD COLUMN from_colleague BOOLEAN NOT NULL DEFAULT {false}")
    op.execute("UPDATE stack SET from_colleague = (passed_by_id IS NOT NULL)")
    op.execute("ALTER TABLE stack DROP COLUMN passed_by_id")
    op.execute("ALTER TABLE stack DROP COLUMN hospital_id")
