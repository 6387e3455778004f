"""Pages that Flask-AppBuilder generates from a table: list, record, add, edit.

Flask-AppBuilder makes the forms and the role permissions; reads go through the row scope, writes through acts, and the
answers through our templates. Lists are paged by key, so that page 400 costs what page 1 costs.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Any, ClassVar, NamedTuple

from flask import g, request
from flask_appbuilder import ModelView
from flask_babel.speaklater import LazyString
from sqlalchemy import ColumnElement, Select, func, literal, or_, select, tuple_

from app import sight
from app.act import why_not
from app.errors import Conflict
from app.labels import LABELS
from app.models import db
from app.pages import downloads
from app.pages.base import ActForm, Page, allowed, expose, find, has_access, may, offer, once_key, submitted
from app.pages.security import acting
from app.words import _

logging.getLogger("flask_appbuilder.models.filters").setLevel(logging.ERROR)  # its own filters are on no page of ours
PAGE_ROWS = 25
MOST_COUNTED = 1000


class Told(NamedTuple):
    """A cell of a list: what it looks like (word, text, blank, when, other), and what it holds."""

    kind: str
    value: Any


class Filter(NamedTuple):
    """One way to narrow a list: its label, what can be chosen (value, label), the clause of a choice, what none is called.

    ``alone``: it is offered although there is a single choice.
    """

    label: object
    choices: Callable[[], list[tuple[str, object]]]
    where: Callable[[str], ColumnElement[bool]]
    none: object | None = None
    alone: bool = False


def words_filter(label: object, column: Any, kinds: Iterable[StrEnum]) -> Filter:
    """A filter on a column that holds words of ours."""
    pairs: list[tuple[str, object]] = [(kind.value, LABELS[kind]) for kind in kinds]
    return Filter(label, lambda: pairs, lambda value: column == value)


class ListPage(Page, ModelView):  # type: ignore[misc]
    """A table as pages. Name the columns; each subclass is a table of contents without logic."""

    list_columns: ClassVar[list[str]]
    table_columns: ClassVar[tuple[str, ...]] = ()  # what a downloaded table has beside them
    order: ClassVar[tuple[Any, ...]] = ()  # columns, ascending; none: the newest first
    search_in: ClassVar[tuple[Any, ...]] = ()
    filters: ClassVar[dict[str, Filter]] = {}
    offered: ClassVar[tuple[str, ...]] = ()  # acts a record's page offers
    picked: ClassVar[str] = ""  # the act that can be done to several rows ticked in the list
    ticks: ClassVar[str] = ""  # the name under which the ticked are sent; none: no row can be ticked
    load: ClassVar[tuple[Any, ...]] = ()  # eager loads
    join: ClassVar[tuple[Any, ...]] = ()  # relations the search looks into
    add_act: ClassVar[Callable[..., Any] | None] = None
    edit_act: ClassVar[Callable[..., Any] | None] = None
    parent_field: ClassVar[str] = ""  # the add form's field that is the act's parent
    unsaid: ClassVar[tuple[str, ...]] = ()  # columns a record leaves out while they are empty
    empty: ClassVar[object] = _("Nothing here yet.")
    added: ClassVar[object] = _("Added.")
    edited: ClassVar[object] = _("Saved.")
    list_template = "list.html"
    show_template = "record.html"

    def _init_properties(self) -> None:
        """Keep Flask-AppBuilder from offering every column to the search, and to forms that no act opens."""
        self.search_columns = ["public_id"]
        super()._init_properties()
        for name in ("add", "edit"):
            if name not in self.acts:
                setattr(self, f"{name}_columns", [])

    def _init_forms(self) -> None:
        """Give a form that Flask-AppBuilder made what every form of ours carries."""
        super()._init_forms()
        for name in ("add_form", "edit_form"):
            form = getattr(self, name)
            if not issubclass(form, ActForm):
                setattr(self, name, type(form.__name__, (ActForm, form), {}))

    # --- list ---

    @expose("/")
    @has_access
    def list(self) -> Any:
        """The records one may see, a page of them."""
        rows, older, newer, count = self._page_of(self._found())
        return self.page(self.list_template, rows=rows, older=older, newer=newer, count=count)

    @expose("/table.csv")
    @has_access
    def table(self) -> Any:
        """The whole list as it is narrowed and sorted, as a file; of pages that declare it."""
        key = (*self.ordered(), self.datamodel.obj.id)
        order = [column.asc() if self.ordered() else column.desc() for column in key]
        found = self._found().with_only_columns(self.datamodel.obj.id).order_by(*order)
        return downloads.send(self, found, self.acts["table"])

    def table_heads(self) -> dict[str, str]:
        """The columns of the file, each with the words above it."""
        return {name: str(self.label_columns[name]) for name in (*self.columns(), *self.table_columns)}

    def _found(self) -> Select[Any]:
        table = self.datamodel.obj
        statement = select(table).where(sight.begin(db.session(), self.acts["list"]))
        typed = self.typed(request.args.get("q", "").strip()[:100])
        searched = self.searched()
        if typed and searched:
            for relation in self.join:
                statement = statement.join(relation)
            pattern = "%" + typed.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
            statement = statement.where(or_(*(column.ilike(pattern, escape="\\") for column in searched)))
        for name, one in self.filters.items():
            chosen = request.args.get(name)
            if chosen and chosen in {value for value, _label in self.choices(name)}:
                statement = statement.where(one.where(chosen))
        return statement

    def ordered(self) -> Any:
        """The columns this reader's page of the list is sorted by."""
        return self.order

    def searched(self) -> tuple[Any, ...]:
        """The columns this reader's search looks into."""
        return self.search_in

    def typed(self, text: str) -> str:
        """What to look for when this was typed."""
        return text

    def choices(self, name: str) -> Any:
        """What a filter offers, asked once a page."""
        known: dict[str, Any] = g.setdefault("choices", {})
        if name not in known:
            known[name] = self.filters[name].choices()
        return known[name]

    def columns(self) -> Any:
        """The columns this reader sees."""
        return self.list_columns

    def needs(self) -> tuple[Any, ...]:
        """What the columns this reader sees load at once; else what a record's page loads."""
        return self.load

    def heads(self) -> dict[str, str]:
        """The columns this reader sees, each with the words above it."""
        return {name: str(self.label_columns[name]) for name in self.columns()}

    def opens(self) -> bool:
        """Whether the reader may open a record of the list at all."""
        return "show" in self.acts and may(self.acts["show"])

    def _narrowed(self) -> bool:
        return any(request.args.get(name) for name in ("q", *self.filters))

    def _counted(self, statement: Select[Any]) -> Any:
        """How many there are, counted to a thousand, as a column of the page's own SELECT; none when all are shown."""
        if not self._narrowed():
            return literal(None)
        found = statement.with_only_columns(self.datamodel.obj.id).limit(MOST_COUNTED + 1).subquery()
        return select(func.count()).select_from(found).scalar_subquery()

    def _page_of(self, statement: Select[Any]) -> tuple[Any, str | None, str | None, int | None]:
        """One page by key: the rows, where older ones begin, where newer ones end, how many there are."""
        table, counted = self.datamodel.obj, self._counted(statement)
        key = (*self.ordered(), table.id)
        downwards = not self.ordered()
        after, before = request.args.get("after"), request.args.get("before")
        backwards = bool(before and not after)
        edge = self._edge((after or before or "")[:40], key)
        if edge is not None:
            further = tuple_(*key) < edge if downwards != backwards else tuple_(*key) > edge
            statement = statement.where(further)
        down = downwards != backwards
        order = [column.desc() if down else column.asc() for column in key]
        beside = (counted, *self._pickable())
        needs, shown = self.needs(), statement.with_only_columns(table, *beside).order_by(*order).limit(PAGE_ROWS + 1)
        if needs:  # what the rows show is joined to this page of them, not to all that were found
            page = shown.with_only_columns(table.id).subquery()
            shown = select(table, *beside).join(page, page.c.id == table.id).order_by(*order).options(*needs)
        found = db.session.execute(shown).unique().all()
        rows, count = [row[0] for row in found], found[0][1] if found else None
        for row in found:
            offer(row[0], [self.picked] if row[2:] == (True,) else [])
        more, rows = len(rows) > PAGE_ROWS, rows[:PAGE_ROWS]
        if backwards:
            rows.reverse()
        older = rows[-1].public_id if rows and (more or backwards) else None
        newer = rows[0].public_id if rows and edge is not None and (more or not backwards) else None
        return rows, older, newer, count

    def _pickable(self) -> tuple[Any, ...]:
        """Whether a row can be ticked, as a column of the page's own SELECT."""
        return (sight.here(db.session(), self.picked),) if self.picked and may(self.picked) else ()

    def _edge(self, public_id: str, key: tuple[Any, ...]) -> Any:
        """The sort key of the row a page starts from."""
        if not public_id:
            return None
        right = sight.of_row(db.session(), self.acts["list"])
        row = db.session.execute(select(*key).where(self.datamodel.obj.public_id == public_id, right)).first()
        return None if row is None else tuple(row)

    # --- record ---

    @expose("/<key>")
    @has_access
    def show(self, key: str) -> Any:
        """One record, with what may be done to it."""
        record = find(self.datamodel.obj, key, *self.offered, options=self.load)
        return self.page(self.show_template, record=record)

    def pickable(self, record: Any) -> bool:
        """Whether a row can be ticked."""
        return may(self.picked, record)

    def tick(self, record: Any) -> str:
        """What a ticked row sends: which it is, and the version that was on the screen."""
        return f"{record.public_id}.{record.version}"

    def named(self, record: Any) -> object:
        """What a page beside the record's own calls it."""
        return record

    def cell(self, record: Any, column: str) -> Any:
        """What a person reads in a column; ``hospital.name`` goes through a relation."""
        value = record
        for name in column.split("."):
            value = getattr(value, name, None)
            value = value() if callable(value) else value
        formatted = self.formatters_columns.get(column)
        return formatted(value) if formatted else LABELS[value] if isinstance(value, StrEnum) else value

    def told(self, record: Any, column: str) -> Told:
        """A cell for the list's template: a word of ours as it is stored, everything else as a person reads it."""
        stored = getattr(record, column, None)
        if isinstance(stored, StrEnum):
            return Told("word", stored)
        value = self.cell(record, column)
        if isinstance(value, LazyString):
            value = str(value)  # else each question the template asks about it translates it anew
        if isinstance(value, str) and not hasattr(value, "__html__"):
            return Told("text" if value else "blank", value)
        return Told("blank" if value is None else "when" if isinstance(value, dt.date) else "other", value)

    # --- add and edit ---

    @expose("/add", methods=["GET", "POST"])
    @has_access
    def add(self) -> Any:
        """A form that makes a record."""
        form = self.add_form()
        if request.method == "GET":
            form.once.data = once_key()
            self._prefill(form)
        made = submitted(form, lambda: self._make(form))
        if made is None:
            return self.page("form.html", form=form, title=self.add_title, record=None)
        return self.done(self.added, ".show", key=made.public_id)

    def _prefill(self, form: Any) -> None:
        """Choose the parent a link named."""
        prefill(form, self.parent_field)

    def _make(self, form: Any) -> Any:
        given = form.given()
        parent = given.pop(self.parent_field)
        return type(self).add_act(acting(), parent, **given, **form.words())  # type: ignore[misc]

    @expose("/<key>/edit", methods=["GET", "POST"])
    @has_access
    def edit(self, key: str) -> Any:
        """A form that changes a record; a version somebody else saved meanwhile is shown beside."""
        record = reach(self.datamodel.obj, key, self.acts["edit"], options=self.load)
        form = self.edit_form(obj=record)
        if request.method == "GET":
            form.seen.data = str(record.version)
        saved = submitted(form, lambda: self._save(record, form))
        if saved is None:
            theirs = self._theirs(record, form) if g.get("refusal_status") == Conflict.status else []
            return self.page("form.html", form=form, title=self.edit_title, record=record, theirs=theirs)
        return self.done(self.edited, ".show", key=key)

    def _save(self, record: Any, form: Any) -> Any:
        given, words = form.given(), form.words()
        return type(self).edit_act(acting(), record, **given, seen=words["seen"] or 0)  # type: ignore[misc]

    def _theirs(self, record: Any, form: Any) -> Any:
        """What the other person saved, field by field, where it differs from what was typed."""
        db.session.refresh(record)
        form.seen.data = str(record.version)
        pairs = [(form[name], getattr(record, name, None)) for name in form.given()]
        return [(field, value) for field, value in pairs if value != field.data]


def prefill(form: Any, *names: str) -> None:
    """Choose the records a link named; one that may not be chosen is left out."""
    for name in names:
        key = request.args.get(name)
        if key and name in form:
            try:
                form[name].process_formdata([key])
            except ValueError:
                form[name].data = None


def reach(table: type[Any], key: str, act: str, *offered: str, options: Iterable[Any] = ()) -> Any:
    """The record of this public id, on which the actor may do ``act``.

    Raises:
        NotFound: there is none, or the actor may not know of it.
        NotAllowed: the actor sees it and may not do this.
    """
    record = find(table, key, act, *offered, options=options)
    if not allowed(act, record):
        raise why_not(acting(), act, record.id)
    return record


def offered_rows(statement: Select[Any], *acts: str) -> list[Any]:
    """The records a statement finds, each with the acts the actor may do on it."""
    columns = [sight.here(db.session(), act).label(f"may_{n}") for n, act in enumerate(acts)]
    rows = db.session.execute(statement.add_columns(*columns)).unique().all()
    for row in rows:
        offer(row[0], [act for act, yes in zip(acts, row[1:], strict=True) if yes])
    return [row[0] for row in rows]
