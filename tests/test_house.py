"""The rules of the house, kept by the machine: one act in four places, floors, sizes, and what may be written where."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest

import config
from app import access, rights, scopes, sight, steps, words
from app.act import ACTS
from app.labels import LABELS, reason
from app.models import TABLES
from app.pages.lists import ListPage
from app.views import PUBLIC, SITE
from app.words import EndReason, Role

ROOT = config.ROOT
MODULES = sorted((ROOT / "app").rglob("*.py"))
READING = {"see", "open", "find"}
"""What an act is called that changes nothing: a right and a word of the log, no function and no step."""

BESIDE = {
    "login.start",
    "login.end",
    "login.bind",
    "factor.use-code",
    "person.set-password",
    "person.forget-password",
    "person.make-operator",
    "person.import",
    "membership.import",
}
"""Words of the log for what happens before there is somebody who acts, or at the operator's command line."""

LAST = 340
"""Lines of all modules but one in twenty. The house aims at 300."""

LOCKED = {
    "password",
    "wrapped_key",
    "sealed",
    "sealed_signer",
    "token_hash",
    "person_index",
    "file_index",
    "sealed_reference",
    "reference_index",
    "storage_key",
}
"""Columns no page ever shows."""


def name(file: Path) -> str:
    """A module as it is imported."""
    return ".".join(file.relative_to(ROOT).with_suffix("").parts)


def tree(file: Path) -> ast.Module:
    """A module as syntax."""
    return ast.parse(file.read_text())


def verb(act: str) -> str:
    """What is done: the second half of an act's name."""
    return act.partition(".")[2]


def doing() -> set[str]:
    """The acts that change something."""
    return {act for act in access.ACCESS if verb(act) not in READING}


# --- one act, one name, four places ---------------------------------------------------------------------------------------


def test_each_act_that_changes_something_has_its_function() -> None:
    assert doing() - set(ACTS) == set()


def test_each_function_has_its_right() -> None:
    assert set(ACTS) - set(access.ACCESS) == set()


def test_each_step_has_its_right_and_its_function() -> None:
    walked = {act for table in steps.STEPS.values() for _before, act, _after in table}
    assert walked - set(access.ACCESS) - jobs() == set()
    assert walked - set(ACTS) - jobs() == set()


def jobs() -> set[str]:
    """Steps of a job's life, and of a mail's: the system's own, which no page can take."""
    return {act for act in access_words() if act.startswith(("job.", "mail."))} - set(access.ACCESS)


def access_words() -> set[str]:
    """Every word of the steps and the rights."""
    return {act for table in steps.STEPS.values() for _before, act, _after in table} | set(access.ACCESS)


def test_each_act_on_a_thing_with_a_life_is_a_step_of_it() -> None:
    without = {act for act in doing() if rights.on(act) in steps.STEPS and rights.on(act) not in steps.lives(act)}
    assert without == set()


def test_each_word_of_the_log_is_an_act() -> None:
    words = set()
    for file in MODULES:
        for call in (node for node in ast.walk(tree(file)) if isinstance(node, ast.Call)):
            called = ast.unparse(call.func)
            if called in {"audit.note", "audit.refuse", "_log", "audit.Entry", "audit.Entry.of", "Entry.of"}:
                words |= {arg.value for arg in call.args if isinstance(arg, ast.Constant) and "." in str(arg.value)}
    assert words - set(access.ACCESS) - BESIDE == set()
    assert words & set(access.ACCESS)


def test_a_word_of_the_log_fits_its_column() -> None:
    assert max(len(act) for act in {*access.ACCESS, *ACTS, *BESIDE}) <= 60


def test_a_consequence_is_on_no_page() -> None:
    on_pages = {act for entry in SITE for act in entry.page.acts.values()}
    assert {act for act in on_pages if rights.is_consequence(act)} == set()


def test_each_act_of_a_page_is_held_by_somebody() -> None:
    on_pages = {act for entry in SITE for act in entry.page.acts.values()}
    assert {act for act in on_pages if not any(rights.held(role, act) for role in Role)} == set()


def test_each_table_that_pages_show_has_its_sight() -> None:
    seen = {table for _act, table in rights.sights()}
    assert set(TABLES) - seen - set(sight.HIDDEN) == set()


# --- pages ----------------------------------------------------------------------------------------------------------------


def exposed(page: type[Any]) -> set[str]:
    """The methods of a page that are routes if they are declared."""
    return {method for method, value in inspect.getmembers(page) if hasattr(value, "_urls")}


@pytest.mark.parametrize("page", [entry.page for entry in SITE], ids=lambda page: page.__name__)
def test_each_route_of_a_page_is_declared(page: type[Any]) -> None:
    declared = set(page.acts) | page.open_to_all
    ours = {method for method in exposed(page) if inspect.getmodule(getattr(page, method)).__name__.startswith("app.")}
    own = {method for method in ours if method in vars(page)}
    assert own - declared == set()
    assert declared - exposed(page) == set()
    assert {f"{page.__name__}.{method}" for method in page.open_to_all} <= PUBLIC


