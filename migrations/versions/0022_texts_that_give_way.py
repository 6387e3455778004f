"""a hospital's own text that is retired may change what is done with the data: who signed it signs the standard anew

Revision ID: 0022
Revises: 0021
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

CHECKS = {
    # name: before, after
    "hospitals_has_its_text": (
        "(own_text_id IS NULL) = (hospital_id IS NULL)",
        "(own_text_id IS NULL AND retired_text_id IS NULL) = (hospital_id IS NULL)",
    ),
    "of_one_text": (
        "(own_text_id IS NULL) <> (text_id IS NULL)",
        "(own_text_id IS NULL) <> (text_id IS NULL AND retired_text_id IS NULL)"
        " AND (text_id IS NULL OR retired_text_id IS NULL)",
    ),
}


def upgrade() -> None:
    """No text that was retired so far has said anything of it."""
    op.execute(
        "ALTER TABLE text_change ADD COLUMN retired_text_id INTEGER"
        " CONSTRAINT fk_text_change_retired_text_id_own_text REFERENCES own_text (id)"
    )
    op.create_index("ix_text_change_retired_text_id", "text_change", ["retired_text_id"], unique=True)
    for name, (before, after) in CHECKS.items():
        _check(name, before, after)


def downgrade() -> None:
    """The days on which forms are due stay; that a retired text was the reason is forgotten."""
    gone = "SELECT id FROM text_change WHERE retired_text_id IS NOT NULL"
    op.execute(f"UPDATE consent_form SET text_change_id = NULL WHERE text_change_id IN ({gone})")
    op.execute("DELETE FROM text_change WHERE retired_text_id IS NOT NULL")
    for name, (before, after) in CHECKS.items():
        _check(name, after, before)
    op.drop_index("ix_text_change_retired_text_id", "text_change")
    op.execute("ALTER TABLE text_change DROP COLUMN retired_text_id")


def _check(name: str, old: str, new: str) -> None:
    """PostgreSQL changes the constraint; SQLite has it in the table's own statement."""
    bind = op.get_bind()
    if bind.dialect.name == "postgresql":
        op.execute(f"ALTER TABLE text_change DROP CONSTRAINT ck_text_change_{name}")
        op.execute(f"ALTER TABLE text_change ADD CONSTRAINT ck_text_change_{name} CHECK ({new})")
        return
    version = bind.execute(sa.text("PRAGMA schema_version")).scalar_one()
    bind.execute(sa.text("PRAGMA writable_schema = ON"))
    statement = sa.text(
        "UPDATE sqlite_schema SET sql = replace(sql, :old, :new) WHERE type = 'table' AND name = 'text_change'"
    )
    parts = {"old": f"ck_text_change_{name} CHECK ({old})", "new": f"ck_text_change_{name} CHECK ({new})"}
    bind.execute(statement.bindparams(**parts))
    bind.execute(sa.text(f"PRAGMA schema_version = {version + 1}"))
    bind.execute(sa.text("PRAGMA writable_schema = OFF"))
