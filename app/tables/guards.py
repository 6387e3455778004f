"""What the database itself refuses, as triggers: DDL as data, for SQLite and for PostgreSQL.

- ``audit_entry`` is a hash chain that the database writes; nobody changes, deletes or numbers an entry;
- ``consent_text`` and ``archived_document`` are append-only;
- one procedure, EU or Ukrainian, holds for a patient, the patient's forms, their texts and their decisions, and stays.

``CREATE[dialect]`` and ``DROP[dialect]`` are statements for a plain ``op.execute``, in order, after the tables exist. A
refusal reaches Python as ``IntegrityError`` on both databases. What one row may hold is said by the CHECKs beside the
tables; ``app/audit_chain.py`` verifies the chain. SQLite loses a table's triggers when ``batch_alter_table`` rebuilds
it: such a migration runs ``DROP`` before and ``CREATE`` after. PostgreSQL's functions expect the tables in ``public``.
"""

# ruff: noqa: S608  (the names put into statements are this module's own)

from __future__ import annotations

GENESIS = "0" * 64
"""What the first entry follows."""

FIELDS = (
    "seq",
    "at",
    "actor_id",
    "on_behalf_of_id",
    "act",
    "outcome",
    "thing",
    "thing_id",
    "patient_id",
    "hospital_id",
    "details",
    "origin",
    "prev_hash",
)
"""What the hash of an entry covers, in this order: every column of ``audit_entry`` but the hash.

The hashed text is, for each field, its length in bytes of UTF-8, a colon, the field, or ``-`` where it is NULL, joined
by commas; so no two entries share a text, whatever their fields hold.
"""

APPEND_ONLY = {
    "consent_text": ("id", "public_id", "procedure, language, variant, sha256"),
    "archived_document": ("id", "public_id", "storage_key", "form_id, position, kind"),
}
"""The append-only tables, with the keys through which SQLite's INSERT OR REPLACE would delete a row unseen."""


def rendered(dialect: str, row: str = "") -> tuple[str, ...]:
    """The SQL that gives each of ``FIELDS`` as the chain hashes it: bytes on SQLite, text on PostgreSQL.

    Args:
        dialect: ``sqlite`` or ``postgresql``.
        row: what stands before a column, such as ``NEW.``.
    """
    if dialect == "sqlite":
        return tuple(f"CAST({row}{field} AS BLOB)" for field in FIELDS)
    # The era belongs to the text: without it a moment moved before our era would hash the same.
    moment = f"to_char({row}at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US BC')"
    return tuple(moment if field == "at" else f"CAST({row}{field} AS text)" for field in FIELDS)


# --- SQLite -----------------------------------------------------------------------------------------------------------

_SQLITE_TEXT = " || ',' || ".join(
    f"coalesce(length({rendering}) || ':' || {field}, '-')"
    for field, rendering in zip(FIELDS, rendered("sqlite"), strict=True)
)

# A trigger cannot assign NEW, so the row is completed after it is in; BEFORE UPDATE lets this pass while the hash is
# empty. SQLite gives -1 for a seq it has still to number, and a CHECK refuses a given -1. INSERT OR REPLACE deletes
# without firing DELETE triggers, but it needs a seq. ``sha256`` comes from ``engines``: without it nothing is inserted.
_SQLITE_CHAIN = (
    """
    CREATE TRIGGER audit_entry_given BEFORE INSERT ON audit_entry
    WHEN NEW.seq IS NOT -1 OR NEW.at IS NOT NULL OR NEW.prev_hash IS NOT NULL OR NEW.hash IS NOT NULL
    BEGIN SELECT RAISE(ABORT, 'audit_entry: the database numbers, dates and chains an entry'); END
    """,
    f"""
    CREATE TRIGGER audit_entry_chain AFTER INSERT ON audit_entry
    BEGIN
        UPDATE audit_entry
        SET at = strftime('%Y-%m-%d %H:%M:%f', 'now') || '000',
            prev_hash = coalesce(
                (SELECT last.hash FROM audit_entry AS last WHERE last.seq < NEW.seq ORDER BY last.seq DESC LIMIT 1),
                '{GENESIS}'
            )
        WHERE seq = NEW.seq;
        UPDATE audit_entry SET hash = sha256({_SQLITE_TEXT}) WHERE seq = NEW.seq;
    END
    """,
    """
    CREATE TRIGGER audit_entry_update BEFORE UPDATE ON audit_entry WHEN OLD.hash IS NOT NULL
    BEGIN SELECT RAISE(ABORT, 'audit_entry: UPDATE is refused'); END
    """,
    """
    CREATE TRIGGER audit_entry_delete BEFORE DELETE ON audit_entry
    BEGIN SELECT RAISE(ABORT, 'audit_entry: DELETE is refused'); END
    """,
)


