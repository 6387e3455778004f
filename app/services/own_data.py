"""What is stored about oneself: every table that names the person, as plain data; nobody else's, and no patient's.

``SECTIONS`` says of each table by which columns a row is about the person, and which of its columns are told. Rows about
somebody else that a person only made or decided are ``COUNTED``, patients too. ``LEFT_OUT`` says of the rest why. A test
compares all three with the foreign keys of the database, so that a new table is not forgotten.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from app import sight
from app.models import (
    Absence,
    ArchivedDocument,
    AuditEntry,
    Authorisation,
    BlankForm,
    Centre,
    ConsentForm,
    ExpertGroup,
    ExpertGroupMember,
    Expertise,
    Export,
    ExportRelease,
    Grant,
    Handover,
    Hospital,
    Job,
    Letter,
    Login,
    LoginIdentity,
    Mail,
    MailOff,
    Mandate,
    Membership,
    MembershipRequest,
    Network,
    OwnText,
    OwnTextWriter,
    PasskeyQuestion,
    PasswordLink,
    Patient,
    Person,
    PhoneLink,
    Photo,
    PolicyAcceptance,
    PolicyVersion,
    PrintRun,
    Profile,
    RecoveryCode,
    RequestConfirmation,
    SecondFactor,
    Stack,
    ThematicArea,
    now,
)
from app.services import photos, requests
from app.words import _, p_

AT_ONCE = 1000
"""Entries of the log read together: memory stays small, and no transaction waits for a slow line."""

SPELL = ("from_on", "to_on", "ended_at", "end_reason")
NAMED: dict[str, tuple[type[Any], str]] = {
    "hospital_id": (Hospital, "name"),
    "centre_id": (Centre, "name"),
    "network_id": (Network, "name"),
    "area_id": (ThematicArea, "name"),
    "group_id": (ExpertGroup, "name"),
    "version_id": (PolicyVersion, "number"),
}
"""Foreign keys that are told by what the row they lead to is called."""


class Section(NamedTuple):
    """What one reads it under; the table; by which columns a row is about the person; the columns that are told."""

    label: object
    table: type[Any]
    mine: tuple[str, ...]
    told: tuple[str, ...]


ACCOUNT = (
    "first_name",
    "last_name",
    "username",
    "email",
    "active",
    "created_on",
    "changed_on",
    "last_login",
    "login_count",
    "fail_login_count",
    "job_title",
    "institution",
    "country_code",
    "language",
    "mail_language",
    "time_zone",
    "consent_language",
    "disabled_at",
    "welcomed_at",
    "seen_on",
    "wrong_codes",
)
REQUEST = (
    "kind",
    "state",
    "applicant",
    "email",
    *requests.ANSWERS,
    "begun_at",
    "submitted_at",
    "question",
    "decided_at",
    "decision_reason",
    "history",
)
SECTIONS: dict[str, Section] = {
    "account": Section(_("Account"), Person, ("id",), ACCOUNT),
    "profile": Section(_("Profile"), Profile, ("person_id",), ("professional_title", "about")),
    "photo": Section(_("Photo"), Photo, ("person_id",), ("added_at", "size")),
    "expertise": Section(
        _("Expertise"), Expertise, ("person_id",), ("network_id", "area_id", "orpha_code", "orpha_name", "language")
    ),
    "memberships": Section(
        _("Memberships"),
        Membership,
        ("person_id",),
        ("centre_id", "may_enrol", "employment_on", "confirmed_on", *SPELL),
    ),
    "mandates": Section(
        _("Mandates"), Mandate, ("person_id",), ("kind", "network_id", "hospital_id", "confirmed_on", *SPELL)
    ),
    "expert_groups": Section(_("Expert groups"), ExpertGroupMember, ("person_id",), ("group_id", *SPELL)),
    "groups_chaired": Section(_("Expert groups you chair"), ExpertGroup, ("chair_id",), ("name", "network_id", *SPELL)),
    "grants": Section(
        _("Grants between clinicians and assistants"),
        Grant,
        ("clinician_id", "assistant_id"),
        ("hospital_id", "scope", *SPELL),
    ),
    "absences": Section(_("Absences"), Absence, ("person_id",), ("note", "accepted_at", "declined_at", *SPELL)),
    "requests": Section(_("Requests for access"), MembershipRequest, ("person_id",), REQUEST),
    "policy_acceptances": Section(
        _("Privacy policy"), PolicyAcceptance, ("person_id",), ("version_id", "language", "accepted_at", "withdrawn_at")
    ),
    "logins": Section(
        _("Logins"),
        Login,
        ("person_id",),
        ("started_at", "seen_at", "expires_at", "ended_at", "address", "browser"),
    ),
    "accounts_elsewhere": Section(
        _("Accounts elsewhere that open this one"),
        LoginIdentity,
        ("person_id",),
        ("issuer", "subject", "email", "email_verified", "bound_at", "used_at"),
    ),
    "password_links": Section(_("Links to set a password"), PasswordLink, ("person_id",), ("expires_at", "used_at")),
    "second_factors": Section(
        _("Second factors"), SecondFactor, ("person_id",), ("kind", "name", "added_at", "used_at")
    ),
    "recovery_codes": Section(_("Recovery codes"), RecoveryCode, ("person_id",), ("made_at",)),
    "passkey_questions": Section(_("Logins with a passkey under way"), PasskeyQuestion, ("person_id",), ("asked_at",)),
    "mails": Section(
        p_("stored about oneself", "Mails"),
        Mail,
        ("person_id",),
        ("kind", "language", "state", "written_at", "sent_at"),
    ),
    "mails_switched_off": Section(_("Mails switched off"), MailOff, ("person_id",), ("kind",)),
    "authorisations": Section(
        _("Authorisations of hospitals decided by you"),
        Authorisation,
        ("decided_by_id",),
        ("hospital_id", "decided_by_name", "decided_on", "reference"),
    ),
}

COUNTED: dict[tuple[type[Any], str], str] = {
    (Absence, "substitute_id"): "absences of others you were asked to stand in for",
    (Membership, "appointed_by_id"): "memberships you added",
    (Mandate, "appointed_by_id"): "mandates you gave",
    (Mandate, "host_id"): "guests you host or hosted",
    (MembershipRequest, "confirmed_by_id"): "requests you confirmed",
    (MembershipRequest, "host_id"): "requests that name you as host",
    (MembershipRequest, "decided_by_id"): "requests you decided",
    (RequestConfirmation, "person_id"): "requests you answered as a colleague",
    (PolicyVersion, "published_by_id"): "privacy policies you published",
    (Patient, "clinician_id"): "patients you treat or treated",
    (Patient, "enrolled_by_id"): "patients you enrolled",
    (ConsentForm, "attested_by_id"): "consent forms you attested",
    (ConsentForm, "filed_by_id"): "consent forms you filed by hand",
    (ConsentForm, "explained_by_id"): "consent forms you explained",
    (ConsentForm, "checked_by_id"): "consent forms you checked",
    (ArchivedDocument, "archived_by_id"): "documents you archived",
    (BlankForm, "clinician_id"): "blank forms printed for you",
    (BlankForm, "printed_by_id"): "blank forms you printed",
    (PhoneLink, "person_id"): "links you made to send a scan from a phone",
    (Letter, "person_id"): "letters of patients you recorded",
    (Stack, "person_id"): "stacks of scans you brought",
    (Stack, "passed_by_id"): "stacks of scans you passed on",
    (Export, "person_id"): "exports you asked for",
    (ExportRelease, "person_id"): "exports your patients’ forms were in",
    (ExportRelease, "prepared_by_id"): "releases of exports you prepared",
    (ExportRelease, "decided_by_id"): "releases of exports you decided",
    (Handover, "from_id"): "records you handed over, or were to",
    (Handover, "to_id"): "records you took over, or were to",
    (Handover, "proposed_by_id"): "handovers of records you proposed",
    (PrintRun, "person_id"): "sets of forms you had printed",
    (OwnText, "author_id"): "consent texts you wrote",
    (OwnText, "proposed_by_id"): "consent texts you proposed",
    (OwnText, "decided_by_id"): "consent texts you decided",
    (OwnTextWriter, "person_id"): "consent texts that hold words of yours",
    (Job, "person_id"): "jobs you asked for",
}
"""Rows about patients or about other people that name the person: how many there are, in English as the file is."""

LEFT_OUT = {
    ("name_word", "person_id"): "the words of the name, told with the account, once more for the search",
    ("ab_user", "created_by_fk"): "Flask-AppBuilder's: who made the account is in the audit log",
    ("ab_user", "changed_by_fk"): "the same",
    ("ab_user_role", "user_id"): "told with the account: whether it operates the platform",
    ("ab_user_group", "user_id"): "there are no groups",
    ("ab_api_key", "user_id"): "there is no API",
}
"""What names a person and is not told, and why."""


def overview(person_id: int) -> list[tuple[object, int]]:
    """How many rows each section holds, in the order of the file, but for what is counted alone; the log comes last."""
    with sight.wide("own-data") as session:
        found = [(one.label, _count(session, one.table, _of(one, person_id))) for one in SECTIONS.values()]
        log = session.scalar(select(func.count(AuditEntry.seq)).where(_noted(person_id))) or 0
    return [*found, (_("What you did, in the log"), log)]


def pieces(person_id: int) -> Iterator[str]:
    """All of it as JSON, piece by piece: the log can be long."""
    with sight.wide("own-data") as session:
        told: dict[str, Any] = {"made_at": now().isoformat()}
        told |= {name: _rows(session, one, person_id) for name, one in SECTIONS.items()}
        told["photo_as_jpeg"] = photos.as_text(session, person_id)
        told["operates_the_platform"] = bool(session.get_one(Person, person_id).roles)
        told["numbers"] = {
            what: _count(session, table, getattr(table, column) == person_id)
            for (table, column), what in COUNTED.items()
        }
    yield json.dumps(told, ensure_ascii=False, indent=1).removesuffix("\n}") + ',\n "log": ['
    comma, last = "\n", 0
    while entries := _entries(person_id, last):
        for entry in entries:
            yield comma + json.dumps(_plain_row(entry._mapping), ensure_ascii=False)  # noqa: SLF001  SQLAlchemy's own name
            comma = ",\n"
        last = entries[-1].number
    yield "\n ]\n}\n"


def _of(section: Section, person_id: int) -> ColumnElement[bool]:
    return or_(*(getattr(section.table, column) == person_id for column in section.mine))


def _count(session: Session, table: type[Any], where: ColumnElement[bool]) -> int:
    return session.scalar(select(func.count(table.id)).where(where)) or 0


def _rows(session: Session, section: Section, person_id: int) -> list[dict[str, Any]]:
    names: dict[str, dict[int, Any]] = {
        column: {row[0]: row[1] for row in session.execute(select(table.id, getattr(table, word)))}
        for column, (table, word) in NAMED.items()
        if column in section.told
    }
    rows = session.scalars(select(section.table).where(_of(section, person_id)).order_by(section.table.id)).unique()
    found = []
    for row in rows:
        values = {column: getattr(row, column) for column in section.told}
        told = {
            column.removesuffix("_id"): names[column].get(value) if column in names else value
            for column, value in values.items()
        }
        if len(section.mine) > 1:
            told["you_are"] = [
                column.removesuffix("_id") for column in section.mine if getattr(row, column) == person_id
            ]
        found.append(_plain_row(told))
    return found


def _noted(person_id: int) -> ColumnElement[bool]:
    return or_(AuditEntry.actor_id == person_id, AuditEntry.on_behalf_of_id == person_id)


def _entries(person_id: int, after: int) -> Any:
    """The next entries of the log: what one did when, to what kind of thing, never to whom."""
    with sight.wide("own-data") as session:
        columns = (AuditEntry.seq.label("number"), AuditEntry.at, AuditEntry.act, AuditEntry.outcome, AuditEntry.thing)
        behalf = (AuditEntry.actor_id != person_id).label("done_for_you")
        found = select(*columns, behalf).where(_noted(person_id), AuditEntry.seq > after)
        return session.execute(found.order_by(AuditEntry.seq).limit(AT_ONCE)).all()


def _plain_row(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _plain(value) for name, value in row.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    return value.isoformat() if isinstance(value, dt.date) else value
