"""grants that count during the stay and the mandate they were given in

Revision ID: 0023
Revises: 0022
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

SPELL = ("from_on", "to_on", "ended_at", "stay", "public_id")
MEMBER, CENTRE, HOSPITAL, MANDATE, GRANT = (
    sa.table(name, sa.column("id"), *map(sa.column, (*SPELL, *more)))
    for name, *more in (
        ("membership", "person_id", "centre_id"),
        ("centre", "hospital_id"),
        ("hospital",),
        ("mandate", "person_id", "hospital_id", "kind"),
        ("assistant_grant", "clinician_id", "assistant_id", "hospital_id", "mandate_id"),
    )
)


def upgrade() -> None:
    """Memberships in force in one hospital are one stay; each other one is its own.

    A grant goes on where the stay and the mandate began no later than it did. Any other may have been given in an older
    place: it hangs on nothing, so it counts no more, and the job ``grants.lapse`` ends it.
    """
    op.execute("ALTER TABLE membership ADD COLUMN stay VARCHAR(32) NOT NULL DEFAULT ''")
    if op.get_bind().dialect.name == "postgresql":  # SQLite keeps the default; the application always says the stay
        op.execute("ALTER TABLE membership ALTER COLUMN stay DROP DEFAULT")
    op.execute("ALTER TABLE assistant_grant ADD COLUMN stay VARCHAR(32)")
    op.execute(
        "ALTER TABLE assistant_grant ADD COLUMN mandate_id INTEGER"
        " CONSTRAINT fk_assistant_grant_mandate_id_mandate REFERENCES mandate (id)"
    )
    op.create_index("ix_assistant_grant_mandate_id", "assistant_grant", ["mandate_id"])
    day = dt.datetime.now(dt.UTC).date()
    bind = op.get_bind()
    op.execute(MEMBER.update().values(stay=MEMBER.c.public_id))
    stays = _stays(bind, day)
    for (person, hospital), rows in stays.items():
        ids = [row.id for row in rows]
        bind.execute(MEMBER.update().where(MEMBER.c.id.in_(ids)).values(stay=_name(stays, person, hospital)))
    _hang(bind, day, stays)


def _in_force(table: Any, day: dt.date) -> Any:
    return sa.and_(
        table.c.from_on <= day, sa.or_(table.c.to_on.is_(None), table.c.to_on >= day), table.c.ended_at.is_(None)
    )


def _stays(bind: Any, day: dt.date) -> dict[tuple[int, int], list[Any]]:
    """By person and hospital the memberships in force, the one that began first in front."""
    there = (
        sa.select(MEMBER.c.id, MEMBER.c.person_id, MEMBER.c.from_on, MEMBER.c.public_id, CENTRE.c.hospital_id)
        .join_from(MEMBER, CENTRE, MEMBER.c.centre_id == CENTRE.c.id)
        .join(HOSPITAL, CENTRE.c.hospital_id == HOSPITAL.c.id)
        .where(*(_in_force(table, day) for table in (MEMBER, CENTRE, HOSPITAL)))
    )
    found: dict[tuple[int, int], list[Any]] = {}
    for row in bind.execute(there.order_by(MEMBER.c.from_on, MEMBER.c.id)).all():
        found.setdefault((row.person_id, row.hospital_id), []).append(row)
    return found


def _name(stays: dict[tuple[int, int], list[Any]], person: int, hospital: int) -> str:
    return str(stays[person, hospital][0].public_id)


def _hang(bind: Any, day: dt.date, stays: dict[tuple[int, int], list[Any]]) -> None:
    """Name the stay and the mandate of each grant that is not over, if it can be known."""
    live = sa.and_(GRANT.c.ended_at.is_(None), sa.or_(GRANT.c.to_on.is_(None), GRANT.c.to_on >= day))
    for grant in bind.execute(sa.select(GRANT).where(live)).all():
        assists = (MANDATE.c.person_id == grant.assistant_id, MANDATE.c.hospital_id == grant.hospital_id)
        mandate = bind.execute(
            sa.select(MANDATE.c.id, MANDATE.c.from_on).where(
                *assists, MANDATE.c.kind == "assistant", _in_force(MANDATE, day)
            )
        ).first()
        stay = stays.get((grant.clinician_id, grant.hospital_id), [])
        if mandate is not None and stay and max(_day(mandate.from_on), _day(stay[0].from_on)) <= _day(grant.from_on):
            name = _name(stays, grant.clinician_id, grant.hospital_id)
            bind.execute(GRANT.update().where(GRANT.c.id == grant.id).values(stay=name, mandate_id=mandate.id))


def _day(value: Any) -> dt.date:
    """A date, which SQLite gives as text."""
    return value if isinstance(value, dt.date) else dt.date.fromisoformat(value)


def downgrade() -> None:
    """What ended stays ended; from now on a grant counts again whenever both are there."""
    op.drop_index("ix_assistant_grant_mandate_id", "assistant_grant")
    for table, column in (("assistant_grant", "mandate_id"), ("assistant_grant", "stay"), ("membership", "stay")):
        op.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
