"""The house's book, ``docs/house.md``: the maps as a person reads them, written by ``flask house``.

A right's sentence is the first line of its scope's docstring, a table's that of its class, a setting's its reason.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

import config
from app import access, rights, sight, steps
from app.models import TABLES
from app.scopes import consequence, nobody
from app.services.jobs import KINDS

HEAD = """# The house

Written by `flask house` from the maps `app/access.py`, `app/steps.py`, `app/models.py` and `config.py`. Do not edit it;
change a map and run `make docs`."""


def written() -> str:
    """The whole book."""
    parts = [HEAD, _rights(), _steps(), _wider(), _tables(), _jobs(), _settings()]
    return "\n\n".join(parts) + "\n"


def _sentence(thing: Any) -> str:
    return (inspect.getdoc(thing) or "").split("\n", 1)[0].strip()


def _table(titles: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    titles = list(titles)
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines)


def _rights() -> str:
    """Who may do what, one section for each thing."""
    parts = ["## Who may do what\n\nWhat is not here, nobody may. Rights of several roles add up."]
    for thing, acts in groupby(access.ACCESS, key=lambda act: act.partition(".")[0]):
        rows = ((f"`{act}`", rights.on(act).__name__, "<br>".join(_who(act)) or "No one.") for act in acts)
        parts.append(f"### {thing.replace('_', ' ')}\n\n" + _table(("act", "on", "who: which"), rows))
    return "\n\n".join(parts)


def _who(act: str) -> Iterator[str]:
    if rights.is_consequence(act):
        yield _sentence(consequence)
        return
    for role in access.COLUMNS:
        scopes = [scope for scope in rights.cells(act, role) if scope is not nobody]
        if scopes:
            yield f"**{role.value}**: " + " ".join(_sentence(scope) for scope in scopes)


def _steps() -> str:
    parts = ["## In what order\n\nA life has these steps and no others."]
    for table, rows in steps.STEPS.items():
        lines = ((before.value if before else "", f"`{act}`", after.value) for before, act, after in rows)
        parts.append(f"### {table.__name__}\n\n" + _table(("from", "act", "to"), lines))
    return "\n\n".join(parts)


def _wider() -> str:
    rows = ((f"`{reason}`", reads, leaves) for reason, (reads, leaves) in sight.REASONS.items())
    head = "## Reads that see more than their actor may\n\nEach in a session of its own.\n\n"
    return head + _table(("reason", "reads", "what may leave"), rows)


def _tables() -> str:
    rows = ((f"`{table.__tablename__}`", table.__name__, _sentence(table)) for table in TABLES)
    return "## What is kept\n\n" + _table(("table", "class", "meaning"), rows)


def _jobs() -> str:
    rows = ((f"`{name}`", _sentence(kind.work), _often(kind.every)) for name, kind in sorted(KINDS.items()))
    return "## Jobs\n\n" + _table(("job", "what it does", "how often"), rows)


def _often(every: Any) -> str:
    return f"every {every.name.lower()}" if every else "when asked"


def _settings() -> str:
    rows = ((f"`{name}`", _without(one.default), one.reason) for name, one in config.SETTINGS.items())
    return "## Settings\n\nIn `var/settings.env`; the environment overrides it.\n\n" + _table(
        ("setting", "without it", "why"), rows
    )


def _without(default: str | None) -> str:
    if default is None:
        return "must be set"
    return f"`{default}`" if default else "empty"