def _sqlite_append_only(table: str, keys: tuple[str, ...]) -> tuple[str, ...]:
    taken = " OR ".join(
        f"EXISTS (SELECT 1 FROM {table} WHERE ({key}) = ({', '.join(f'NEW.{part}' for part in key.split(', '))}))"
        for key in keys
    )
    replacing = f"BEFORE INSERT ON {table} WHEN {taken}"
    return (
        f"CREATE TRIGGER {table}_replace {replacing} BEGIN SELECT RAISE(ABORT, '{table}: this row exists'); END",
        *(
            f"CREATE TRIGGER {table}_{verb.lower()} BEFORE {verb} ON {table}"
            f" BEGIN SELECT RAISE(ABORT, '{table}: {verb} is refused'); END"
            for verb in ("UPDATE", "DELETE")
        ),
    )


# The procedure of a patient and of a form never changes, so looking at the parent once, at the child's writing, is
# enough, also when two transactions run at once.
_FORM_ELSEWHERE = (
    "NEW.procedure IS {differs} (SELECT patient.procedure FROM patient WHERE patient.id = NEW.patient_id)"
    " OR (NEW.text_id IS NOT NULL AND NEW.procedure IS {differs}"  # a paper from elsewhere has no text of ours
    " (SELECT consent_text.procedure FROM consent_text WHERE consent_text.id = NEW.text_id))"
)
_DECISION_ELSEWHERE = (
    "NEW.procedure IS {differs} (SELECT consent_form.procedure FROM consent_form WHERE consent_form.id = NEW.form_id)"
)


def _sqlite_procedure(table: str, columns: str, elsewhere: str) -> tuple[str, ...]:
    refusal = (
        f" WHEN {elsewhere.format(differs='NOT')}"
        f" BEGIN SELECT RAISE(ABORT, '{table}: the procedure is not that of the row it belongs to'); END"
    )
    return (
        f"CREATE TRIGGER {table}_procedure_insert BEFORE INSERT ON {table}{refusal}",
        f"CREATE TRIGGER {table}_procedure_update BEFORE UPDATE OF {columns} ON {table}{refusal}",
    )


def _sqlite_procedure_stays(table: str) -> str:
    return (
        f"CREATE TRIGGER {table}_procedure_stays BEFORE UPDATE OF procedure ON {table}"
        " WHEN NEW.procedure IS NOT OLD.procedure"
        f" BEGIN SELECT RAISE(ABORT, '{table}: the procedure stays'); END"
    )


_SQLITE = (
    *_SQLITE_CHAIN,
    *(statement for table, keys in APPEND_ONLY.items() for statement in _sqlite_append_only(table, keys)),
    _sqlite_procedure_stays("patient"),
    _sqlite_procedure_stays("consent_form"),
    *_sqlite_procedure("consent_form", "procedure, patient_id, text_id", _FORM_ELSEWHERE),
    *_sqlite_procedure("consent_decision", "procedure, form_id", _DECISION_ELSEWHERE),
)

# --- PostgreSQL -------------------------------------------------------------------------------------------------------

# The functions run as their owner, so row level security cannot hide the last entry from them, and look only into
# ``public``, so a temporary table of the same name cannot stand in for it. Nobody else may hang them on a table.
_GUARD = "LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp"
_FUNCTIONS = ("refuse_change", "audit_entry_chain", "consent_form_procedure", "consent_decision_procedure")


def _postgresql_refuse(message: str) -> str:
    return f"RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation', MESSAGE = {message};"


