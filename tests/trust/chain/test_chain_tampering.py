"""T-CHAIN: every tampering is found, with the first bad entry."""

from __future__ import annotations

import pytest
from sqlalchemy import (
    Engine,
    select,
)

from app.audit_chain import Verdict
from app.tables.guards import GENESIS
from tests.trust.chain.chains import LOG, tamper, unguarded, verdict, written

pytestmark = [pytest.mark.t_chain, pytest.mark.filterwarnings("ignore:XDG_RUNTIME_DIR is not set")]

MISSING = "The entry is missing."

UNLINKED = "The entry does not follow the one before it."

CHANGED = "The entry is not what was written."

TAMPERINGS: dict[str, tuple[tuple[str, ...], int, str]] = {
    "another actor": (("UPDATE audit_entry SET actor_id = 8 WHERE seq = 4",), 4, CHANGED),
    "no actor": (("UPDATE audit_entry SET actor_id = NULL WHERE seq = 4",), 4, CHANGED),
    "a NULL made empty": (("UPDATE audit_entry SET thing = '' WHERE seq = 4",), 4, CHANGED),
    "text moved to its neighbour": (
        ("UPDATE audit_entry SET origin = '', details = origin WHERE seq = 4",),
        4,
        CHANGED,
    ),
    "another hash": (("UPDATE audit_entry SET hash = prev_hash WHERE seq = 4",), 4, CHANGED),
    "no hash": (("UPDATE audit_entry SET hash = NULL WHERE seq = 4",), 4, CHANGED),
    "another predecessor": (("UPDATE audit_entry SET prev_hash = hash WHERE seq = 4",), 4, UNLINKED),
    "no predecessor": (("UPDATE audit_entry SET prev_hash = NULL WHERE seq = 4",), 4, UNLINKED),
    "deleted in the middle": (("DELETE FROM audit_entry WHERE seq = 4",), 4, MISSING),
    "deleted at the beginning": (("DELETE FROM audit_entry WHERE seq = 1",), 1, MISSING),
    "deleted and closed up": (
        (
            "DELETE FROM audit_entry WHERE seq = 4",
            "UPDATE audit_entry SET seq = 4 WHERE seq = 5",
            "UPDATE audit_entry SET seq = 5 WHERE seq = 6",
        ),
        4,
        UNLINKED,
    ),
    "two swapped": (
        tuple(f"UPDATE audit_entry SET seq = {to} WHERE seq = {of}" for of, to in ((3, 99), (4, 3), (99, 4))),
        3,
        UNLINKED,
    ),
    "forged after the last": (
        ("INSERT INTO audit_entry (seq, act, outcome, details, origin) VALUES (7, 'patient.see', 'read', '', '')",),
        7,
        UNLINKED,
    ),
    "forged far behind": (
        ("INSERT INTO audit_entry (seq, act, outcome, details, origin) VALUES (70, 'patient.see', 'read', '', '')",),
        7,
        MISSING,
    ),
}


@pytest.mark.parametrize("name", TAMPERINGS)
def test_tampering_is_found_with_the_first_bad_entry(engine: Engine, name: str) -> None:
    statements, first_bad, reason = TAMPERINGS[name]
    hashes = written(engine, 6)

    tamper(engine, *statements)

    good = first_bad - 1
    assert verdict(engine) == Verdict(good, [GENESIS, *hashes][good], first_bad, reason)


def test_a_moment_moved_by_a_microsecond_or_before_our_era_is_found(engine: Engine) -> None:
    moved = {
        "sqlite": ["substr(at, 1, 25) || '1'", "'-' || at", "at || ' '"],
        "postgresql": [
            "at + interval '1 microsecond'",
            "(CAST(at AS text) || ' BC')::timestamptz",
            "'infinity'",
            "NULL",
        ],
    }
    written(engine, 3)

    for moment in moved[engine.dialect.name]:
        with engine.connect() as connection:
            hold = connection.execute(select(LOG.c.at).where(LOG.c.seq == 2)).scalar_one()
        tamper(engine, f"UPDATE audit_entry SET at = {moment} WHERE seq = 2")
        assert verdict(engine)[2:] == (2, CHANGED), moment
        with unguarded(engine) as connection:
            connection.execute(LOG.update().where(LOG.c.seq == 2).values(at=hold))
        assert verdict(engine).reason == ""


def test_text_that_is_no_text_in_a_sqlite_file_is_named_not_a_crash(sqlite: Engine) -> None:
    written(sqlite, 3)

    tamper(sqlite, "UPDATE audit_entry SET details = CAST(x'ff' AS TEXT), hash = CAST(x'fe' AS TEXT) WHERE seq = 2")

    assert verdict(sqlite)[2:] == (2, CHANGED)


def test_an_entry_before_the_first_is_found(sqlite: Engine) -> None:
    written(sqlite, 3)

    tamper(
        sqlite,
        "PRAGMA ignore_check_constraints = ON",
        "INSERT INTO audit_entry (seq, act, outcome, details, origin) VALUES (0, 'patient.see', 'read', '', '')",
        "PRAGMA ignore_check_constraints = OFF",
    )

    assert verdict(sqlite) == Verdict(0, GENESIS, 0, "The number is impossible.")


def test_a_changed_entry_with_its_hash_computed_anew_breaks_the_next(sqlite: Engine) -> None:
    written(sqlite, 4)

    with sqlite.connect() as connection:
        chain = connection.exec_driver_sql(
            "SELECT sql FROM sqlite_master WHERE name = 'audit_entry_chain'"
        ).scalar_one()
    computed = chain[chain.index("sha256(") : chain.rindex(" WHERE")]
    tamper(
        sqlite,
        "UPDATE audit_entry SET actor_id = 8 WHERE seq = 2",
        f"UPDATE audit_entry SET hash = {computed} WHERE seq = 2",
    )

    assert verdict(sqlite)[2:] == (3, UNLINKED)


def test_the_last_entry_deleted_is_found_by_a_head_exported_earlier(engine: Engine) -> None:
    hashes = written(engine, 6)
    exported = {6: hashes[5]}

    tamper(engine, "DELETE FROM audit_entry WHERE seq = 6")

    assert verdict(engine) == Verdict(5, hashes[4], None, "")
    reason = "The log ends before an entry whose head was exported."
    assert verdict(engine, exported) == Verdict(5, hashes[4], 6, reason)
    written(engine, 1)
    assert verdict(engine).reason == ""
    assert verdict(engine, exported) == Verdict(5, hashes[4], 6, "The entry is not the one whose head was exported.")


def test_a_log_written_anew_is_found_by_a_head_exported_earlier(engine: Engine) -> None:
    exported = dict(enumerate(written(engine, 3), start=1))

    tamper(engine, "DELETE FROM audit_entry")
    written(engine, 4)

    assert verdict(engine).reason == ""
    assert verdict(engine, exported)[2:] == (1, "The entry is not the one whose head was exported.")


def test_heads_exported_from_an_untouched_log_agree(engine: Engine) -> None:
    hashes = written(engine, 3)

    assert verdict(engine, {0: GENESIS, 1: hashes[0], 3: hashes[2]}) == Verdict(3, hashes[2], None, "")
