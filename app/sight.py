"""Seeing something: which rows a session of the ORM may read, and for whom.

A session is bound to one actor, once. Every SELECT of the ORM, relationship loads included, then carries the ``x.see``
clauses of ``rights``: a forgotten filter shows nothing instead of everything, and a session without an actor sees no row.
Reads that must be wider have a reason in ``REASONS`` and a session of their own (``wide``).
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from flask_appbuilder.security.sqla.models import Group, Permission, PermissionView, RegisterUser, User, ViewMenu
from flask_appbuilder.security.sqla.models import Role as FabRole
from sqlalchemy import ColumnElement, Select, event, false, func, select, true
from sqlalchemy.orm import LoaderCriteriaOption, ORMExecuteState, Session
from sqlalchemy.orm.interfaces import CriteriaOption
from sqlalchemy.sql.visitors import ExtendedInternalTraversal

from app import actors, rights
from app.actors import Actor
from app.models import Attempt, LoginTrip, NameWord, OnceKey, PasskeyQuestion, PasswordLink, Person, RecoveryCode, db
from app.words import Role

REASONS: dict[str, tuple[str, str]] = {
    # reason              tables it reads                          what may leave
    "login": ("Login, Person, Mandate, Membership, Photo", "the signed-in person"),
    "limits": ("Attempt", "a count"),
    "password-link": ("PasswordLink, Person", "the person the link was made for, and to that person when"),
    "second-factor": (
        "SecondFactor, RecoveryCode, PasskeyQuestion, Person",
        "whose passkey signed; whether a code is right; how many recovery codes a person has left",
    ),
    "eu-login": ("LoginTrip, LoginIdentity, Person", "who came back from EU Login; the page the browser wanted"),
    "phone-link": ("PhoneLink, Person", "the form's code and the person who showed the QR"),
    "refusal": ("AuditEntry", "a count"),
    "reading": ("AuditEntry", "nothing"),
    "scan-route": (
        "ConsentForm, BlankForm, Patient, Membership",
        "whose form a scanned page is, to the job that sorts a stack",
    ),
    "verify": (
        "ConsentForm, BlankForm, ConsentText, ArchivedDocument, ConsentDecision",
        "of one form: code, text version, language, day of archiving, whether annulled; whether a file is one of it",
    ),
    "scan-rest": ("StackPage", "whether pages wait in one's own stack that one may no longer see"),
    "export": (
        "Patient, ConsentForm, ExportRelease, Job",
        "how many forms each clinician would release, and of erased records; what others decided; how far the file is made",
    ),
    "leaving": (
        "all of a place",
        "what hangs on people and places that end, in numbers; whom to tell; whose place was held for records that are gone",
    ),
    "guests": ("Mandate, Membership, Person", "who is warned that a guest's stay ends; whose host has left"),
    "idle": (
        "Person, Mail, Mandate, Patient",
        "who has not signed in for long, to who minds them; whether one of them alone keeps something",
    ),
    "rolls": (
        "Roll, Membership, Mandate, Centre, Hospital, Person",
        "which hospital's yearly list begins or is done; who represents it, and how many are open on it, into that person's mail and to who sees the list",
    ),
    "handover": ("Person", "the name of who treats a patient, into the offer of the record"),
    "nickname": ("Patient", "whether the nickname is taken"),
    "duplicate-check": ("PatientIdentity", "whether one exists in the hospital"),
    "letter": ("PatientIdentity", "ids of the patients of exactly this identity, into the letter's own rows"),
    "account-match": (
        "Person, LoginIdentity",
        "the account of a typed e-mail address, inside the act that appoints it or writes to it; whether it is still its own",
    ),
    "operators": ("Person", "whether anybody else operates the platform"),
    "request-deciders": (
        "Mandate, Person",
        "whether anybody represents the hospital of one's request, and coordinates the network",
    ),
    "applicant": (
        "Person, Membership, Patient",
        "whether the account of who asks for a place is open, and whether they worked in the hospital before",
    ),
    "demo-logins": ("Person", "name and role of demo accounts, in demo mode only"),
    "job": ("all", "what the job does"),
    "mail": ("Mail, MailOff, Person", "the mail itself, to its receiver; how many wait, to the operator"),
    "reminders": (
        "ConsentForm, Patient, Letter, ExportRelease, MembershipRequest, Grant, Mandate, Absence, Job",
        "who is concerned today; how much waits, counted under each one's own rights, into that person's mail",
    ),
    "policy": (
        "PolicyVersion, PolicyAcceptance, Person, Patient, Mandate, Grant, Centre",
        "the texts, which are public; what hangs on one's own account, in numbers, and whom to ask",
    ),
    "own-data": (
        "every table that names a person",
        "to that person: rows about themselves, numbers of the others; no patient's data, nobody else's",
    ),
    "proofs": ("ConsentForm, ArchivedDocument, DocumentKey, Patient", "how many proofs of consent a hospital keeps"),
    "expiry": ("Patient, ConsentForm, BlankForm, PolicyAcceptance, Mail, LoginIdentity, Person", "what is due"),
    "log-names": ("Person", "the names of who opened a record one may audit"),
    "place-history": (
        "AuditEntry, MembershipRequest",
        "what happened to one membership or mandate the reader sees, and when; never what a request says",
    ),
    "directory": (
        "Person, NameWord, Membership, Mandate, Hospital, Network, Profile, Expertise, Absence, Photo",
        "name, job title, places, expertise, the last day away and the photo’s name of those who are found; no address",
    ),
    "fsck": ("all", "findings with keys, no contents"),
    "health": ("none", "whether the database answers"),
    "text-change": ("ConsentForm, ConsentDecision, Patient", "how many forms a hospital's own text makes due"),
    "command": ("all", "what the operator's command prints"),
    "seed": ("all", "nothing"),
}
"""Why something reads wider than its actor may. A test lists every use."""

FEW = 1000
"""Rows that are quicker found and sorted than met one by one in a list's order."""

