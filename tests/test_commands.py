"""The command line: what each command makes true, and what it says when it cannot."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pikepdf
import pytest
from sqlalchemy.exc import DBAPIError

import config
from app import commands, house_book
from app.models import Country, Person, db
from tests import factories as make
from tests.houses import migrate

FLASK = Path(sys.executable).parent / "flask"
SERVICES = config.ROOT / "app" / "services"
ALONE = {"PATH": os.environ["PATH"], "VAR_DIR": "/nowhere"}


def run(house: Any, *words: str, **given: Any) -> Any:
    return house.app.test_cli_runner().invoke(args=list(words), **given)


def flask(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The real program, without settings unless some are given."""
    return subprocess.run(
        [str(FLASK), "--app", "run", *words],
        cwd=config.ROOT,
        env=ALONE | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


# --- user ---


def test_the_first_operator_sets_a_password_by_the_printed_link_and_may_enter(house: Any) -> None:
    words = ("--email", "Op@platform.example", "--first-name", "Olga", "--last-name", "Operator")
    added = run(house, "user", "add", *words)
    link = re.search(r"https://cpms\.test(/link/\S+)", added.output)
    assert link is not None, added.output
    browser = house.visitor()
    secret = {"password": "a long enough sentence", "again": "a long enough sentence"}

    assert browser.post(link[1], data=secret).status_code == 302
    browser.post("/login/", data={"name": "op@platform.example", "password": "a long enough sentence"})

    person_id = house.value("SELECT id FROM ab_user WHERE email = 'op@platform.example'")
    with house.acting(person_id) as actor:
        assert sorted(role.value for role in actor.roles) == ["Admin", "Any signed-in"]
    assert browser.get("/").location == "/my-logins/?next=/"  # the second factor first
    assert house.visitor().post(link[1], data=secret).status_code == 404  # it works once
    noted = {tuple(row) for row in house.rows("SELECT act, origin FROM audit_entry WHERE origin = 'command'")}
    assert noted == {("person.make", "command"), ("person.make-operator", "command"), ("person.offer-link", "command")}


def test_an_operator_can_be_added_with_a_password_typed_twice(house: Any) -> None:
    words = ("--email", "op@platform.example", "--first-name", "Olga", "--last-name", "Operator", "--password")

    short = run(house, "user", "add", *words, input="short\nshort\n")
    good = run(house, "user", "add", *words, input="a long enough sentence\na long enough sentence\n")

    assert (short.exit_code, good.exit_code) == (1, 0)
    assert "a long enough sentence" not in good.output
    assert house.value("SELECT count(*) FROM ab_user") == 1


def test_what_is_no_address_makes_no_account(house: Any) -> None:
    result = run(house, "user", "add", "--email", "nonsense", "--first-name", "O", "--last-name", "P")

    assert result.exit_code == 1
    assert house.value("SELECT count(*) FROM ab_user") == 0


def test_an_address_that_is_not_its_account_s_any_more_makes_no_operator(house: Any) -> None:
    with house.system():
        make.identity(make.person("Anna", email="anna@platform.example"), "anna@moved.example")
        db.session.commit()
    result = run(house, "user", "add", "--email", "anna@platform.example", "--first-name", "O", "--last-name", "P")

    assert result.exit_code == 1
    assert "somebody else’s today" in result.output
    assert house.value("SELECT count(*) FROM ab_user_role") == 0


def test_a_link_for_somebody_unknown_is_refused(house: Any) -> None:
    result = run(house, "user", "link", "nobody@platform.example")

    assert (result.exit_code, result.output) == (1, "Error: There is no account with this e-mail address.\n")


def test_a_password_is_taken_away_but_not_an_operators(house: Any) -> None:
    with house.system():
        make.person("Anna", email="anna@platform.example", username="anna@platform.example", password="a hash")
        make.admin(make.person("Op", email="op@platform.example", username="op@platform.example", password="a hash"))
    results = [run(house, "user", "forget-password", f"{who}@platform.example") for who in ("anna", "op", "nobody")]
    assert [one.exit_code for one in results] == [0, 1, 1]
    assert "anna@platform.example has no password any more." in results[0].output
    assert "An operator keeps the password" in results[1].output
    kept = [tuple(row) for row in house.rows("SELECT first_name, password FROM ab_user ORDER BY id")]
    assert kept == [("Anna", None), ("Op", "a hash")]


def test_a_new_link_ends_the_one_before(house: Any) -> None:
    words = ("--email", "op@platform.example", "--first-name", "Olga", "--last-name", "Operator")
    first = re.search(r"(/link/\S+)", run(house, "user", "add", *words).output)
    second = re.search(r"(/link/\S+)", run(house, "user", "link", "OP@platform.example").output)
    assert first is not None
    assert second is not None

    answers = [house.visitor().get(link[1]).status_code for link in (first, second)]

    assert answers == [404, 200]


# --- audit ---


def test_audit_verify_tells_the_head_and_audit_head_the_same(house: Any) -> None:
    run(house, "consent", "publish")

    verified, head = run(house, "audit", "verify"), run(house, "audit", "head").output.strip()

    assert verified.output == f"{head.partition(':')[0]} entries hold. Head: {head}\n"
    assert run(house, "audit", "verify", "--known", head).exit_code == 0


def test_audit_verify_finds_a_log_that_is_not_the_exported_one(house: Any) -> None:
    run(house, "consent", "publish")

    wrong = run(house, "audit", "verify", "--known", f"3:{'0' * 64}")
    cut = run(house, "audit", "verify", "--known", f"900:{'0' * 64}")

    assert (wrong.exit_code, cut.exit_code) == (1, 1)
    assert wrong.output.startswith("Error: Entry 3 is bad. The entry is not the one whose head was exported.")
    assert "The log ends before an entry whose head was exported." in cut.output


# --- texts and reference rows ---


def test_publishing_texts_twice_stores_each_once(house: Any) -> None:
    first, second = run(house, "consent", "publish"), run(house, "consent", "publish")

    stored = house.value("SELECT count(*) FROM consent_text")
    assert stored > 0
    assert (first.output, second.output) == (f"{stored} texts published\n", "0 texts published\n")
    assert house.value("SELECT count(*) FROM audit_entry WHERE act = 'text.publish'") == stored


def test_loading_reference_rows_keeps_what_an_operator_adapted(house: Any) -> None:
    run(house, "reference", "load")
    with house.system():
        greece = db.session.query(Country).filter_by(code="GR").one()
        greece.authority_name = "Adapted authority"
        db.session.commit()

    again = run(house, "reference", "load")

    assert again.output == "0 countries, 0 networks, 0 thematic areas added\n"
    assert house.value("SELECT authority_name FROM country WHERE code = 'GR'") == "Adapted authority"
    assert house.value("SELECT count(*) FROM country") == 31
    assert house.value("SELECT count(*) FROM network") == 24


def test_no_demo_is_seeded_in_production(house: Any) -> None:
    result = run(house, "seed", "--demo")

    assert result.exit_code == 1
    assert result.output.endswith("Error: Invented people belong in demo mode only. Set CPMS_MODE to demo first.\n")
    assert house.value("SELECT count(*) FROM ab_user") == 0


def test_preparing_twice_is_the_same_as_once(house: Any) -> None:
    first = run(house, "prepare")
    counts = [house.value(f"SELECT count(*) FROM {table}") for table in ("country", "consent_text", "audit_entry")]
    second = run(house, "prepare")

    assert (first.exit_code, second.exit_code) == (0, 0)
    assert counts == [
        house.value(f"SELECT count(*) FROM {table}") for table in ("country", "consent_text", "audit_entry")
    ]
    assert house.value("SELECT count(*) FROM ab_user") == 0


# --- without settings ---


def test_a_blank_form_is_rendered_with_an_empty_environment(tmp_path: Path) -> None:
    output = tmp_path / "form.pdf"

    result = flask("consent", "render", "--procedure", "ua", "--language", "uk", "--output", str(output))

    assert (result.returncode, result.stdout, result.stderr) == (0, f"{output}\n", "")
    with pikepdf.open(output) as pdf:
        assert str(pdf.docinfo["/Title"])
        assert len(pdf.pages) > 1


@pytest.mark.parametrize(
    "words",
    [
        ("--procedure", "eu"),
        ("--language", "el"),
        ("--all", "--language", "el"),
        (),
    ],
)
def test_a_render_without_one_plain_wish_says_how_to_wish(tmp_path: Path, words: tuple[str, ...]) -> None:
    result = flask("consent", "render", *words, "--output", str(tmp_path / "form.pdf"))

    assert result.returncode == 2
    assert "Give either --all, or --procedure and --language." in result.stderr


def test_a_language_without_a_form_is_refused_in_one_sentence(tmp_path: Path) -> None:
    output = tmp_path / "form.pdf"
    result = flask("consent", "render", "--procedure", "eu", "--language", "tlh", "--output", str(output))

    assert (result.returncode, output.exists()) == (1, False)
    assert result.stderr.startswith(
        "Error: There is no form of this procedure in 'tlh'. There is one in: bg cs da de el"
    )


@pytest.mark.long
def test_all_blank_forms_are_rendered_into_a_folder(tmp_path: Path) -> None:
    from app.outside import paper

    result = flask("consent", "render", "--all", "--output", str(tmp_path / "forms"))

    expected = {
        f"{procedure}-{language}-{variant}.pdf"
        for procedure in paper.PROCEDURES
        for language in paper.languages(procedure)
        for variant in paper.VARIANTS
    }
    assert result.returncode == 0
    assert {path.name for path in (tmp_path / "forms").iterdir()} == expected


def test_any_other_command_without_settings_lists_every_missing_one() -> None:
    result = flask("audit", "head")

    assert result.returncode == 1
    assert [line.split()[1] for line in result.stderr.splitlines()[1:]] == ["SECRET_KEY", "MASTER_KEY"]


@pytest.mark.parametrize(
    ("words", "alone"),
    [
        (["flask", "consent", "render"], True),
        (["flask", "--app", "run", "house", "--check"], True),
        (["flask", "--app=run", "--debug", "consent", "render"], True),
        (["flask", "consent", "publish"], False),
        (["flask", "user", "add", "--first-name", "house"], False),
        (["flask"], False),
    ],
)
def test_which_commands_need_no_settings(monkeypatch: pytest.MonkeyPatch, words: list[str], *, alone: bool) -> None:
    monkeypatch.setenv("FLASK_RUN_FROM_CLI", "true")
    assert commands.needs_no_settings(words) is alone


def test_a_web_server_never_gets_the_application_without_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FLASK_RUN_FROM_CLI", raising=False)
    assert commands.needs_no_settings(["gunicorn", "consent", "render"]) is False


# --- the house's book ---


def test_the_house_s_book_is_up_to_date() -> None:
    assert commands.HOUSE_BOOK.read_text("utf-8") == house_book.written()


def test_the_job_worker_knows_every_job() -> None:
    """A job whose module nobody imports is never done; in tests somebody always has."""
    with_jobs = {
        f"app.services.{one.stem}"
        for one in SERVICES.glob("*.py")
        if re.search(r"^@job\(", one.read_text(), re.MULTILINE)
    }
    loaded = "import sys, app.commands; print(*(name for name in sys.modules if name.startswith('app.services.')))"
    known = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True, cwd=config.ROOT)
    assert with_jobs - set(known.stdout.split()) == set()


