"""A list as a table to download: the rows, search, filters and order of the page, all pages of it in one CSV file.

Nothing here knows a list by name. A list offers its table by declaring ``table`` in its ``acts``, under the act that
opens the list itself; lists of patients do not.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from typing import Any

from flask import Response, stream_with_context
from flask_babel import gettext
from sqlalchemy import Select, select

from app import audit, sight
from app.labels import LABELS
from app.models import db, today
from app.outside import zips
from app.pages.security import acting

AT_ONCE = 500
"""Rows that are read and written together: memory stays small, and no transaction waits for a slow line."""


def send(page: Any, statement: Select[Any], act: str) -> Response:
    """The rows of ``statement`` as a file. How many they are is noted before the first is sent.

    Args:
        page: the list: ``heads``, ``needs`` and ``cell`` are what its rows say.
        statement: the keys of the rows, in the order of the list.
        act: by which the list is read.
    """
    keys = db.session.scalars(statement).all()
    name = page.route_base.strip("/")
    entry = audit.Entry.of(act, acting(), None, outcome="read")
    entry.fields = {name, f"{len(keys)} rows"}
    audit.note_entry(entry)
    heads = page.table_heads()
    answer = Response(stream_with_context(_pieces(page, heads, keys)), mimetype="text/csv")
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}-{today().isoformat()}.csv"'
    return answer


def _pieces(page: Any, heads: dict[str, str], keys: Sequence[int]) -> Iterator[bytes]:
    yield zips.CSV_BEGIN + zips.csv_rows([list(heads.values())])
    table = page.datamodel.obj
    for begin in range(0, len(keys), AT_ONCE):
        some = keys[begin : begin + AT_ONCE]
        with sight.beside(acting()) as session:
            found = session.scalars(select(table).where(table.id.in_(some)).options(*page.needs())).unique()
            rows = {row.id: [_plain(page, row, column) for column in heads] for row in found}
        yield zips.csv_rows(rows[key] for key in some if key in rows)


def _plain(page: Any, record: Any, column: str) -> str:
    """A cell as the list shows it; days and moments so that a spreadsheet can sort them."""
    stored = record
    for name in column.split("."):
        stored = getattr(stored, name, None)
    if isinstance(stored, dt.datetime):
        return stored.isoformat(" ", "minutes")
    if isinstance(stored, dt.date):
        return stored.isoformat()
    if isinstance(stored, StrEnum):
        return str(LABELS[stored])
    if isinstance(stored, bool):
        return str(gettext("Yes") if stored else gettext("No"))
    told = page.cell(record, column)
    return "" if told is None else _joined(told)


def _joined(told: Any) -> str:
    many = isinstance(told, Iterable) and not isinstance(told, str)
    return ", ".join(str(one) for one in told) if many else str(told)
