"""requests for a place; a membership the hospital has not confirmed yet may not enrol

Revision ID: 0020
Revises: 0019
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
STATES = (
    "draft",
    "at_host",
    "at_hospital",
    "asked_by_hospital",
    "at_network",
    "asked_by_network",
    "accepted",
    "refused",
    "withdrawn",
)
CHECKS = {
    "sent_has_a_moment": "state IN ('draft', 'withdrawn') OR submitted_at IS NOT NULL",
    "decided_has_a_moment": "state NOT IN ('accepted', 'refused') OR decided_at IS NOT NULL",
    "decided_by_another": "decided_by_id IS NULL OR decided_by_id <> person_id",
    "confirmed_by_another": "confirmed_by_id IS NULL OR confirmed_by_id <> person_id",
    "hosted_by_another": "host_id IS NULL OR host_id <> person_id",
    "clinician_centre": "state <> 'accepted' OR kind <> 'clinician' OR centre_id IS NOT NULL",
    "employed": "state <> 'accepted' OR kind <> 'assistant' OR confirmed_by IS NOT NULL",
    "guest_host": "state <> 'accepted' OR kind <> 'guest' OR host_id IS NOT NULL",
}
POINTERS = {
    "person_id": "ab_user",
    "hospital_id": "hospital",
    "centre_id": "centre",
    "confirmed_by_id": "ab_user",
    "host_id": "ab_user",
    "decided_by_id": "ab_user",
}
EMPLOYMENT = ("employment_by VARCHAR(200)", "employment_on DATE", "employment_how VARCHAR(200)")


def _kept(table: str) -> tuple[Any, ...]:
    """What every table has."""
    return (
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(32), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=f"pk_{table}"),
        sa.UniqueConstraint("public_id", name=f"uq_{table}_public_id"),
    )


def _choice(name: str, *words: str) -> sa.Enum:
    return sa.Enum(*words, name=name, native_enum=False, create_constraint=True, length=40)


def upgrade() -> None:
    """Two new tables; who is a member already was added by the hospital, and may enrol."""
    op.create_table("membership_request", *_columns(), *_kept("membership_request"), *_rules())
    for column in ("person_id", "hospital_id", "centre_id", "host_id"):
        op.create_index(f"ix_membership_request_{column}", "membership_request", [column])
    op.create_index("ix_membership_request_state_submitted_at", "membership_request", ["state", "submitted_at"])
    draft = sa.text("state = 'draft'")
    op.create_index(
        "ix_membership_request_draft",
        "membership_request",
        ["person_id"],
        unique=True,
        sqlite_where=draft,
        postgresql_where=draft,
    )
    _confirmations()
    op.add_column("membership", sa.Column("may_enrol", sa.Boolean(), nullable=False, server_default=sa.true()))
    for column in EMPLOYMENT:
        op.execute(f"ALTER TABLE membership ADD COLUMN {column}")


def _columns() -> tuple[sa.Column[Any], ...]:
    texts = {
        "applicant": 130,
        "email": 128,
        "job_title": 150,
        "registration_number": 60,
        "registered_with": 150,
        "orpha_codes": 200,
        "expertise": 500,
        "languages": 100,
        "institution": 200,
        "country_code": 2,
        "reason": 1000,
        "question": 1000,
        "confirmed_by": 200,
        "confirmed_how": 200,
        "decision_reason": 1000,
    }
    return (
        *(sa.Column(name, sa.Integer(), nullable=name != "person_id") for name in POINTERS),
        sa.Column("kind", _choice("kind", "clinician", "assistant", "guest"), nullable=False),
        sa.Column("state", _choice("state", *STATES), nullable=False),
        *(sa.Column(name, sa.JSON(), nullable=False) for name in ("more_centres", "areas", "history")),
        *(sa.Column(name, sa.String(length)) for name, length in texts.items()),
        sa.Column("begun_at", MOMENT, nullable=False),
        sa.Column("submitted_at", MOMENT),
        sa.Column("confirmed_on", sa.Date()),
        sa.Column("decided_at", MOMENT),
    )


def _rules() -> tuple[Any, ...]:
    table = "membership_request"
    return (
        *(
            sa.ForeignKeyConstraint([name], [f"{other}.id"], name=f"fk_{table}_{name}_{other}")
            for name, other in POINTERS.items()
        ),
        *(sa.CheckConstraint(rule, name=op.f(f"ck_{table}_{name}")) for name, rule in CHECKS.items()),
    )


def _confirmations() -> None:
    table, states = "request_confirmation", ("confirmation_asked", "confirmation_given", "confirmation_declined")
    op.create_table(
        table,
        sa.Column("request_id", sa.Integer(), nullable=False),
        sa.Column("email", sa.String(128), nullable=False),
        sa.Column("state", _choice("state", *states), nullable=False),
        sa.Column("scope", _choice("scope", "all", "chosen")),
        sa.Column("person_id", sa.Integer()),
        sa.Column("answered_at", MOMENT),
        *_kept(table),
        sa.ForeignKeyConstraint(
            ["request_id"], ["membership_request.id"], name=f"fk_{table}_request_id_membership_request"
        ),
        sa.ForeignKeyConstraint(["person_id"], ["ab_user.id"], name=f"fk_{table}_person_id_ab_user"),
        sa.CheckConstraint(
            "(state = 'confirmation_asked') = (answered_at IS NULL)", name=op.f(f"ck_{table}_answer_has_a_moment")
        ),
        sa.CheckConstraint(
            "state <> 'confirmation_given' OR person_id IS NOT NULL", name=op.f(f"ck_{table}_given_by_somebody")
        ),
    )
    op.create_index("ix_request_confirmation_pair", table, ["request_id", "email"], unique=True)
    op.create_index("ix_request_confirmation_email", table, ["email"])


def downgrade() -> None:
    """The places that were given stay.

    Raises:
        RuntimeError: somebody may not enrol yet: that would be forgotten, and they would, once it goes up again.
    """
    waiting = op.get_bind().scalar(sa.text("SELECT count(*) FROM membership WHERE NOT may_enrol AND ended_at IS NULL"))
    if waiting:
        message = f"{waiting} memberships wait for the hospital's word: record it, or end them, before going back"
        raise RuntimeError(message)
    for column in ("employment_how", "employment_on", "employment_by", "may_enrol"):
        op.execute(f"ALTER TABLE membership DROP COLUMN {column}")
    op.drop_table("request_confirmation")
    op.drop_table("membership_request")