@pytest.mark.parametrize("page", [e.page for e in SITE if issubclass(e.page, ListPage)], ids=lambda page: page.__name__)
def test_the_columns_of_a_page_are_named_labelled_and_not_secret(page: type[Any]) -> None:
    for columns, job in (("list_columns", "list"), ("show_columns", "show")):
        own = columns in vars(page) or job not in page.acts or job in vars(page)
        assert own, f"{columns} are the framework's"
    for job in {"add", "edit"} & set(page.acts):
        ours = {f"{job}_form", f"{job}_columns", job} & set(vars(page))
        assert ours, f"the form of {job} is the framework's"
    shown = {*(page.list_columns or ()), *(vars(page).get("show_columns") or ())}
    assert shown - set(page.label_columns or ()) == set()
    assert {part for column in shown for part in column.split(".")} & LOCKED == set()


def test_every_word_a_person_reads_has_its_label() -> None:
    kinds = [one for one in vars(words).values() if isinstance(one, type) and issubclass(one, StrEnum)]
    spoken = [(type(word).__name__, word.name) for word in LABELS]
    assert [
        (kind.__name__, word.name) for kind in kinds if kind is not StrEnum for word in kind if word not in LABELS
    ] == []
    assert len(spoken) == len(set(spoken)) == len(LABELS)


def test_two_kinds_may_share_a_word_and_not_what_is_read_for_it() -> None:
    assert [str(LABELS[kind.READY]) for kind in (words.StackState, words.RunState)] == ["To confirm", "Ready"]
    assert [str(LABELS[kind.LAPSED]) for kind in (words.BlankState, words.ExportState)] == ["Lapsed", "Over"]


def test_why_a_place_ended_is_said_in_our_words_only_where_nobody_wrote_why() -> None:
    assert str(reason(EndReason.HOST_LEFT.value)) == "The host has left."
    assert [reason(text) for text in ("ready", "Left", None)] == ["ready", "Left", None]


# --- seeing ---------------------------------------------------------------------------------------------------------------


def wide_uses() -> Iterator[tuple[str, int, ast.Call]]:
    """Every use of ``sight.wide`` in the application."""
    for file in MODULES:
        for node in ast.walk(tree(file)):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in {"sight.wide", "wide"}:
                yield name(file), node.lineno, node


def test_each_wide_reading_has_a_reason_and_each_reason_is_used() -> None:
    given, passed_on = set(), []
    for module, line, call in wide_uses():
        (reason,) = call.args
        if isinstance(reason, ast.Constant):
            given.add(reason.value)
        else:
            passed_on.append((module, ast.unparse(reason), line))
    named = {word for file in MODULES for word in strings(file) if word in sight.REASONS}
    assert given <= set(sight.REASONS)
    assert {module for module, _reason, _line in passed_on} <= {"app.audit"}
    assert set(sight.REASONS) - named == set()


def strings(file: Path) -> set[str]:
    """The texts a module holds, other than the list of reasons itself."""
    if name(file) == "app.sight":
        return set()
    return {
        node.value for node in ast.walk(tree(file)) if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


PLAIN_SQL = {
    # module: why it speaks SQL past the ORM, where no scope is added
    "app.actors": "who acts is known before a session sees for anybody",
    "app.act": "one-time keys, which no page shows",
    "app.audit": "the log is written here",
    "app.audit_chain": "the log is checked here",
    "app.tables.engines": "how a connection is set up",
    "app.tables.name_words": "the words of a name follow it in the flush that writes the name",
    "app.services.logins": "before there is an actor; its sessions are wide",
    "app.services.limits": "the same",
    "app.services.trips": "the same",
    "app.services.spells": "what ends with something else ends whoever sees it",
    "app.services.factors": "recovery codes of one's own account, which no page shows",
    "app.services.housekeeping": "the system's own work; its sessions are wide",
    "app.pages.frame": "whether the database answers",
}


def speaks_sql(file: Path) -> list[str]:
    """Statements on tables instead of entities, and SQL as text."""
    found = []
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func).rpartition(".")[2]
            on_table = any("__table__" in ast.unparse(arg) for arg in node.args)
            if (called in {"select", "insert", "update", "delete", "join_from", "select_from"} and on_table) or (
                called == "exec_driver_sql"
            ):
                found.append(f"{node.lineno}: {ast.unparse(node)[:70]}")
        if isinstance(node, ast.ImportFrom) and node.module == "sqlalchemy":
            found += [f"{node.lineno}: text()" for alias in node.names if alias.name == "text"]
    return found


