"""How far a right reaches: rows named by a column and a SELECT of its values, and what is asked of them.

The same rows are asked for in three ways (``clause``, ``keys``, ``holds``), and a set of patients, hospitals, networks
or people reaches its rows in every table (``of_patients`` and its sisters). Whose set it is says the scope.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, FromClause, GenerativeSelect, Select, false, or_, select, true, union_all
from sqlalchemy.engine.default import DefaultDialect

from app.actors import Actor, known_as
from app.models import (
    ArchivedDocument,
    Centre,
    ConsentDecision,
    ConsentForm,
    DocumentKey,
    ExpertGroup,
    ExpertGroupMember,
    Hospital,
    Membership,
    Network,
    Patient,
    Person,
    PhoneLink,
)
from app.words import MandateKind

_DIALECT = DefaultDialect()


class Reach(NamedTuple):
    """The rows whose ``column`` is among the values that one of ``ids`` selects."""

    column: str
    ids: tuple[Select[Any], ...]


Scope = Callable[[Actor, type[Any]], "Reach | bool"]

MANDATES: dict[Scope, frozenset[MandateKind]] = {}
"""The scopes that reach nothing without a mandate of one of these kinds: to others pages offer nothing by them."""


def of_mandates(*kinds: MandateKind) -> Callable[[Scope], Scope]:
    """Note which mandates a scope counts."""

    def note(scope: Scope) -> Scope:
        MANDATES[scope] = frozenset(kinds)
        return scope

    return note


def clause(thing: type[Any], reaches: Iterable[Reach | bool]) -> ColumnElement[bool]:
    """The rows of ``reaches``, as sets: those of one column share one IN, which databases plan well."""
    by_column: dict[str, list[Select[Any]]] = {}
    for reach in reaches:
        if reach is True:
            return true()
        if isinstance(reach, Reach):
            by_column.setdefault(reach.column, []).extend(reach.ids)
    parts = [
        getattr(thing, column).in_(ids[0] if len(ids) == 1 else union_all(*ids)) for column, ids in by_column.items()
    ]
    return or_(false(), *parts) if parts else false()


def keys(thing: Any, reaches: Iterable[Reach | bool]) -> GenerativeSelect | None:
    """The same rows by their keys, for a database to begin with; ``None``: every row."""
    row = known_as(f"reached_{thing.__tablename__}", thing)
    found: list[Select[Any]] = []
    for reach in reaches:
        if reach is True:
            return None
        if isinstance(reach, Reach):
            own = reach.column == "id"
            found += reach.ids if own else (select(row.c.id).where(row.c[reach.column].in_(ids)) for ids in reach.ids)
    if not found:
        return select(row.c.id).where(false())
    return found[0] if len(found) == 1 else union_all(*found)


def holds(thing: type[Any], reaches: Iterable[Reach | bool]) -> ColumnElement[bool]:
    """Whether a row at hand is one of them.

    The row's own key stands inside each SELECT, so a database looks that row up. It would find the whole set first, however
    large, if the set stood alone; and PostgreSQL would make a join of an IN or EXISTS, hence the scalar with a LIMIT.
    """
    found: list[Select[Any]] = []
    for reach in reaches:
        if reach is True:
            return true()
        if isinstance(reach, Reach):
            found += (_of_row(thing, reach.column, ids) for ids in reach.ids)
    if not found:
        return false()
    one = found[0] if len(found) == 1 else union_all(*found)
    return one.limit(1).scalar_subquery().is_not(None)


def _of_row(thing: type[Any], column: str, ids: Select[Any]) -> Select[Any]:
    """``ids``, of the one row of ``thing`` that the statement around holds, whatever it calls the table.

    Naming ``thing`` to ``correlate`` would be quicker and wrong: under an alias, as of a joined load, it is another table.
    """
    (key,) = ids.selected_columns
    return ids.where(key == thing.__table__.c[column]).correlate_except(*froms_of(ids))


def froms_of(ids: Select[Any]) -> list[FromClause]:
    """What ``ids.get_final_froms()`` gives; that one writes the whole statement only to have a compiler at hand."""
    empty = _DIALECT.statement_compiler(_DIALECT, None)
    return ids._compile_state_factory(ids, empty)._get_display_froms()  # noqa: SLF001


def _forms_of(column: str, ids: Select[Any]) -> Select[Any]:
    form = known_as("their_form", ConsentForm)
    return select(form.c.id).where(form.c[column].in_(ids)).correlate(None)


def _centres_of(column: str, ids: Select[Any]) -> Select[Any]:
    centre = known_as("their_centre", Centre)
    return select(centre.c.id).where(centre.c[column].in_(ids)).correlate(None)


def of_patients(thing: type[Any], ids: Select[Any]) -> Reach:
    """The rows of ``thing`` that belong to the patients ``ids`` selects."""
    if thing is DocumentKey:
        document = known_as("their_document", ArchivedDocument)
        forms = _forms_of("patient_id", ids)
        return Reach("document_id", (select(document.c.id).where(document.c.form_id.in_(forms)).correlate(None),))
    if thing in (ConsentDecision, ArchivedDocument, PhoneLink):
        return Reach("form_id", (_forms_of("patient_id", ids),))
    return Reach({Patient: "id"}.get(thing, "patient_id"), (ids,))


def of_hospitals(thing: type[Any], ids: Select[Any]) -> Reach:
    """The rows of ``thing`` that belong to the hospitals ``ids`` selects."""
    if thing is Membership:
        return Reach("centre_id", (_centres_of("hospital_id", ids),))
    if thing in (ConsentDecision, ArchivedDocument):
        return Reach("form_id", (_forms_of("hospital_id", ids),))
    return Reach({Hospital: "id"}.get(thing, "hospital_id"), (ids,))


def of_networks(thing: type[Any], ids: Select[Any]) -> Reach:
    """The rows of ``thing`` that belong to the networks ``ids`` selects."""
    if thing is Membership:
        return Reach("centre_id", (_centres_of("network_id", ids),))
    if thing is Hospital:
        centre = known_as("network_centre", Centre)
        return Reach("id", (select(centre.c.hospital_id).where(centre.c.network_id.in_(ids)).correlate(None),))
    if thing is ExpertGroupMember:
        group = known_as("their_group", ExpertGroup)
        return Reach("group_id", (select(group.c.id).where(group.c.network_id.in_(ids)).correlate(None),))
    return Reach({Network: "id"}.get(thing, "network_id"), (ids,))


def of_people(thing: type[Any], *ids: Select[Any]) -> Reach:
    """The rows of ``thing`` that belong to the people one of ``ids`` selects."""
    return Reach({Person: "id"}.get(thing, "person_id"), ids)