def test_a_stale_book_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, house: Any) -> None:
    stale = tmp_path / "house.md"
    stale.write_text("old")
    monkeypatch.setattr(commands, "HOUSE_BOOK", stale)

    result = run(house, "house", "--check")

    assert (result.exit_code, result.output) == (1, "Error: docs/house.md is stale: run make docs\n")
    assert stale.read_text() == "old"


# --- the application's role on PostgreSQL ---


@pytest.mark.parametrize("dialect", ["postgresql"])
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_entry SET act = 'x'",
        "DELETE FROM audit_entry",
        "UPDATE consent_text SET html = ''",
        "DELETE FROM archived_document",
        "TRUNCATE audit_entry",
        "UPDATE alembic_version SET version_num = '0000'",
        "DROP TABLE audit_entry",
        "ALTER TABLE audit_entry DISABLE TRIGGER ALL",
        "CREATE TABLE public.mine (id int)",
    ],
)
def test_the_application_s_role_cannot_touch_what_only_grows(house: Any, statement: str) -> None:
    migrate(house.app)  # as `flask db upgrade` leaves it

    with house.everything() as session, pytest.raises(DBAPIError) as refused:
        session.connection().exec_driver_sql(statement)

    assert type(refused.value.orig).__name__ == "InsufficientPrivilege"


@pytest.mark.parametrize("dialect", ["postgresql"])
def test_the_application_s_role_may_do_its_work(house: Any) -> None:
    migrate(house.app)
    with house.system():
        db.session.add(Person(first_name="A", last_name="B", username="a", email="a@x.example"))
        db.session.commit()
    assert run(house, "consent", "publish").exit_code == 0
