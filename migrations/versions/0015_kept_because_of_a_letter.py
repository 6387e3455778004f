"""what came of a patient's letter may be: kept by law

Revision ID: 0015
Revises: 0014
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

OLD = "'letter_withdrawn', 'letter_restricted', 'letter_lifted'"
NEW = f"{OLD}, 'letter_kept'"


def upgrade() -> None:
    """One word more."""
    _words(OLD, NEW)


def downgrade() -> None:
    """A record kept by law is a restricted one; whether it waits to be erased says the record itself."""
    op.execute("UPDATE letter_record SET outcome = 'letter_restricted' WHERE outcome = 'letter_kept'")
    _words(NEW, OLD)


def _words(old: str, new: str) -> None:
    """PostgreSQL changes the constraint; SQLite has its words in the table's own statement."""
    bind = op.get_bind()
    if bind.dialect.name == "postgresql":
        op.execute("ALTER TABLE letter_record DROP CONSTRAINT ck_letter_record_outcome")
        op.execute(f"ALTER TABLE letter_record ADD CONSTRAINT ck_letter_record_outcome CHECK (outcome IN ({new}))")
        return
    version = bind.execute(sa.text("PRAGMA schema_version")).scalar_one()
    bind.execute(sa.text("PRAGMA writable_schema = ON"))
    statement = sa.text(
        "UPDATE sqlite_schema SET sql = replace(sql, :old, :new) WHERE type = 'table' AND name = 'letter_record'"
    )
    bind.execute(statement.bindparams(old=f"outcome IN ({old})", new=f"outcome IN ({new})"))
    bind.execute(sa.text(f"PRAGMA schema_version = {version + 1}"))
    bind.execute(sa.text("PRAGMA writable_schema = OFF"))
