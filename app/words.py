"""The vocabulary: roles, states, kinds and the words a person reads for them.

What is *done* with these words lives in ``steps`` and ``services``; screen sentences live where they are said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from enum import StrEnum
from typing import Any

from flask_babel import force_locale, lazy_gettext, lazy_ngettext, lazy_pgettext
from flask_babel import gettext as gettext  # noqa: PLC0414  for words that are stored as they are said
from flask_babel.speaklater import LazyString
from markupsafe import Markup, escape

LANGUAGES = {"en": "English", "bg": "Български", "de": "Deutsch", "el": "Ελληνικά", "uk": "Українська"}
"""Languages of screens and mails, each by its own name."""

FORMATS = {"en": "en_GB"}
"""Where dates are written as in another country than a language's largest: 22 November 2026."""

_, n_, p_ = lazy_gettext, lazy_ngettext, lazy_pgettext
"""Mark a sentence for translation; it is translated where it is shown."""


def _html(sentence: LazyString) -> Markup:
    """A sentence as a page shows it: flask-babel's own answer lets what people typed into it pass as markup."""
    return escape(str(sentence))


LazyString.__html__ = _html


def spoken_in(language: str | None) -> AbstractContextManager[None]:
    """Say sentences in this language for a while: a job has no reader before it whose language it could take."""
    spoken: AbstractContextManager[None] = force_locale(language or "en")
    return spoken


class Role(StrEnum):
    """The roles of Flask-AppBuilder. The value is the role's name in ``FAB_ROLES``."""

    PUBLIC = "Public"
    ANY = "Any signed-in"
    CLINICIAN = "Clinician"
    ASSISTANT = "Assistant"
    GUEST = "Guest"
    COORDINATOR = "Coordinator"
    UA_HUB = "UA Hub"
    ADMIN = "Admin"


class Procedure(StrEnum):
    """Which consent procedure a patient follows. It comes from the hospital's country."""

    EU = "eu"
    UA = "ua"


class MandateKind(StrEnum):
    """What a person may do where, beside treating patients (DOMAIN.md section 2)."""

    ERN_COORDINATOR = "ern_coordinator"
    HOSPITAL_REPRESENTATIVE = "hospital_representative"
    DATA_PROTECTION_CONTACT = "data_protection_contact"
    ASSISTANT = "assistant"
    GUEST = "guest"
    UA_HUB = "ua_hub"


class CentreKind(StrEnum):
    """How a centre belongs to its network."""

    FULL_MEMBER = "full_member"
    ASSOCIATED = "associated_national_centre"
    COLLABORATIVE = "collaborative_national_centre"
    COORDINATION_HUB = "national_coordination_hub"


class GrantScope(StrEnum):
    """Which records of a clinician an assistant may open."""

    ALL = "all"
    CHOSEN = "chosen"


class Opinion(StrEnum):
    """The data-protection officer's opinion on a hospital's authorisation."""

    POSITIVE = "positive"
    NEGATIVE = "negative"


class Sex(StrEnum):
    """Sex as recorded for care (EU common data elements)."""

    FEMALE = "female"
    MALE = "male"
    INDETERMINATE = "indeterminate"
    UNKNOWN = "unknown"


class PatientState(StrEnum):
    """The life of a patient's record."""

    DRAFT = "draft"
    ENROLLED = "enrolled"
    RESTRICTED = "restricted"
    CLOSED = "closed"
    ERASED = "erased"


class Variant(StrEnum):
    """Who signs."""

    ADULT = "adult"
    REPRESENTATIVE = "representative"


class OwnTextState(StrEnum):
    """The life of a hospital's own consent text. Whether an accepted one is in force follows from its date."""

    DRAFT = "draft"
    PROPOSED = "proposed"
    ACCEPTED = "accepted"
    RETIRED = "retired"
    DROPPED = "dropped"


