"""the words of people's names, by which the directory finds them

Revision ID: 0031
Revises: 0030
"""

from __future__ import annotations

import re
import unicodedata

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

STROKES = str.maketrans({"ł": "l", "ø": "o", "đ": "d", "ð": "d", "ħ": "h", "ŧ": "t", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th"})


def _words(name: str) -> set[str]:
    apart = unicodedata.normalize("NFKD", name.casefold())
    plain = "".join(sign for sign in apart if not unicodedata.combining(sign)).translate(STROKES)
    return {word[:64] for word in re.findall(r"[^\W_]+", plain)}


def upgrade() -> None:
    """The names there are, word by word."""
    by_bytes = sa.String(64).with_variant(sa.VARCHAR(64, collation="C"), "postgresql")
    table = op.create_table(
        "name_word",
        sa.Column("word", by_bytes, nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("word", "person_id", name="pk_name_word"),
        sa.ForeignKeyConstraint(["person_id"], ["ab_user.id"], name="fk_name_word_person_id_ab_user"),
    )
    op.create_index("ix_name_word_person_id", "name_word", ["person_id"])
    people = op.get_bind().execute(sa.text("SELECT id, first_name, last_name FROM ab_user")).all()
    rows = [
        {"word": word, "person_id": key} for key, first, last in people for word in sorted(_words(f"{first} {last}"))
    ]
    if rows:
        op.bulk_insert(table, rows)


def downgrade() -> None:
    op.drop_table("name_word")
