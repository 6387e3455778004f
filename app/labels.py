"""What a person reads for each word of the vocabulary (``words``)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any

from app.words import (
    Answer,
    BlankState,
    Bundle,
    CentreKind,
    Channel,
    ConfirmationState,
    ExportState,
    FormState,
    GrantScope,
    JobState,
    LegalGround,
    LetterOutcome,
    MailState,
    MandateKind,
    Opinion,
    OwnTextState,
    PatientState,
    Procedure,
    Purpose,
    Relation,
    ReleaseState,
    Renews,
    RequestKind,
    RequestState,
    Role,
    RunState,
    ScanState,
    Sex,
    StackState,
    Variant,
    _,
    p_,
)


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
        (Role.HELD, _("Privacy policy not accepted")),
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
        (Renews.NOBODY, _("No: only the words change")),
        (Renews.SIGNERS, _("Yes: whoever signed an earlier text in this language signs anew")),
        (Renews.EVERYBODY, _("Yes: whoever signed in any language signs anew")),
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
        (RequestKind.CLINICIAN, _("Clinician")),
        (RequestKind.ASSISTANT, _("Assistant")),
        (RequestKind.GUEST, _("Guest")),
        (RequestState.DRAFT, _("Draft")),
        (RequestState.AT_HOST, p_("of a request", "Waits for the host")),
        (RequestState.AT_HOSPITAL, p_("of a request", "Waits for the hospital")),
        (RequestState.ASKED_BY_HOSPITAL, p_("of a request", "The hospital asks")),
        (RequestState.AT_NETWORK, p_("of a request", "Waits for the ERN")),
        (RequestState.ASKED_BY_NETWORK, p_("of a request", "The ERN asks")),
        (RequestState.ACCEPTED, p_("of a request", "Accepted")),
        (RequestState.REFUSED, p_("of a request", "Refused")),
        (RequestState.WITHDRAWN, p_("of a request", "Withdrawn")),
        (ConfirmationState.ASKED, _("Waiting")),
        (ConfirmationState.GIVEN, p_("by a colleague", "Confirmed")),
        (ConfirmationState.DECLINED, p_("by a colleague", "Not confirmed")),
        (JobState.QUEUED, _("Waiting")),
        (JobState.RUNNING, _("Running")),
        (JobState.DONE, _("Done")),
        (JobState.FAILED, _("Failed")),
    ]
)
"""What a person reads for each word above."""
