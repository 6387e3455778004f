"""a published privacy policy is not replaced or emptied either

Revision ID: 0024
Revises: 0023
"""

from __future__ import annotations

from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

# The triggers of 0021 refuse UPDATE and DELETE; INSERT OR REPLACE and TRUNCATE fire neither.
TAKEN = " OR ".join(
    f"EXISTS (SELECT 1 FROM policy_version WHERE {key} = NEW.{key})" for key in ("id", "public_id", "number")
)
UP = {
    "sqlite": [
        f"CREATE TRIGGER policy_version_replace BEFORE INSERT ON policy_version WHEN {TAKEN}"
        " BEGIN SELECT RAISE(ABORT, 'policy_version: this row exists'); END",
    ],
    "postgresql": [
        "CREATE TRIGGER policy_version_truncate BEFORE TRUNCATE ON policy_version"
        " FOR EACH STATEMENT EXECUTE FUNCTION policy_version_stays()",
        "REVOKE ALL ON FUNCTION policy_version_stays() FROM PUBLIC",
    ],
}
DOWN = {
    "sqlite": ["DROP TRIGGER policy_version_replace"],
    "postgresql": [
        "DROP TRIGGER policy_version_truncate ON policy_version",
        "GRANT EXECUTE ON FUNCTION policy_version_stays() TO PUBLIC",
    ],
}


def upgrade() -> None:
    """What the database itself refuses besides; what the application's role may not do is ``env.grant``."""
    _run(UP)


def downgrade() -> None:
    """As before."""
    _run(DOWN)


def _run(statements: dict[str, list[str]]) -> None:
    for statement in statements[op.get_bind().dialect.name]:
        op.execute(statement)
