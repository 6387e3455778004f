"""In what order: (from, act, to) for each life. Nowhere else is a state set.

``None`` as *from* means the act makes the record. A record without a life has no rows here.
"""

from __future__ import annotations

import functools
from typing import Any

from app.errors import WrongStep
from app.labels import LABELS
from app.models import (
    BlankForm,
    ConsentDecision,
    ConsentForm,
    Export,
    ExportRelease,
    Handover,
    Job,
    Mail,
    MembershipRequest,
    OwnText,
    Patient,
    PrintRun,
    RequestConfirmation,
    Stack,
    StackPage,
)
from app.words import (
    Answer,
    BlankState,
    ConfirmationState,
    ExportState,
    FormState,
    HandoverState,
    JobState,
    MailState,
    OwnTextState,
    PatientState,
    ReleaseState,
    RequestState,
    RunState,
    ScanState,
    StackState,
    _,
)

P, F, A, J = PatientState, FormState, Answer, JobState
B, S, N, T, R = BlankState, StackState, ScanState, OwnTextState, RunState

X, L, M = ExportState, ReleaseState, MailState
ENDS = (("export.stop", X.STOPPED), ("export.lapse", X.LAPSED))

Q, C = RequestState, ConfirmationState
H = HandoverState
ON_ITS_WAY = (P.DRAFT, P.ENROLLED, P.RESTRICTED)
ASKED = (Q.ASKED_BY_HOSPITAL, Q.ASKED_BY_NETWORK)
SENT = (Q.AT_HOST, Q.AT_HOSPITAL, Q.AT_NETWORK, *ASKED)

