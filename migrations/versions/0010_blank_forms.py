"""blank forms, bound to a patient when they come back signed

Revision ID: 0010
Revises: 0009
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

STATES = ("printed", "bound", "cancelled", "lapsed")
REFERENCES = (
    ("hospital_id", "hospital"),
    ("clinician_id", "ab_user"),
    ("printed_by_id", "ab_user"),
    ("text_id", "consent_text"),
    ("form_id", "consent_form"),
)
STAYS = "code, hospital_id, clinician_id, text_id, procedure, language, variant, printed_at"
"""What was on paper the moment it left the printer."""
FACTS = STAYS.split(", ")

# A code is one form's: a blank one cannot take that of a patient's form, and becomes no form but that of its own code.
# The paper is out of the house, so nothing on it changes here; and where a blank form's life has ended, it has.
TAKEN = "NEW.state = 'printed' AND EXISTS (SELECT 1 FROM consent_form WHERE consent_form.code = NEW.code)"
OTHER_TEXT = "NEW.procedure <> (SELECT consent_text.procedure FROM consent_text WHERE consent_text.id = NEW.text_id)"
OTHER_FORM = (
    "NEW.form_id IS NOT NULL"
    " AND NEW.code <> (SELECT consent_form.code FROM consent_form WHERE consent_form.id = NEW.form_id)"
)
CHANGED = " OR ".join(f"NEW.{name} <> OLD.{name}" for name in FACTS)
REVIVED = "OLD.state <> 'printed' AND NEW.state <> OLD.state"
MADE = (("a code that is a form''s already", TAKEN), ("the procedure is not its text''s", OTHER_TEXT))
KEPT = (("the paper stays as it was printed", CHANGED), ("its life has ended", REVIVED))
BOUND = (("the form has another code", OTHER_FORM),)


def upgrade() -> None:
    """The table, what the database itself refuses, and the pages of scans that are of a blank form."""
    _table()
    with op.batch_alter_table("stack_page") as pages:
        pages.add_column(sa.Column("blank_id", sa.Integer()))
        pages.create_foreign_key("fk_stack_page_blank_id_blank_form", "blank_form", ["blank_id"], ["id"])
        pages.create_index("ix_stack_page_blank_id", ["blank_id"])
    if op.get_bind().dialect.name == "sqlite":
        for when, refusals in (("INSERT", MADE + BOUND), ("UPDATE", KEPT + BOUND)):
            for number, (sentence, refused) in enumerate(refusals):
                op.execute(
                    f"CREATE TRIGGER blank_form_{when.lower()}_{number} BEFORE {when} ON blank_form WHEN {refused}"
                    f" BEGIN SELECT RAISE(ABORT, 'blank_form: {sentence}'); END"
                )
        return
    for when, refusals in (("insert", MADE + BOUND), ("update", KEPT + BOUND)):
        op.execute(_function(f"blank_form_{when}", refusals))
        op.execute(f"REVOKE ALL ON FUNCTION blank_form_{when}() FROM PUBLIC")
        op.execute(
            f"CREATE TRIGGER blank_form_{when} BEFORE {when} ON blank_form"
            f" FOR EACH ROW EXECUTE FUNCTION blank_form_{when}()"
        )


def _function(name: str, refusals: tuple[tuple[str, str], ...]) -> str:
    checks = " ".join(
        f"IF {refused} THEN RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation',"
        f" MESSAGE = 'blank_form: {sentence}'; END IF;"
        for sentence, refused in refusals
    )
    guard = "LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp"
    return f"CREATE FUNCTION {name}() RETURNS trigger {guard} AS $$ BEGIN {checks} RETURN NEW; END $$"


def _table() -> None:
    def one_of(name: str, *words: str) -> sa.Column[str]:
        kind = sa.Enum(*words, name=name, native_enum=False, create_constraint=True, length=40)
        return sa.Column(name, kind, nullable=False)

    moment = sa.DateTime(timezone=True)
    op.create_table(
        "blank_form",
        sa.Column("code", sa.String(16), nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=name == "form_id") for name, _table in REFERENCES),
        one_of("procedure", "eu", "ua"),
        sa.Column("language", sa.String(5), nullable=False),
        one_of("variant", "adult", "representative"),
        sa.Column("large_print", sa.Boolean(), nullable=False),
        sa.Column("registries", sa.JSON(), nullable=False),
        sa.Column("paper", sa.JSON(), nullable=False),
        sa.Column("run", sa.String(32), nullable=False),
        one_of("state", *STATES),
        sa.Column("printed_at", moment, nullable=False),
        sa.Column("ended_at", moment),
        sa.Column("end_reason", sa.String(300)),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(32), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_blank_form"),
        *(sa.UniqueConstraint(name, name=f"uq_blank_form_{name}") for name in ("code", "form_id", "public_id")),
        *(
            sa.ForeignKeyConstraint([name], [f"{table}.id"], name=f"fk_blank_form_{name}_{table}")
            for name, table in REFERENCES
        ),
        sa.CheckConstraint("(state = 'bound') = (form_id IS NOT NULL)", name=op.f("ck_blank_form_bound_has_a_form")),
        sa.CheckConstraint("(state = 'printed') = (ended_at IS NULL)", name=op.f("ck_blank_form_end_has_a_moment")),
        sa.CheckConstraint(
            "state <> 'cancelled' OR end_reason IS NOT NULL", name=op.f("ck_blank_form_end_has_a_reason")
        ),
    )
    of_clinician = ["clinician_id", "hospital_id", "state"]
    op.create_index("ix_blank_form_clinician_id_hospital_id_state", "blank_form", of_clinician)
    op.create_index("ix_blank_form_state_printed_at", "blank_form", ["state", "printed_at"])
    op.create_index("ix_blank_form_run", "blank_form", ["run"])


def downgrade() -> None:
    """Blank forms that were bound are consent forms, and stay; those still out are paper without a patient."""
    with op.batch_alter_table("stack_page") as pages:
        pages.drop_index("ix_stack_page_blank_id")
        pages.drop_constraint("fk_stack_page_blank_id_blank_form", type_="foreignkey")
        pages.drop_column("blank_id")
    op.drop_table("blank_form")
    if op.get_bind().dialect.name == "postgresql":
        for when in ("insert", "update"):
            op.execute(f"DROP FUNCTION blank_form_{when}()")
