"""Patients: the record that others may see, and the identity only the treating people may."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.tables.base import Moment, Record, choice
from app.tables.networks import Hospital
from app.tables.people import Person
from app.words import LegalGround, PatientState, Procedure, Sex


class Patient(Record):
    """A patient under a nickname. Nothing here says who the person is.

    ``restricted_on`` is set by the data-protection contact and stands until it is lifted. ``erase_on`` is the day a record
    whose care consent was withdrawn is erased, unless it is kept on a ``kept_ground`` by a named ``kept_law``.
    """

    __tablename__ = "patient"
    __table_args__ = (
        CheckConstraint("birth_month BETWEEN 1 AND 12", name="birth_month"),
        CheckConstraint("birth_year BETWEEN 1890 AND 2200", name="birth_year"),
        Index(
            "ix_patient_clinician_id_hospital_id_id", "clinician_id", "hospital_id", "id"
        ),  # "treating" reads it alone
        Index("ix_patient_hospital_id_id", "hospital_id", "id"),
        Index("ix_patient_draft_ends_on", "draft_ends_on"),
        Index("ix_patient_erase_on", "erase_on"),
    )
    nickname: Mapped[str] = mapped_column(String(60), unique=True)
    hospital_id: Mapped[int] = mapped_column(ForeignKey("hospital.id"))
    clinician_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id"))
    procedure: Mapped[Procedure] = mapped_column(choice(Procedure, "procedure"))
    state: Mapped[PatientState] = mapped_column(choice(PatientState, "state"))
    sex: Mapped[Sex] = mapped_column(choice(Sex, "sex"))
    birth_year: Mapped[int]
    birth_month: Mapped[int]
    enrolled_by_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id"))
    created_at: Mapped[dt.datetime] = mapped_column(Moment)
    corrected_at: Mapped[dt.datetime | None] = mapped_column(Moment)
    draft_ends_on: Mapped[dt.date | None]
    restricted_on: Mapped[dt.date | None]
    erase_on: Mapped[dt.date | None]
    kept_on: Mapped[dt.date | None]
    kept_ground: Mapped[LegalGround | None] = mapped_column(choice(LegalGround, "kept_ground"))
    kept_law: Mapped[str | None] = mapped_column(String(300))

    hospital: Mapped[Hospital] = relationship()
    clinician: Mapped[Person] = relationship(foreign_keys=[clinician_id])
    identity: Mapped[PatientIdentity | None] = relationship(back_populates="patient", cascade="all, delete-orphan")

    def __str__(self) -> str:
        return self.nickname


class PatientIdentity(Record):
    """Who the patient is, sealed with a key of the patient's own. Deleting the row erases the person.

    So is the reference the patient has in the Commission's CPMS 2.0: there it leads to the same person.
    """

    __tablename__ = "patient_identity"
    __table_args__ = (
        CheckConstraint("(sealed_reference IS NULL) = (reference_index IS NULL)", name="reference_is_found"),
    )
    patient_id: Mapped[int] = mapped_column(ForeignKey("patient.id"), unique=True)
    hospital_id: Mapped[int] = mapped_column(ForeignKey("hospital.id"))
    wrapped_key: Mapped[bytes] = mapped_column(LargeBinary)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    person_index: Mapped[bytes] = mapped_column(LargeBinary(32), index=True)
    file_index: Mapped[bytes] = mapped_column(LargeBinary(32), index=True)
    sealed_reference: Mapped[bytes | None] = mapped_column(LargeBinary)
    reference_index: Mapped[bytes | None] = mapped_column(LargeBinary(32), index=True)

    patient: Mapped[Patient] = relationship(back_populates="identity")