def test_sql_past_the_scopes_is_spoken_where_the_house_allows_it() -> None:
    speaking = {name(file): speaks_sql(file) for file in MODULES}
    assert {module: found for module, found in speaking.items() if found and module not in PLAIN_SQL} == {}
    assert {module for module in PLAIN_SQL if module in speaking and not speaking[module]} == set()


def test_nothing_takes_a_person_from_the_request_but_the_frame() -> None:
    """A service is told who acts; it never asks."""
    for file in MODULES:
        if name(file).startswith("app.services"):
            assert "current_user" not in file.read_text()
            assert "acting()" not in file.read_text()


# --- rights as sentences ----------------------------------------------------------------------------------------------------


def all_scopes() -> dict[str, Any]:
    """Every scope some cell names."""
    return {
        scope.__name__: scope for act in access.ACCESS for role in access.COLUMNS for scope in rights.cells(act, role)
    }


@pytest.mark.parametrize("scope", all_scopes().values(), ids=all_scopes())
def test_the_first_line_of_a_scope_is_a_sentence_people_read(scope: Any) -> None:
    line = (scope.__doc__ or "").splitlines()[0]
    assert re.fullmatch(r"[A-Z][^`{}<>]*\.", line), line


def test_every_scope_is_used() -> None:
    rooms = [importlib.import_module(f"{scopes.__name__}.{one.name}") for one in pkgutil.iter_modules(scopes.__path__)]
    public = {
        one
        for room in rooms
        for one, value in vars(room).items()
        if inspect.isfunction(value) and value.__module__ == room.__name__ and takes_an_actor(value)
    }
    source = "\n".join(inspect.getsource(room) for room in rooms)
    used_inside = {one for one in public if len(re.findall(rf"\b{one}\(", source)) > 1}
    assert set(all_scopes()) - public == set()
    assert {one for one in public if not one.startswith("_")} - set(all_scopes()) - used_inside == set()


def takes_an_actor(function: Any) -> bool:
    """Whether a function has the shape of a scope."""
    first_two = list(inspect.signature(function).parameters)[:2]
    return [one.lstrip("_") for one in first_two] == ["actor", "thing"]


# --- floors, sizes, words ---------------------------------------------------------------------------------------------------


def test_an_import_only_goes_down() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    result = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout[-3000:]


def functions(file: Path) -> Iterator[ast.FunctionDef]:
    """Every function of a module."""
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def at_most(share: float, sizes: list[int]) -> int:
    """The size that this share of things does not exceed."""
    return sorted(sizes)[int(share * (len(sizes) - 1))]


def test_modules_and_functions_are_short() -> None:
    modules = [len(file.read_text().splitlines()) for file in MODULES if file.stat().st_size]
    bodies = [node.end_lineno - node.lineno + 1 for file in MODULES for node in functions(file)]
    assert at_most(0.95, modules) <= LAST
    assert at_most(0.95, bodies) <= 30


def test_an_import_inside_a_function_says_why() -> None:
    silent = []
    for file in MODULES:
        lines = file.read_text().splitlines()
        for function in functions(file):
            for node in ast.walk(function):
                if isinstance(node, ast.Import | ast.ImportFrom):
                    said = lines[node.lineno - 1].partition("#")[2].replace("noqa: PLC0415", "").strip(" -")
                    before = lines[node.lineno - 2].strip()
                    again = "PLC0415" in before and "import" in before
                    if len(said.split()) < 2 and not before.startswith("#") and not again:
                        silent.append(f"{name(file)}:{node.lineno}")
    assert silent == []


def test_each_module_says_what_lives_there() -> None:
    assert [name(file) for file in MODULES if file.stat().st_size and not ast.get_docstring(tree(file))] == []


def test_nothing_is_called_after_nothing() -> None:
    empty = {"utils", "util", "helpers", "helper", "common", "manager", "managers", "handler", "handlers", "misc"}
    assert [name(file) for file in MODULES if file.stem in empty] == []


def test_a_migration_does_not_know_the_models() -> None:
    for file in (ROOT / "migrations" / "versions").glob("*.py"):
        assert "from app.models" not in file.read_text()


TEMPLATES = sorted((ROOT / "app" / "templates").rglob("*.html"))


@pytest.mark.parametrize("file", TEMPLATES, ids=lambda file: file.name)
def test_a_template_shows_and_never_decides(file: Path) -> None:
    text = file.read_text()
    code = re.findall(r"{%.*?%}|{{.*?}}", text, re.DOTALL)
    for part in code:
        assert not re.search(r"\.query\b|session\b|\.scalars|\.execute|__class__|\|safe\b(?! ?#)", part), part
        assert not re.search(
            r"(==|!=|\bin\b)\s*\(?['\"](Clinician|Assistant|Guest|Coordinator|UA Hub|Admin)['\"]", part
        ), part
