"""The vocabulary: roles, states, kinds; and how a sentence is marked for translation.

What a person reads for these words is ``labels``; what is *done* with them lives in ``steps`` and ``services``; screen
sentences live where they are said.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from enum import StrEnum

from flask_babel import force_locale, lazy_gettext, lazy_ngettext, lazy_pgettext
from flask_babel import gettext as gettext  # noqa: PLC0414  for words that are stored as they are said
from flask_babel.speaklater import LazyString
from markupsafe import Markup, escape

LANGUAGES = {"en": "English", "bg": "Български", "de": "Deutsch", "el": "Ελληνικά", "uk": "Українська"}
"""Languages of screens and mails, each by its own name."""

SPOKEN = "bg cs da de el en es et fi fr ga hr hu is it lb lt lv mt nb nl pl pt ro ru sk sl sv tr uk".split()  # noqa: SIM905
"""Languages people work in."""

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
    READER = "Clinician of a hospital that has left"
    """Of a clinician whose hospital takes part in no network any more: some acts of a clinician, there (``access.READING``)."""
    KEEPER = "Coordinator of a hospital that has left"
    """The same, of who represents such a hospital or is its data-protection contact."""
    HELD = "Policy not accepted"
    """In place of all others, for a person who has signed in and not accepted the privacy policy in force."""
    UNPROVED = "No second factor"
    """The same, for a person whose account needs a second factor and has none."""
    LOCKED = "Locked"
    """The same, for a person whose login was idle, or who locked it, until they show again who they are."""
    ASKED = "Second factor asked"
    """The same, for a person whose password was right and whose second factor is still to come."""


class Procedure(StrEnum):
    """Which consent procedure a patient follows. It comes from the hospital's country."""

    EU = "eu"
    UA = "ua"


class MandateKind(StrEnum):
    """What a person may do where, beside treating patients (DOMAIN.md section 2)."""

    ERN_COORDINATOR = "ern_coordinator"
    DISPATCHER = "dispatcher"
    HOSPITAL_REPRESENTATIVE = "hospital_representative"
    DATA_PROTECTION_CONTACT = "data_protection_contact"
    ASSISTANT = "assistant"
    GUEST = "guest"
    UA_HUB = "ua_hub"


class EndReason(StrEnum):
    """Why a place or a grant ended that no person ended; stored where else a person’s own reason stands."""

    HOST_LEFT = "the host has left"
    LEFT_NETWORK = "works in no centre of the network any more"
    PARTY_LEFT = "the clinician or the assistant has left"
    POLICY_WITHDRAWN = "privacy policy withdrawn"


class FactorKind(StrEnum):
    """What somebody has beside a password."""

    APP = "app"
    PASSKEY = "passkey"


class Rhythm(StrEnum):
    """How often an expert group meets."""

    WEEKLY = "weekly"
    FORTNIGHTLY = "fortnightly"
    MONTHLY = "monthly"


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


class Renews(StrEnum):
    """Who signs anew because a hospital's own text changes what is done with the data."""

    NOBODY = "renew_nobody"
    SIGNERS = "renew_signers"
    EVERYBODY = "renew_everybody"


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


class RequestKind(StrEnum):
    """What a newcomer asks to be."""

    CLINICIAN = "clinician"
    ASSISTANT = "assistant"
    GUEST = "guest"


class RequestState(StrEnum):
    """The life of a request for a place."""

    DRAFT = "draft"
    AT_HOST = "at_host"
    AT_HOSPITAL = "at_hospital"
    ASKED_BY_HOSPITAL = "asked_by_hospital"
    AT_NETWORK = "at_network"
    ASKED_BY_NETWORK = "asked_by_network"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


class ConfirmationState(StrEnum):
    """What a colleague whom a request names says to it."""

    ASKED = "confirmation_asked"
    GIVEN = "confirmation_given"
    DECLINED = "confirmation_declined"


class HandoverState(StrEnum):
    """The life of an offer to take over a record."""

    PROPOSED = "handover_proposed"
    ACCEPTED = "handover_accepted"
    DECLINED = "handover_declined"
    TAKEN_BACK = "handover_taken_back"
    LAPSED = "handover_lapsed"


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