# The lock (any number nobody else uses; this one is "CPMS") is held until the commit: entries are numbered in the order
# of their commits. What follows it reads with a fresh snapshot; at a stricter isolation the primary key refuses.
_POSTGRESQL_CHAIN = f"""
    CREATE FUNCTION audit_entry_chain() RETURNS trigger {_GUARD} AS $$
    DECLARE
        last record;
    BEGIN
        IF NEW.seq IS NOT NULL OR NEW.at IS NOT NULL OR NEW.prev_hash IS NOT NULL OR NEW.hash IS NOT NULL THEN
            {_postgresql_refuse("'audit_entry: the database numbers, dates and chains an entry'")}
        END IF;
        PERFORM pg_advisory_xact_lock(1129336147);
        SELECT entry.seq, entry.hash INTO last FROM audit_entry AS entry ORDER BY entry.seq DESC LIMIT 1;
        NEW.seq = coalesce(last.seq, 0) + 1;
        NEW.at = clock_timestamp();
        NEW.prev_hash = coalesce(last.hash, '{GENESIS}');
        SELECT encode(sha256(convert_to(string_agg(
            coalesce(octet_length(convert_to(field, 'UTF8')) || ':' || field, '-'), ',' ORDER BY place
        ), 'UTF8')), 'hex')
        INTO NEW.hash
        FROM unnest(ARRAY[{", ".join(rendered("postgresql", "NEW."))}]) WITH ORDINALITY AS entry (field, place);
        RETURN NEW;
    END $$
"""


def _postgresql_procedure(table: str, elsewhere: str) -> str:
    return f"""
    CREATE FUNCTION {table}_procedure() RETURNS trigger {_GUARD} AS $$
    BEGIN
        IF {elsewhere.format(differs="DISTINCT FROM")} THEN
            {_postgresql_refuse(f"'{table}: the procedure is not that of the row it belongs to'")}
        END IF;
        RETURN NEW;
    END $$
    """


_POSTGRESQL_TRIGGERS = {
    # (table, trigger): when it fires
    ("audit_entry", "chain"): "BEFORE INSERT ON audit_entry FOR EACH ROW EXECUTE FUNCTION audit_entry_chain()",
    **{
        (table, "change"): f"BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}"
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        for table in ("audit_entry", *APPEND_ONLY)
    },
    **{
        (table, "procedure_stays"): f"BEFORE UPDATE OF procedure ON {table} FOR EACH ROW"
        " WHEN (NEW.procedure IS DISTINCT FROM OLD.procedure) EXECUTE FUNCTION refuse_change()"
        for table in ("patient", "consent_form")
    },
    ("consent_form", "procedure"): "BEFORE INSERT OR UPDATE OF procedure, patient_id, text_id ON consent_form"
    " FOR EACH ROW EXECUTE FUNCTION consent_form_procedure()",
    ("consent_decision", "procedure"): "BEFORE INSERT OR UPDATE OF procedure, form_id ON consent_decision"
    " FOR EACH ROW EXECUTE FUNCTION consent_decision_procedure()",
}

_POSTGRESQL = (
    f"""
    CREATE FUNCTION refuse_change() RETURNS trigger {_GUARD} AS $$
    BEGIN
        {_postgresql_refuse("TG_TABLE_NAME || ': ' || TG_OP || ' is refused (' || TG_NAME || ')'")}
    END $$
    """,
    _POSTGRESQL_CHAIN,
    _postgresql_procedure("consent_form", _FORM_ELSEWHERE),
    _postgresql_procedure("consent_decision", _DECISION_ELSEWHERE),
    *(f"REVOKE ALL ON FUNCTION {function}() FROM PUBLIC" for function in _FUNCTIONS),
    *(f"CREATE TRIGGER {table}_{name} {fires}" for (table, name), fires in _POSTGRESQL_TRIGGERS.items()),
    # SQLAlchemy makes ``seq`` a BIGSERIAL; with its default a given number could not be told from a drawn one.
    "ALTER TABLE audit_entry ALTER COLUMN seq DROP DEFAULT",
)

# --- what a migration runs --------------------------------------------------------------------------------------------

CREATE = {"sqlite": _SQLITE, "postgresql": _POSTGRESQL}
"""Statements that put the guards up, in order."""

DROP = {
    "sqlite": tuple(f"DROP TRIGGER {statement.split()[2]}" for statement in reversed(_SQLITE)),
    "postgresql": (
        *(f"DROP TRIGGER {table}_{name} ON {table}" for table, name in reversed(_POSTGRESQL_TRIGGERS)),
        *(f"DROP FUNCTION {function}()" for function in reversed(_FUNCTIONS)),
        "SELECT setval('audit_entry_seq_seq', (SELECT coalesce(max(seq), 0) + 1 FROM audit_entry), false)",
        "ALTER TABLE audit_entry ALTER COLUMN seq SET DEFAULT nextval('audit_entry_seq_seq')",
    ),
}
"""Statements that take the guards down again; the tables then behave as if they had never been there."""