STEPS: dict[type[Any], tuple[tuple[Any, str, Any], ...]] = {
    Patient: (
        (None, "patient.enrol", P.DRAFT),
        (P.DRAFT, "patient.correct", P.DRAFT),
        (P.ENROLLED, "patient.correct", P.ENROLLED),
        (P.RESTRICTED, "patient.correct", P.RESTRICTED),  # a letter about the withdrawal needs the right name
        (P.DRAFT, "consent.prepare", P.DRAFT),
        (P.ENROLLED, "consent.prepare", P.ENROLLED),  # a new version, or a new representative
        (P.RESTRICTED, "consent.prepare", P.RESTRICTED),  # the patient may come back
        (P.DRAFT, "consent.file-external", P.DRAFT),
        (P.ENROLLED, "consent.file-external", P.ENROLLED),
        (P.RESTRICTED, "consent.file-external", P.RESTRICTED),
        (P.DRAFT, "blank.bind", P.DRAFT),
        (P.ENROLLED, "blank.bind", P.ENROLLED),
        (P.RESTRICTED, "blank.bind", P.RESTRICTED),
        (P.DRAFT, "consent.adopt", P.DRAFT),
        (P.ENROLLED, "consent.adopt", P.ENROLLED),
        (P.RESTRICTED, "consent.adopt", P.RESTRICTED),
        (P.DRAFT, "patient.admit", P.ENROLLED),
        (P.RESTRICTED, "patient.admit", P.ENROLLED),
        (P.ENROLLED, "patient.admit", P.ENROLLED),  # a second form, the first still in force
        (P.ENROLLED, "patient.restrict", P.RESTRICTED),
        (P.DRAFT, "patient.restrict-by-protection", P.DRAFT),  # its form may lie on a desk, signed
        (P.DRAFT, "patient.lift-restriction", P.DRAFT),
        (P.ENROLLED, "patient.restrict-by-protection", P.RESTRICTED),
        (P.RESTRICTED, "patient.restrict-by-protection", P.RESTRICTED),  # then a new consent alone opens nothing
        (P.RESTRICTED, "patient.lift-restriction", P.RESTRICTED),  # with care consent in force it is admitted again
        (P.RESTRICTED, "patient.keep", P.RESTRICTED),
        (P.RESTRICTED, "patient.erase", P.ERASED),
        (P.RESTRICTED, "patient.erase-when-due", P.ERASED),
        *((state, act, state) for act in ("handover.propose", "patient.hand-over") for state in ON_ITS_WAY),
        (P.DRAFT, "patient.delete", P.ERASED),
        (P.DRAFT, "patient.expire", P.ERASED),
    ),
    Handover: (
        (None, "handover.propose", H.PROPOSED),
        (H.PROPOSED, "handover.accept", H.ACCEPTED),
        (H.PROPOSED, "handover.decline", H.DECLINED),
        (H.PROPOSED, "handover.take-back", H.TAKEN_BACK),
        (H.PROPOSED, "handover.lapse", H.LAPSED),
    ),
    ConsentForm: (
        (None, "consent.prepare", F.PREPARED),
        (None, "consent.adopt", F.PRINTED),  # its paper was printed before its patient was known
        (F.PREPARED, "consent.print", F.PRINTED),
        (F.PRINTED, "consent.print", F.PRINTED),  # a lost page may be printed again
        (F.PRINTED, "consent.sign", F.SIGNED),
        (F.SIGNED, "consent.sign", F.SIGNED),  # a slip of the pen, before the scan makes it final
        (F.SIGNED, "consent.offer-phone", F.SIGNED),
        (F.SIGNED, "consent.archive", F.ARCHIVED),
        (F.SIGNED, "consent.attest", F.ARCHIVED),
        (F.SIGNED, "consent.keep-refusal", F.ARCHIVED),
        (None, "consent.file-external", F.TO_CHECK),
        (F.SENT_BACK, "consent.file-again", F.TO_CHECK),
        (F.TO_CHECK, "consent.file-again", F.TO_CHECK),  # a slip of the pen, before anybody has looked
        (F.TO_CHECK, "consent.send-back", F.SENT_BACK),
        (F.TO_CHECK, "consent.confirm", F.ARCHIVED),
        (F.PREPARED, "consent.cancel", F.CANCELLED),
        (F.PRINTED, "consent.cancel", F.CANCELLED),
        (F.SIGNED, "consent.cancel", F.CANCELLED),
        (F.TO_CHECK, "consent.cancel", F.CANCELLED),
        (F.SENT_BACK, "consent.cancel", F.CANCELLED),
        (F.PREPARED, "consent.lapse", F.CANCELLED),
        (F.PRINTED, "consent.lapse", F.CANCELLED),
        (F.SIGNED, "consent.lapse", F.CANCELLED),
        (F.TO_CHECK, "consent.lapse", F.CANCELLED),
        (F.SENT_BACK, "consent.lapse", F.CANCELLED),
        (F.ARCHIVED, "consent.keep-copy", F.ARCHIVED),
        (F.SUPERSEDED, "consent.keep-copy", F.SUPERSEDED),  # a job makes the copy: the form's life goes on meanwhile
        (F.WITHDRAWN, "consent.keep-copy", F.WITHDRAWN),
        (F.ARCHIVED, "consent.confirm-explained", F.ARCHIVED),
        (F.ARCHIVED, "consent.keep-scan", F.ARCHIVED),  # of a refusal, which its signature alone has archived
        (F.ARCHIVED, "consent.end-proof", F.ARCHIVED),  # a refusal, of a record that is erased
        (F.SUPERSEDED, "consent.end-proof", F.SUPERSEDED),
        (F.WITHDRAWN, "consent.end-proof", F.WITHDRAWN),
        (F.ANNULLED, "consent.end-proof", F.ANNULLED),
        (F.ARCHIVED, "consent.set-renewal", F.ARCHIVED),  # by a job, because the text has changed
        (F.ARCHIVED, "consent.annul", F.ANNULLED),
        (F.ARCHIVED, "consent.supersede", F.SUPERSEDED),
        (F.ARCHIVED, "consent.end", F.WITHDRAWN),
    ),
    ConsentDecision: (
        (A.GIVEN, "decision.withdraw", A.WITHDRAWN),
        (A.GIVEN, "decision.carry-withdrawal", A.WITHDRAWN),  # signed before the withdrawal, archived after it
    ),
    OwnText: (
        (None, "own_text.start", T.DRAFT),
        (T.DRAFT, "own_text.write", T.DRAFT),
        (T.DRAFT, "own_text.drop", T.DROPPED),
        (T.DRAFT, "own_text.propose", T.PROPOSED),
        (T.PROPOSED, "own_text.check", T.PROPOSED),  # by a job: whether it can be set as paper
        (T.PROPOSED, "own_text.take-back", T.DRAFT),
        (T.PROPOSED, "own_text.send-back", T.DRAFT),
        (T.PROPOSED, "own_text.accept", T.ACCEPTED),
        (T.ACCEPTED, "own_text.retire", T.RETIRED),
    ),
    BlankForm: (
        (None, "blank.print", B.PRINTED),
        (B.PRINTED, "blank.use", B.BOUND),
        (B.PRINTED, "blank.cancel", B.CANCELLED),
        (B.PRINTED, "blank.lapse", B.LAPSED),
    ),
    Stack: (
        (None, "stack.upload", S.READING),
        (None, "stack.pass-on", S.READING),  # to a colleague, whose own job reads it
        (S.READING, "stack.read", S.READY),
        (S.READY, "stack.pass-on", S.READY),  # while it is sorted
        (S.READY, "stack.file", S.READY),
        (S.READY, "stack.close", S.CLOSED),
        (S.READING, "stack.expire", S.CLOSED),
        (S.READY, "stack.expire", S.CLOSED),
    ),
    StackPage: (
        (N.WAITING, "stack_page.assign", N.WAITING),
        (N.WAITING, "stack_page.discard", N.DISCARDED),
        (N.WAITING, "stack_page.file", N.FILED),
        (N.WAITING, "stack_page.lapse", N.DISCARDED),
    ),
    Export: (
        (None, "export.ask", X.RELEASING),
        (X.RELEASING, "export.begin", X.MAKING),
        (X.RELEASING, "export.go-on", X.MAKING),  # without those who have not answered
        (X.MAKING, "export.keep-file", X.TO_FETCH),
        (X.TO_FETCH, "export.fetch", X.FETCHED),
        (X.FETCHED, "export.fetch", X.FETCHED),  # a download may break off
        (X.TO_FETCH, "export.take-passphrase", X.TO_FETCH),
        (X.FETCHED, "export.take-passphrase", X.FETCHED),
        *((state, act, end) for act, end in ENDS for state in (X.RELEASING, X.MAKING, X.TO_FETCH, X.FETCHED)),
    ),
    ExportRelease: (
        (L.ASKED, "export_release.prepare", L.ASKED),
        (L.ASKED, "export_release.release", L.RELEASED),
        (L.ASKED, "export_release.refuse", L.REFUSED),
        (L.RELEASED, "export_release.refuse", L.REFUSED),  # while others have still to decide
        (L.REFUSED, "export_release.release", L.RELEASED),
    ),
    PrintRun: (
        (None, "print_run.ask", R.ASKED),
        (R.ASKED, "print_run.finish", R.READY),
        (R.ASKED, "print_run.expire", R.OVER),  # no job came to its end
        (R.READY, "print_run.expire", R.OVER),
    ),
    Mail: (
        (None, "mail.write", M.QUEUED),
        (M.QUEUED, "mail.begin", M.SENDING),
        (M.SENDING, "mail.finish", M.SENT),
        (M.SENDING, "mail.retry", M.QUEUED),
        (M.SENDING, "mail.fail", M.FAILED),  # refused for good, given up, or perhaps taken: nobody knows
        (M.QUEUED, "mail.drop", M.DROPPED),
        (M.FAILED, "mail.send-again", M.QUEUED),  # by an operator, who knows that it may arrive twice
    ),
    MembershipRequest: (
        (None, "request.begin", Q.DRAFT),
        (None, "request.copy", Q.AT_HOSPITAL),  # another centre of the same hospital, asked for at once
        (Q.AT_HOSPITAL, "request.copy", Q.AT_HOSPITAL),
        (Q.DRAFT, "request.write", Q.DRAFT),
        (Q.DRAFT, "request.submit", Q.AT_HOSPITAL),
        (Q.DRAFT, "request.submit-as-guest", Q.AT_HOST),
        (Q.DRAFT, "request.withdraw", Q.WITHDRAWN),
        *((state, "request.take-back", Q.DRAFT) for state in SENT),  # to correct it; all who confirmed do so anew
        *((state, "request.withdraw", Q.WITHDRAWN) for state in SENT),
        *((state, "request.close", Q.WITHDRAWN) for state in (Q.DRAFT, *SENT)),  # of a closed account, or not answered
        (Q.ASKED_BY_HOSPITAL, "request.answer", Q.AT_HOSPITAL),
        (Q.ASKED_BY_NETWORK, "request.answer", Q.AT_NETWORK),
        (Q.AT_HOST, "request.host", Q.AT_NETWORK),
        (Q.AT_HOSPITAL, "request.confirm", Q.AT_NETWORK),
        (Q.AT_HOSPITAL, "request.confirm-too", Q.AT_NETWORK),
        (Q.AT_HOSPITAL, "request.record-employment", Q.AT_NETWORK),
        (Q.AT_HOSPITAL, "request.accept", Q.ACCEPTED),  # nobody represents the hospital; without its word: no enrolling
        (Q.AT_NETWORK, "request.accept", Q.ACCEPTED),
        (Q.AT_HOSPITAL, "request.ask-back", Q.ASKED_BY_HOSPITAL),
        (Q.AT_NETWORK, "request.ask-back", Q.ASKED_BY_NETWORK),
        *((state, "request.refuse", Q.REFUSED) for state in (Q.AT_HOSPITAL, Q.AT_NETWORK, *ASKED)),
    ),
    RequestConfirmation: (
        (C.ASKED, "request_confirmation.give", C.GIVEN),
        (C.DECLINED, "request_confirmation.give", C.GIVEN),  # whoever declined may think again
        (C.ASKED, "request_confirmation.decline", C.DECLINED),
        (C.GIVEN, "request_confirmation.decline", C.DECLINED),  # while the request waits
        (C.GIVEN, "request.take-back", C.ASKED),
        (C.DECLINED, "request.take-back", C.ASKED),
        (C.ASKED, "request.take-back", C.ASKED),
    ),
    Job: (
        (None, "job.ask", J.QUEUED),
        (J.QUEUED, "job.start", J.RUNNING),
        (J.RUNNING, "job.start", J.RUNNING),  # the worker was killed; the sweep starts it again
        (J.RUNNING, "job.finish", J.DONE),
        (J.RUNNING, "job.retry", J.QUEUED),
        (J.RUNNING, "job.fail", J.FAILED),
    ),
}

