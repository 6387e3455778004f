"""records offered to a colleague, who takes them over

Revision ID: 0030
Revises: 0029
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

TABLE = "handover"
MOMENT = sa.DateTime(timezone=True)
STATES = ("handover_proposed", "handover_accepted", "handover_declined", "handover_taken_back", "handover_lapsed")
POINTERS = {
    "patient_id": "patient",
    "hospital_id": "hospital",
    "from_id": "ab_user",
    "to_id": "ab_user",
    "proposed_by_id": "ab_user",
}
CHECKS = {
    "two_people": "from_id <> to_id",
    "nobody_offers_to_themselves": "proposed_by_id <> to_id",
    "answer_has_a_moment": "(state = 'handover_proposed') = (answered_at IS NULL)",
}


def upgrade() -> None:
    """A new table. At most one offer of a record waits."""
    state = sa.Enum(*STATES, name="state", native_enum=False, create_constraint=True, length=40)
    op.create_table(
        TABLE,
        *(sa.Column(name, sa.Integer(), nullable=False) for name in POINTERS),
        sa.Column("giver", sa.String(200), nullable=False),
        sa.Column("taker", sa.String(200), nullable=False),
        sa.Column("state", state, nullable=False),
        sa.Column("proposed_at", MOMENT, nullable=False),
        sa.Column("answered_at", MOMENT),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(32), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=f"pk_{TABLE}"),
        sa.UniqueConstraint("public_id", name=f"uq_{TABLE}_public_id"),
        *(
            sa.ForeignKeyConstraint([name], [f"{other}.id"], name=f"fk_{TABLE}_{name}_{other}")
            for name, other in POINTERS.items()
        ),
        *(sa.CheckConstraint(rule, name=op.f(f"ck_{TABLE}_{name}")) for name, rule in CHECKS.items()),
    )
    for column in ("patient_id", "hospital_id", "from_id"):
        op.create_index(f"ix_{TABLE}_{column}", TABLE, [column])
    op.create_index(f"ix_{TABLE}_to_id_state", TABLE, ["to_id", "state"])
    waits = sa.text("state = 'handover_proposed'")
    op.create_index(
        f"ix_{TABLE}_waiting", TABLE, ["patient_id"], unique=True, sqlite_where=waits, postgresql_where=waits
    )


def downgrade() -> None:
    """Who treats a patient stays; from whom the record came is forgotten."""
    op.drop_table(TABLE)
