"""the reference a patient has in the Commission's CPMS 2.0, sealed with the identity

Revision ID: 0011
Revises: 0010
"""

from __future__ import annotations

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

BYTES = {"sqlite": "BLOB", "postgresql": "BYTEA"}
BOTH = "CONSTRAINT ck_patient_identity_reference_is_found CHECK ((sealed_reference IS NULL) = (reference_index IS NULL))"


def upgrade() -> None:
    """Two columns."""
    kind = BYTES[op.get_bind().dialect.name]
    op.execute(f"ALTER TABLE patient_identity ADD COLUMN sealed_reference {kind}")
    op.execute(f"ALTER TABLE patient_identity ADD COLUMN reference_index {kind} {BOTH}")
    op.create_index("ix_patient_identity_reference_index", "patient_identity", ["reference_index"])


def downgrade() -> None:
    """The references are those of another system, which keeps them."""
    op.drop_index("ix_patient_identity_reference_index", "patient_identity")
    op.execute("ALTER TABLE patient_identity DROP COLUMN reference_index")
    op.execute("ALTER TABLE patient_identity DROP COLUMN sealed_reference")