HIDDEN = (
    *(FabRole, Permission, PermissionView, ViewMenu, Group, RegisterUser),
    *(Attempt, LoginTrip, PasswordLink, PasskeyQuestion, RecoveryCode, OnceKey, NameWord),
)
"""Tables no page ever shows."""


class Blind(RuntimeError):
    """A session was asked to see for a second actor."""


def bind(session: Session, actor: Actor) -> None:
    """Let ``session`` see what ``actor`` may see, from now on and for nobody else.

    Raises:
        Blind: the session sees for somebody else already; its identity map would leak.
    """
    bound = session.info.get("actor")
    if bound is not None and bound != actor:
        message = "this session is bound to another actor"
        raise Blind(message)
    session.info["actor"] = actor


@contextmanager
def wide(reason: str) -> Iterator[Session]:
    """A separate session that sees every row, for one of ``REASONS``. Closed, and rolled back, at the end."""
    if reason not in REASONS:
        message = f"no such reason: {reason}"
        raise KeyError(message)
    with Session(db.engine, expire_on_commit=False) as session:
        session.info["wide"] = reason
        yield session


@contextmanager
def beside(actor: Actor) -> Iterator[Session]:
    """A separate session that sees what ``actor`` may see: for an answer that is still sent when the request is over."""
    with Session(db.engine) as session:
        bind(session, actor)
        yield session


def begin(session: Session, act: str) -> ColumnElement[bool]:
    """Where a list of the rows on which the session's actor may do ``act`` begins.

    A few rows are found first and then sorted. Of many, the list is walked in its order, and each row's right is asked:
    else the first page would cost as much as all. The clause is for statements of this session: ``_limit`` fills it in.
    """
    actor: Actor = session.info["actor"]
    start = None if actor.system else _start(actor.roles, act)
    if start is None:
        return true()
    if (session.scalar(start.counting, actors.values(actor)) or 0) <= FEW:
        return start.few
    return start.many


def of_row(session: Session, act: str) -> ColumnElement[bool]:
    """Whether the session's actor may do ``act`` on a row that a statement of this session names by its key."""
    actor: Actor = session.info["actor"]
    start = None if actor.system else _start(actor.roles, act)
    return true() if start is None else start.many


def here(session: Session, act: str) -> ColumnElement[bool]:
    """Whether the session's actor may do ``act`` on the row at hand: a column or condition of an ORM statement of the session."""
    actor: Actor = session.info["actor"]
    return true() if actor.system else _here(actor.roles, act)