COLUMN = {ConsentDecision: "answer"}
"""Where the state is, if not in ``state``."""

REFUSALS: dict[tuple[Any, str], Any] = {
    (F.PREPARED, "consent.sign"): _("This form has not been printed yet. Print it first."),
    (F.PREPARED, "consent.archive"): _("This form has not been printed yet. Print it and record the signature first."),
    (F.PRINTED, "consent.archive"): _("The signature is not recorded yet. Record it, then archive the scan."),
    (F.PRINTED, "consent.attest"): _("The signature is not recorded yet. Record it first."),
    (F.ARCHIVED, "consent.archive"): _("This form is archived already. Annul it if the scan is wrong."),
    (F.ARCHIVED, "consent.sign"): _("This form is archived and cannot be changed. Annul it if something is wrong."),
    (F.ARCHIVED, "consent.print"): _("This form is archived. Prepare a new form to print one."),
    (T.DRAFT, "own_text.accept"): _("This text is a draft. It is decided once it is proposed."),
    (T.PROPOSED, "own_text.write"): _("This text is proposed and waits for a decision. Take it back to change it."),
    (F.ARCHIVED, "consent.confirm"): _("Somebody else has checked this form already. It counts."),
    (F.SENT_BACK, "consent.confirm"): _("Somebody else has sent this form back already."),
    (F.ARCHIVED, "consent.file-again"): _("This form is checked and archived. Annul it if something is wrong."),
    (B.BOUND, "blank.use"): _("This blank form is bound to a patient already. One form is one patient’s."),
    (B.CANCELLED, "blank.use"): _(
        "This blank form was cancelled. Print a form for the patient and have that one signed."
    ),
    (B.LAPSED, "blank.use"): _("This blank form is too old. Print a form for the patient and have that one signed."),
    (B.BOUND, "blank.cancel"): _("This blank form is bound to a patient. Cancel the patient’s form instead."),
    (X.MAKING, "export.go-on"): _("The file is being made already."),
    (X.LAPSED, "export.fetch"): _("The week is over and the file is deleted. Ask for a new export."),
    **{
        (Q.ACCEPTED, act): _("This request is accepted already. Somebody else has decided meanwhile.")
        for act in ("request.accept", "request.refuse", "request.ask-back", "request.take-back", "request.withdraw")
    },
    **{
        (Q.REFUSED, act): _("This request is refused already. Somebody else has decided meanwhile.")
        for act in ("request.accept", "request.refuse", "request.ask-back", "request.take-back", "request.withdraw")
    },
    **{
        (Q.AT_NETWORK, act): _("The hospital has confirmed this already.")
        for act in ("request.confirm", "request.record-employment")
    },
    **{
        (state, "request.accept"): _("A question to the applicant is open. Decide when it is answered.")
        for state in ASKED
    },
    (H.TAKEN_BACK, "handover.accept"): _("This offer was taken back meanwhile."),
    (H.LAPSED, "handover.accept"): _("This offer is no longer possible."),
    (A.WITHDRAWN, "decision.withdraw"): _("This consent is withdrawn already."),
}
"""What to say for a wrong step; any other says which state the record is in."""


@functools.cache
def lives(act: str) -> frozenset[type[Any]]:
    """The tables in whose life the act is a step."""
    return frozenset(table for table, steps in STEPS.items() if any(step[1] == act for step in steps))


def state_of(record: Any) -> Any:
    """The state a record is in."""
    return getattr(record, COLUMN.get(type(record), "state"))


def destination(table: type[Any], state: Any, act: str) -> Any:
    """The state ``act`` leads to from ``state``.

    Raises:
        WrongStep: there is no such step.
    """
    for before, name, after in STEPS[table]:
        if before == state and name == act:
            return after
    sentence = REFUSALS.get((state, act))
    raise WrongStep(sentence or _("This cannot be done now: the state is “%(state)s”.", state=LABELS[state]))


def possible(record: Any, act: str) -> bool:
    """Whether the step is open from the record's present state."""
    table = type(record)
    if table not in lives(act):
        return True
    return any(before == state_of(record) and name == act for before, name, _after in STEPS[table])


def move(record: Any, state: Any) -> None:
    """Set the state. Only ``act``, ``jobs``, ``messages`` and acts that move other records along call this."""
    setattr(record, COLUMN.get(type(record), "state"), state)