class FormState(StrEnum):
    """The life of a consent form."""

    PREPARED = "prepared"
    PRINTED = "printed"
    SIGNED = "signed"
    TO_CHECK = "to_check"
    SENT_BACK = "sent_back"
    ARCHIVED = "archived"
    WITHDRAWN = "withdrawn"
    SUPERSEDED = "superseded"
    CANCELLED = "cancelled"
    ANNULLED = "annulled"


OPEN_FORMS = (FormState.PREPARED, FormState.PRINTED, FormState.SIGNED, FormState.TO_CHECK, FormState.SENT_BACK)
"""Under way: they neither count nor have ended."""
UNSIGNED_FORMS = (FormState.PREPARED, FormState.PRINTED)
"""Ready to be signed."""
AWAITED_FORMS = (FormState.PRINTED, FormState.SIGNED)
"""Their paper has still to be filed."""
DECIDED_FORMS = (FormState.ARCHIVED, FormState.WITHDRAWN, FormState.SUPERSEDED)
"""What the patient decided by them counts, or did until it was decided again."""
PROVING_FORMS = (*DECIDED_FORMS, FormState.ANNULLED)
"""They have been archived, if only by mistake."""
OVER_FORMS = (FormState.CANCELLED, FormState.ANNULLED, FormState.SUPERSEDED, FormState.WITHDRAWN)
"""They will not count any more."""


class Purpose(StrEnum):
    """What a patient is asked to agree to."""

    CARE = "care"
    EDUCATION = "education"
    REGISTRY = "registry"


class Answer(StrEnum):
    """What a patient answered for one purpose. Not asked and refused both mean no."""

    NOT_ASKED = "not_asked"
    GIVEN = "given"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


class Relation(StrEnum):
    """What the person who signed is to the patient."""

    SELF = "self"
    PARENT = "parent"
    GUARDIAN = "guardian"
    LEGAL_REPRESENTATIVE = "legal_representative"


class Channel(StrEnum):
    """How a withdrawal reached the hospital."""

    IN_PERSON = "in_person"
    LETTER = "letter"
    EMAIL = "email"
    PHONE = "phone"
    SLIP = "slip"


class LegalGround(StrEnum):
    """Why a record may be kept, restricted, after care consent was withdrawn. The law itself is named beside it."""

    LEGAL_DUTY = "legal_duty"
    PUBLIC_HEALTH = "public_health"
    LEGAL_CLAIMS = "legal_claims"
    PATIENT_ASKS = "patient_asks"
    OTHER_LAW = "other_law"


class LetterOutcome(StrEnum):
    """What the data-protection contact did because of a patient's letter."""

    WITHDRAWN = "letter_withdrawn"
    PARTLY = "letter_partly"
    RESTRICTED = "letter_restricted"
    LIFTED = "letter_lifted"
    KEPT = "letter_kept"


class BlankState(StrEnum):
    """The life of a blank form: printed with a code before anybody is known who will sign it."""

    PRINTED = "printed"
    BOUND = "bound"
    CANCELLED = "cancelled"
    LAPSED = "lapsed"


class StackState(StrEnum):
    """The life of a stack of scans."""

    READING = "reading"
    READY = "ready"
    CLOSED = "closed"


class ScanState(StrEnum):
    """The life of one page of a stack."""

    WAITING = "waiting"
    FILED = "filed"
    DISCARDED = "discarded"


class ExportState(StrEnum):
    """The life of a hospital's export."""

    RELEASING = "releasing"
    MAKING = "making"
    TO_FETCH = "to_fetch"
    FETCHED = "fetched"
    LAPSED = "lapsed"
    STOPPED = "stopped"


class ReleaseState(StrEnum):
    """What a clinician says to an export."""

    ASKED = "release_asked"
    RELEASED = "released"
    REFUSED = "not_released"


class RunState(StrEnum):
    """The life of forms printed for several patients at once."""

    ASKED = "asked"
    READY = "ready"
    OVER = "over"


class Bundle(StrEnum):
    """How several forms are handed over."""

    ONE_PDF = "one_pdf"
    ZIP = "zip"


