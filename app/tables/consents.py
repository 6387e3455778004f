"""Consent: published texts, forms, decisions, archived documents, phone links."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    JSON,
    CheckConstraint,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    literal_column,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.tables.base import Moment, Record, choice
from app.tables.networks import Hospital, Registry
from app.tables.patients import Patient
from app.tables.people import Person
from app.words import Answer, Channel, FormState, Procedure, Purpose, Relation, Variant

if TYPE_CHECKING:
    from app.tables.text_changes import TextChange

INSTALLED = literal_column("source").is_not(None)
UNEXPLAINED = literal_column("explained_at").is_(None)


class ConsentText(Record):
    """A published text: composed HTML, style and fonts by hash. Never changed, so an old form prints for ever.

    The standard's, or a hospital's own; ``source`` says where an authoritative file came from that was installed once.
    ``purposes`` is raised by a standard text that changes what is done with the data (see ``TextChange``).
    """

    __tablename__ = "consent_text"
    __table_args__ = (
        UniqueConstraint("procedure", "language", "variant", "sha256"),
        CheckConstraint("hospital_id IS NULL OR procedure = 'eu'", name="ukrainian_is_no_hospitals"),
        CheckConstraint("(source IS NULL) = (source_sha256 IS NULL)", name="source_has_its_hash"),
        Index(
            "ix_consent_text_installed",
            "procedure",
            "language",
            "variant",
            unique=True,
            sqlite_where=INSTALLED,
            postgresql_where=INSTALLED,
        ),
    )
    procedure: Mapped[Procedure] = mapped_column(choice(Procedure, "procedure"))
    language: Mapped[str] = mapped_column(String(5))
    variant: Mapped[Variant] = mapped_column(choice(Variant, "variant"))
    text_version: Mapped[str] = mapped_column(String(40))
    title: Mapped[str] = mapped_column(String(200))
    html: Mapped[str] = mapped_column(Text)
    css: Mapped[str] = mapped_column(Text)
    fonts: Mapped[dict[str, Any]] = mapped_column(JSON)
    sha256: Mapped[str] = mapped_column(String(64))
    published_at: Mapped[dt.datetime] = mapped_column(Moment)
    hospital_id: Mapped[int | None] = mapped_column(
        ForeignKey("hospital.id", name="fk_consent_text_hospital_id_hospital")
    )
    source: Mapped[str | None] = mapped_column(String(300))
    source_sha256: Mapped[str | None] = mapped_column(String(64))
    purposes: Mapped[int] = mapped_column(default=1)

    def __str__(self) -> str:
        return f"{self.procedure} {self.language} {self.variant} {self.text_version}"


class ConsentForm(Record):
    """One consent form, from the chosen language to the archived document.

    One signed on a paper that was not printed here has an ``external_reference`` instead of a text: it counts only after
    somebody other than who filed it has checked it, which no row may say otherwise.

    ``explained_by`` is the clinician the paper names as who explained it; ``explained_at`` is when that clinician said so.
    """

    __tablename__ = "consent_form"
    __table_args__ = (
        CheckConstraint("state NOT IN ('signed', 'archived') OR signed_on IS NOT NULL", name="signed_has_a_date"),
        CheckConstraint("state NOT IN ('cancelled', 'annulled') OR end_reason IS NOT NULL", name="end_has_a_reason"),
        CheckConstraint("state <> 'printed' OR printed_at IS NOT NULL", name="printed_has_a_moment"),
        CheckConstraint("(text_id IS NULL) = (external_reference IS NOT NULL)", name="text_or_reference"),
        CheckConstraint("(external_reference IS NULL) = (filed_by_id IS NULL)", name="reference_has_a_filer"),
        CheckConstraint(
            "external_reference IS NULL OR (procedure = 'eu' AND printed_at IS NULL)", name="ukrainian_is_printed_here"
        ),
        CheckConstraint(
            "state NOT IN ('to_check', 'sent_back') OR external_reference IS NOT NULL", name="external_is_checked"
        ),
        CheckConstraint(
            "external_reference IS NULL OR state IN ('to_check', 'sent_back', 'cancelled') OR checked_by_id IS NOT NULL",
            name="external_counts_when_checked",
        ),
        CheckConstraint("checked_by_id IS NULL OR checked_by_id <> filed_by_id", name="checked_by_a_second_person"),
        CheckConstraint("(checked_by_id IS NULL) = (checked_on IS NULL)", name="check_has_a_day"),
        CheckConstraint("state <> 'sent_back' OR sent_back_reason IS NOT NULL", name="sent_back_has_a_reason"),
        CheckConstraint("explained_at IS NULL OR explained_by_id IS NOT NULL", name="explained_by_somebody"),
        Index("ix_consent_form_patient_id_state", "patient_id", "state"),
        Index("ix_consent_form_hospital_id_id", "hospital_id", "id"),
        Index("ix_consent_form_state_renewal_due_on", "state", "renewal_due_on"),
        Index(
            "ix_consent_form_unexplained",
            "explained_by_id",
            sqlite_where=UNEXPLAINED,
            postgresql_where=UNEXPLAINED,
        ),
    )
    code: Mapped[str] = mapped_column(String(16), unique=True)
    patient_id: Mapped[int] = mapped_column(ForeignKey("patient.id"))
    hospital_id: Mapped[int] = mapped_column(ForeignKey("hospital.id"))
    text_id: Mapped[int | None] = mapped_column(ForeignKey("consent_text.id"))
    procedure: Mapped[Procedure] = mapped_column(choice(Procedure, "procedure"))
    language: Mapped[str] = mapped_column(String(5))
    variant: Mapped[Variant] = mapped_column(choice(Variant, "variant"))
    state: Mapped[FormState] = mapped_column(choice(FormState, "state"))
    prepared_at: Mapped[dt.datetime] = mapped_column(Moment)
    printed_at: Mapped[dt.datetime | None] = mapped_column(Moment)
    print_count: Mapped[int] = mapped_column(default=0)
    large_print: Mapped[bool] = mapped_column(default=False)
    signed_on: Mapped[dt.date | None]
    recorded_at: Mapped[dt.datetime | None] = mapped_column(Moment)
    relation: Mapped[Relation | None] = mapped_column(choice(Relation, "relation"))
    wrapped_key: Mapped[bytes] = mapped_column(LargeBinary)
    sealed_signer: Mapped[bytes | None] = mapped_column(LargeBinary)
    sealed_paper: Mapped[bytes | None] = mapped_column(LargeBinary)
    archived_at: Mapped[dt.datetime | None] = mapped_column(Moment)
    attested_place: Mapped[str | None] = mapped_column(String(300))
    attested_by_id: Mapped[int | None] = mapped_column(ForeignKey("ab_user.id"))
    end_reason: Mapped[str | None] = mapped_column(String(300))
    ended_at: Mapped[dt.datetime | None] = mapped_column(Moment)
    mandate_ends_on: Mapped[dt.date | None]
    renewal_due_on: Mapped[dt.date | None]
    text_change_id: Mapped[int | None] = mapped_column(
        ForeignKey("text_change.id", name="fk_consent_form_text_change_id_text_change"), index=True
    )
    external_reference: Mapped[str | None] = mapped_column(String(120))
    filed_by_id: Mapped[int | None] = mapped_column(ForeignKey("ab_user.id"))
    checked_by_id: Mapped[int | None] = mapped_column(ForeignKey("ab_user.id"))
    checked_on: Mapped[dt.date | None]
    sent_back_reason: Mapped[str | None] = mapped_column(String(300))
    explained_by_id: Mapped[int | None] = mapped_column(
        ForeignKey("ab_user.id", name="fk_consent_form_explained_by_id_ab_user")
    )
    explained_at: Mapped[dt.datetime | None] = mapped_column(Moment)

    patient: Mapped[Patient] = relationship()
    hospital: Mapped[Hospital] = relationship()
    text: Mapped[ConsentText | None] = relationship()
    text_change: Mapped[TextChange | None] = relationship()
    attested_by: Mapped[Person | None] = relationship(foreign_keys=[attested_by_id])
    filed_by: Mapped[Person | None] = relationship(foreign_keys=[filed_by_id])
    checked_by: Mapped[Person | None] = relationship(foreign_keys=[checked_by_id])
    explained_by: Mapped[Person | None] = relationship(foreign_keys=[explained_by_id])
    decisions: Mapped[list[ConsentDecision]] = relationship(
        back_populates="form", cascade="all, delete-orphan", order_by="ConsentDecision.id"
    )
    documents: Mapped[list[ArchivedDocument]] = relationship(
        back_populates="form", order_by="ArchivedDocument.position"
    )

    def __str__(self) -> str:
        return self.code


class ConsentDecision(Record):
    """What the patient decided for one purpose, and for one registry where the purpose is registries."""

    __tablename__ = "consent_decision"
    __table_args__ = (
        UniqueConstraint("form_id", "purpose", "registry_id"),
        CheckConstraint("(purpose = 'registry') = (registry_id IS NOT NULL)", name="registry_is_named"),
        CheckConstraint("procedure <> 'ua' OR purpose = 'care'", name="ukrainian_asks_care_alone"),
        CheckConstraint(
            "(answer = 'withdrawn') = (withdrawn_on IS NOT NULL AND channel IS NOT NULL)", name="withdrawal_says_how"
        ),
        Index("ix_consent_decision_form_id_purpose", "form_id", "purpose", "answer"),
    )
    form_id: Mapped[int] = mapped_column(ForeignKey("consent_form.id"))
    procedure: Mapped[Procedure] = mapped_column(choice(Procedure, "procedure"))
    purpose: Mapped[Purpose] = mapped_column(choice(Purpose, "purpose"))
    registry_id: Mapped[int | None] = mapped_column(ForeignKey("registry.id"), index=True)
    answer: Mapped[Answer] = mapped_column(choice(Answer, "answer"))
    withdrawn_on: Mapped[dt.date | None]
    channel: Mapped[Channel | None] = mapped_column(choice(Channel, "channel"))
    withdrawal_reason: Mapped[str | None] = mapped_column(String(300))

    form: Mapped[ConsentForm] = relationship(back_populates="decisions")
    named_registry: Mapped[Registry | None] = relationship()


class ArchivedDocument(Record):
    """One stored file of a signed form. Append-only: the database refuses a change.

    ``kind`` is ``original`` (as it was uploaded), ``reading`` (photographs as one document) or ``copy`` (sealed).
    """

    __tablename__ = "archived_document"
    __table_args__ = (UniqueConstraint("form_id", "position", "kind"), Index("ix_archived_document_sha256", "sha256"))
    form_id: Mapped[int] = mapped_column(ForeignKey("consent_form.id"), index=True)
    position: Mapped[int]
    kind: Mapped[str] = mapped_column(String(10))
    media_type: Mapped[str] = mapped_column(String(40))
    size: Mapped[int]
    pages: Mapped[int]
    sha256: Mapped[str] = mapped_column(String(64))
    storage_key: Mapped[str] = mapped_column(String(80), unique=True)
    source: Mapped[str] = mapped_column(String(10))
    archived_by_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id"))
    archived_at: Mapped[dt.datetime] = mapped_column(Moment)
    sealed_signature: Mapped[bytes | None] = mapped_column(LargeBinary)

    form: Mapped[ConsentForm] = relationship(back_populates="documents")
    key: Mapped[DocumentKey | None] = relationship(back_populates="document")


class DocumentKey(Record):
    """The key of a stored file, apart from the append-only row: it can be wrapped anew, or destroyed after its term."""

    __tablename__ = "document_key"
    document_id: Mapped[int] = mapped_column(ForeignKey("archived_document.id"), unique=True)
    wrapped_key: Mapped[bytes] = mapped_column(LargeBinary)

    document: Mapped[ArchivedDocument] = relationship(back_populates="key")


class PhoneLink(Record):
    """A QR on the desk's screen: one upload of one form's scan from a phone, within ten minutes."""

    __tablename__ = "phone_link"
    form_id: Mapped[int] = mapped_column(ForeignKey("consent_form.id"), index=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id"))
    login_id: Mapped[int] = mapped_column(ForeignKey("login.id"))
    token_hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    expires_at: Mapped[dt.datetime] = mapped_column(Moment)
    used_at: Mapped[dt.datetime | None] = mapped_column(Moment)

    form: Mapped[ConsentForm] = relationship()
    person: Mapped[Person] = relationship()