@functools.cache
def _here(roles: frozenset[Role], act: str) -> ColumnElement[bool]:
    """For actors of these roles: ``_limit`` fills in which."""
    return rights.right_here(actors.anybody(roles), act)


class Start(NamedTuple):
    """How many rows there are, counted to ``FEW`` and one; the clause for a few, and for many."""

    counting: Select[int]
    few: ColumnElement[bool]
    many: ColumnElement[bool]


@functools.cache
def _start(roles: frozenset[Role], act: str) -> Start | None:
    """For actors of these roles; ``None``: every row."""
    actor, table = actors.anybody(roles), rights.on(act)
    keys = rights.reached(actor, act)
    if keys is None:
        return None
    counting = select(func.count()).select_from(keys.limit(FEW + 1).subquery())
    sights = rights.covers_sight(roles, act)  # these are asked of each row anyhow
    return Start(counting, table.id.in_(keys), true() if sights else _here(roles, act))


class Criterion(LoaderCriteriaOption):
    """What limits one entity, with SQLAlchemy's mark in it, put once.

    SQLAlchemy copies the whole clause to mark it, for each entity of each statement it compiles. Ours is the same for all,
    so one copy serves: compiling is quicker, and what is compiled keeps no copies of its own, megabytes for some pages.
    """

    __slots__ = ("marked",)
    _traverse_internals = LoaderCriteriaOption._traverse_internals  # noqa: SLF001  what makes it a key stays the same

    def _resolve_where_criteria(self, ext_info: Any) -> ColumnElement[bool]:
        if not hasattr(self, "marked"):
            self.marked = super()._resolve_where_criteria(ext_info)
        return self.marked


class Sight(CriteriaOption):
    """What actors of one set of roles see, as one option of a statement.

    Made once, with ``actors.ME`` and ``actors.TODAY`` in place of values: a statement's text depends on the roles
    alone, so it is compiled once for everybody who has them. As forty options it would be compared with what is compiled
    already clause by clause, at every read.
    """

    __slots__ = ("criteria",)
    _traverse_internals = [("criteria", ExtendedInternalTraversal.dp_plain_obj)]  # noqa: RUF012  as SQLAlchemy has it
    propagate_to_loaders = False  # a lazy load passes ``_limit`` itself

    def __init__(self, criteria: tuple[Any, ...]) -> None:
        self.criteria = criteria

    def process_compile_state(self, compile_state: Any) -> None:
        """Limit the entities of a statement that is being compiled."""
        self.get_global_criteria(compile_state.global_attributes)

    def get_global_criteria(self, attributes: dict[Any, Any]) -> None:
        """The same, once for a statement: one that loads relations brings its parent's sight along."""
        known = attributes.get(Sight)
        if known is self:
            return
        if known is not None:
            message = "a statement was to see for two sets of roles"
            raise Blind(message)
        attributes[Sight] = self
        for one in self.criteria:
            one.get_global_criteria(attributes)


_making = threading.Lock()


def _sight(roles: frozenset[Role] | None) -> Sight:
    """What actors of these roles see; ``None``: what a session sees that has no actor, nothing."""
    with _making:  # two threads at one moment must not make two sights of one set of roles
        return _make_sight(roles)


@functools.cache
def _make_sight(roles: frozenset[Role] | None) -> Sight:
    options = [Criterion(table, false(), include_aliases=True) for table in HIDDEN]
    for act, table in rights.sights():
        entity = User if table is Person else table
        where = false() if roles is None else _here(roles, act)
        options.append(Criterion(entity, where, include_aliases=True))
    return Sight(tuple(options))


@event.listens_for(Session, "do_orm_execute")
def _limit(state: ORMExecuteState) -> None:
    """Add the actor's clauses to every ORM read, lazy loads of relations included."""
    info = state.session.info
    actor: Actor | None = info.get("actor")
    if not state.is_orm_statement or "wide" in info or (actor is not None and actor.system) or state.is_column_load:
        return
    if not state.is_select:
        message = "rows are changed one by one, through an act"
        raise Blind(message)
    state.statement = state.statement.options(_sight(actor.roles if actor else None))
    if actor is not None:
        given: Any = state.parameters or {}
        state.parameters = {**given, **actors.values(actor)}
