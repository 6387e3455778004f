"""dispatchers: a mandate of a network, named by its coordinators

Revision ID: 0041
Revises: 0040
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None

OTHERS = "'hospital_representative', 'data_protection_contact', 'assistant', 'guest', 'ua_hub'"
CHECKS = (
    # name and rule, before and after
    (
        ("kind", f"kind IN ('ern_coordinator', {OTHERS})"),
        ("kind", f"kind IN ('ern_coordinator', 'dispatcher', {OTHERS})"),
    ),
    (
        ("coordinator_has_a_network", "(kind = 'ern_coordinator') = (network_id IS NOT NULL)"),
        ("network_mandate_has_a_network", "(kind IN ('ern_coordinator', 'dispatcher')) = (network_id IS NOT NULL)"),
    ),
)


def upgrade() -> None:
    """One kind more; as a coordinator's, it has a network."""
    for before, after in CHECKS:
        _change(before, after)


def downgrade() -> None:
    """Before, nobody dispatched."""
    op.execute("DELETE FROM mandate WHERE kind = 'dispatcher'")
    for before, after in CHECKS:
        _change(after, before)


def _change(old: tuple[str, str], new: tuple[str, str]) -> None:
    """PostgreSQL changes the constraint; SQLite has it in the table's own statement."""
    bind = op.get_bind()
    if bind.dialect.name == "postgresql":
        op.execute(f"ALTER TABLE mandate DROP CONSTRAINT ck_mandate_{old[0]}")
        op.execute(f"ALTER TABLE mandate ADD CONSTRAINT ck_mandate_{new[0]} CHECK ({new[1]})")
        return
    version = bind.execute(sa.text("PRAGMA schema_version")).scalar_one()
    bind.execute(sa.text("PRAGMA writable_schema = ON"))
    statement = sa.text(
        "UPDATE sqlite_schema SET sql = replace(sql, :old, :new) WHERE type = 'table' AND name = 'mandate'"
    )
    parts = (f"ck_mandate_{name} CHECK ({rule})" for name, rule in (old, new))
    bind.execute(statement.bindparams(**dict(zip(("old", "new"), parts, strict=True))))
    bind.execute(sa.text(f"PRAGMA schema_version = {version + 1}"))
    bind.execute(sa.text("PRAGMA writable_schema = OFF"))
