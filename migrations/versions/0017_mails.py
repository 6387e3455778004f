"""mails: an outbox of what the platform writes to people, and which kinds of it they do not want

Revision ID: 0017
Revises: 0016
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def _kept(table: str) -> tuple[Any, ...]:
    """What every table has."""
    return (
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(32), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=f"pk_{table}"),
        sa.UniqueConstraint("public_id", name=f"uq_{table}_public_id"),
    )


def upgrade() -> None:
    """Two new tables."""
    moment = sa.DateTime(timezone=True)
    states = ("to_send", "sending", "sent", "undelivered", "unsent")
    op.create_table(
        "mail",
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("language", sa.String(5)),
        sa.Column(
            "state", sa.Enum(*states, name="state", native_enum=False, create_constraint=True, length=40), nullable=False
        ),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("message_id", sa.String(120), nullable=False),
        sa.Column("slot", sa.String(80)),
        sa.Column("written_at", moment, nullable=False),
        sa.Column("due_at", moment, nullable=False),
        sa.Column("tried_at", moment),
        sa.Column("sent_at", moment),
        sa.Column("fault", sa.String(40)),
        *_kept("mail"),
        sa.UniqueConstraint("message_id", name="uq_mail_message_id"),
        sa.UniqueConstraint("slot", name="uq_mail_slot"),
        sa.CheckConstraint("(state = 'sent') <= (sent_at IS NOT NULL)", name=op.f("ck_mail_sent_has_a_moment")),
        sa.CheckConstraint("(state = 'sending') <= (tried_at IS NOT NULL)", name=op.f("ck_mail_tried_has_a_moment")),
        sa.ForeignKeyConstraint(["person_id"], ["ab_user.id"], name="fk_mail_person_id_ab_user"),
    )
    op.create_index("ix_mail_person_id", "mail", ["person_id"])
    op.create_index("ix_mail_state_due_at", "mail", ["state", "due_at"])
    op.create_table(
        "mail_off",
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        *_kept("mail_off"),
        sa.UniqueConstraint("person_id", "kind", name="uq_mail_off_person_id_kind"),
        sa.ForeignKeyConstraint(["person_id"], ["ab_user.id"], name="fk_mail_off_person_id_ab_user"),
    )


def downgrade() -> None:
    """What was not sent yet is not sent."""
    op.drop_table("mail_off")
    op.drop_table("mail")
