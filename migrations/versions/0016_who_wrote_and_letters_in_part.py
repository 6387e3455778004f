"""everybody whose words are in a hospital's own text; what came of a patient's letter may be: withdrawn in part

Revision ID: 0016
Revises: 0015
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

OLD = "'letter_withdrawn', 'letter_restricted', 'letter_lifted', 'letter_kept'"
NEW = "'letter_withdrawn', 'letter_partly', 'letter_restricted', 'letter_lifted', 'letter_kept'"
KEY = {"sqlite": "lower(hex(randomblob(16)))", "postgresql": "replace(gen_random_uuid()::text, '-', '')"}


def upgrade() -> None:
    """One word more. Who wrote an own text is known from the log; its last author in any case."""
    _words(OLD, NEW)
    op.create_table(
        "own_text_writer",
        sa.Column("own_text_id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("hospital_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(32), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["own_text_id"], ["own_text.id"], name=op.f("fk_own_text_writer_own_text_id_own_text")),
        sa.ForeignKeyConstraint(["person_id"], ["ab_user.id"], name=op.f("fk_own_text_writer_person_id_ab_user")),
        sa.ForeignKeyConstraint(["hospital_id"], ["hospital.id"], name=op.f("fk_own_text_writer_hospital_id_hospital")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_own_text_writer")),
        sa.UniqueConstraint("own_text_id", "person_id", name=op.f("uq_own_text_writer_own_text_id_person_id")),
        sa.UniqueConstraint("public_id", name=op.f("uq_own_text_writer_public_id")),
    )
    op.create_index(op.f("ix_own_text_writer_person_id"), "own_text_writer", ["person_id"])
    key = KEY[op.get_bind().dialect.name]
    op.execute(
        "INSERT INTO own_text_writer (own_text_id, person_id, hospital_id, public_id, version)"
        f" SELECT known.id, known.person_id, known.hospital_id, {key}, 1 FROM ("
        "  SELECT own_text.id, own_text.author_id AS person_id, own_text.hospital_id FROM own_text"
        "  UNION SELECT own_text.id, ab_user.id, own_text.hospital_id FROM own_text"
        "  JOIN audit_entry ON audit_entry.thing = 'OwnText' AND audit_entry.thing_id = own_text.public_id"
        "  JOIN ab_user ON ab_user.id = audit_entry.actor_id"
        "  WHERE audit_entry.act IN ('own_text.start', 'own_text.write') AND audit_entry.outcome = 'done'"
        " ) AS known"
    )


def downgrade() -> None:
    """What was withdrawn in part was withdrawn."""
    op.drop_table("own_text_writer")
    op.execute("UPDATE letter_record SET outcome = 'letter_withdrawn' WHERE outcome = 'letter_partly'")
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