class JobState(StrEnum):
    """The life of a job."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class MailState(StrEnum):
    """The life of a mail."""

    QUEUED = "to_send"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "undelivered"
    DROPPED = "unsent"


class Labels(Mapping[str, Any]):
    """What a person reads for each word, by its kind: a stack and printed forms are both ``ready``, and read otherwise.

    A plain string finds the first word that is spelt so.
    """

    def __init__(self, labels: Sequence[tuple[StrEnum, Any]]) -> None:
        self._words = [word for word, _label in labels]
        self._labels: dict[tuple[type[str], str], Any] = {(type(word), word.value): label for word, label in labels}
        for word, label in labels:
            self._labels.setdefault((str, word.value), label)

    def __getitem__(self, word: str) -> Any:
        return self._labels[type(word), str(word)]

    def __iter__(self) -> Iterator[str]:
        return iter(self._words)

    def __len__(self) -> int:
        return len(self._words)


LABELS = Labels(
    [
        (Role.PUBLIC, _("Everybody")),
        (Role.ANY, _("Anyone signed in")),
        (Role.CLINICIAN, _("Clinician")),
        (Role.ASSISTANT, _("Assistant")),
        (Role.GUEST, _("Guest")),
        (Role.COORDINATOR, _("Coordinator")),
        (Role.UA_HUB, _("UA Hub")),
        (Role.ADMIN, _("Admin")),
        (Procedure.EU, _("EU procedure")),
        (Procedure.UA, _("Ukrainian procedure")),
        (MandateKind.ERN_COORDINATOR, _("ERN coordinator")),
        (MandateKind.HOSPITAL_REPRESENTATIVE, _("Hospital representative")),
        (MandateKind.DATA_PROTECTION_CONTACT, _("Data-protection contact")),
        (MandateKind.ASSISTANT, _("Assistant")),
        (MandateKind.GUEST, _("Guest")),
        (MandateKind.UA_HUB, _("UA Hub")),
        (CentreKind.FULL_MEMBER, _("Full member")),
        (CentreKind.ASSOCIATED, _("Associated National Centre")),
        (CentreKind.COLLABORATIVE, _("Collaborative National Centre")),
        (CentreKind.COORDINATION_HUB, _("National Coordination Hub")),
        (GrantScope.ALL, _("All records")),
        (GrantScope.CHOSEN, _("Chosen records")),
        (Opinion.POSITIVE, _("Positive")),
        (Opinion.NEGATIVE, _("Negative")),
        (Sex.FEMALE, _("Female")),
        (Sex.MALE, _("Male")),
        (Sex.INDETERMINATE, _("Indeterminate")),
        (Sex.UNKNOWN, _("Unknown")),
        (PatientState.DRAFT, _("Draft")),
        (PatientState.ENROLLED, _("Enrolled")),
        (PatientState.RESTRICTED, _("Restricted")),
        (PatientState.CLOSED, _("Closed")),
        (PatientState.ERASED, _("Erased")),
        (Variant.ADULT, _("The patient signs")),
        (Variant.REPRESENTATIVE, _("A representative signs")),
        (OwnTextState.DRAFT, _("Draft")),
        (OwnTextState.PROPOSED, _("Proposed")),
        (OwnTextState.ACCEPTED, _("Accepted")),
        (OwnTextState.RETIRED, _("Retired")),
        (OwnTextState.DROPPED, p_("of a draft", "Dropped")),
        (FormState.PREPARED, _("Prepared")),
        (FormState.PRINTED, _("Printed")),
        (FormState.SIGNED, _("Signed")),
        (FormState.TO_CHECK, _("To be checked")),
        (FormState.SENT_BACK, _("Sent back")),
        (FormState.ARCHIVED, _("Archived")),
        (FormState.WITHDRAWN, _("Withdrawn")),
        (FormState.SUPERSEDED, _("Replaced")),
        (FormState.CANCELLED, _("Cancelled")),
        (FormState.ANNULLED, _("Annulled")),
        (Purpose.CARE, _("Consent for care")),
        (Purpose.EDUCATION, _("Consent for education")),
        (Purpose.REGISTRY, _("Consent for registries")),
        (Answer.NOT_ASKED, _("Not asked")),
        (Answer.GIVEN, _("Given")),
        (Answer.REFUSED, _("Refused")),
        (Answer.WITHDRAWN, _("Withdrawn")),
        (Relation.SELF, _("The patient")),
        (Relation.PARENT, _("Parent")),
        (Relation.GUARDIAN, _("Guardian")),
        (Relation.LEGAL_REPRESENTATIVE, _("Legal representative")),
        (Channel.IN_PERSON, _("In person")),
        (Channel.LETTER, _("Letter")),
        (Channel.EMAIL, _("E-mail")),
        (Channel.PHONE, _("Phone")),
        (Channel.SLIP, _("Slip of the form")),
        (LegalGround.LEGAL_DUTY, _("A law obliges the hospital to keep it (GDPR Article 17(3)(b))")),
        (LegalGround.PUBLIC_HEALTH, _("Public interest in public health (GDPR Article 17(3)(c))")),
        (LegalGround.LEGAL_CLAIMS, _("Legal claims (GDPR Article 17(3)(e))")),
        (LegalGround.PATIENT_ASKS, _("The patient wants it locked, not erased (GDPR Article 18(1))")),
        (LegalGround.OTHER_LAW, _("Another law, named below")),
        (LetterOutcome.WITHDRAWN, _("Consent withdrawn")),
        (LetterOutcome.PARTLY, _("Consent withdrawn in part, consent for care stands")),
        (LetterOutcome.RESTRICTED, _("Record restricted")),
        (LetterOutcome.LIFTED, _("Restriction lifted")),
        (LetterOutcome.KEPT, _("Record kept by law")),
        (BlankState.PRINTED, _("Printed")),
        (BlankState.BOUND, _("Bound to a patient")),
        (BlankState.CANCELLED, _("Cancelled")),
        (BlankState.LAPSED, _("Lapsed")),
        (StackState.READING, _("Being read")),
        (StackState.READY, _("To confirm")),
        (StackState.CLOSED, p_("of a stack of scans", "Closed")),
        (ScanState.WAITING, _("Waiting")),
        (ScanState.FILED, _("Filed")),
        (ScanState.DISCARDED, _("Discarded")),
        (ExportState.RELEASING, p_("of an export", "To be released")),
        (ExportState.MAKING, _("Being made")),
        (ExportState.TO_FETCH, _("Ready to fetch")),
        (ExportState.FETCHED, _("Fetched")),
        (ExportState.LAPSED, p_("of an export", "Over")),
        (ExportState.STOPPED, p_("of an export", "Stopped")),
        (ReleaseState.ASKED, _("Waiting")),
        (ReleaseState.RELEASED, _("Released")),
        (ReleaseState.REFUSED, _("Not released")),
        (RunState.ASKED, _("Being printed")),
        (RunState.READY, p_("of printed forms", "Ready")),
        (RunState.OVER, p_("of printed forms", "Deleted")),
        (Bundle.ONE_PDF, _("One PDF, each form on sheets of its own")),
        (Bundle.ZIP, _("A ZIP with a PDF for each form")),
        (MailState.QUEUED, p_("of a mail", "Waiting")),
        (MailState.SENDING, p_("of a mail", "Being sent")),
        (MailState.SENT, p_("of a mail", "Sent")),
        (MailState.FAILED, p_("of a mail", "Not delivered")),
        (MailState.DROPPED, p_("of a mail", "Not sent")),
        (JobState.QUEUED, _("Waiting")),
        (JobState.RUNNING, _("Running")),
        (JobState.DONE, _("Done")),
        (JobState.FAILED, _("Failed")),
    ]
)
"""What a person reads for each word above."""
