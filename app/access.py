"""Who may: one row per act, one column per role, each cell a scope of ``scopes``.

The rows ``x.see`` are also applied to every read of the ORM (``sight``), so a list and the answer to "may I open this
one?" cannot disagree. Deny by default: an act without a row does not exist. ``flask house`` prints this table for users.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import ColumnElement, GenerativeSelect, true

from app.actors import Actor
from app.models import (
    ArchivedDocument,
    AuditEntry,
    Authorisation,
    BlankForm,
    Centre,
    ConsentDecision,
    ConsentForm,
    ConsentText,
    Country,
    DocumentKey,
    Export,
    ExportRelease,
    Grant,
    GrantedPatient,
    Hospital,
    Job,
    Letter,
    LetterRecord,
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
    Patient,
    PatientIdentity,
    Person,
    PhoneLink,
    PolicyAcceptance,
    PolicyVersion,
    PrintItem,
    PrintRun,
    Registry,
    RequestConfirmation,
    Stack,
    StackPage,
    TextChange,
    ThematicArea,
)
from app.scopes import (
    MANDATES,
    Reach,
    Scope,
    about_no_patient,
    accepted_at_work,
    appointing,
    asked_to_confirm,
    assisted_hospital,
    checked_for,
    clause,
    colleagues,
    consequence,
    coordinated,
    coordinated_requests,
    coordinated_unrepresented,
    decided_by_network,
    enrolling_hospital,
    everybody,
    given_by_self,
    given_to_self,
    granted_blanks,
    granted_enrolling,
    granted_hospital,
    holds,
    hosted,
    hosting,
    keys,
    mandated_hospital,
    mandated_people,
    network_hospitals,
    nobody,
    on_behalf,
    on_behalf_unerased,
    others_text,
    own,
    own_blanks,
    own_hospital,
    own_prints_assisted,
    own_prints_treated,
    own_requests,
    own_scans_assisted,
    own_scans_treated,
    own_stacks,
    protected,
    proving,
    release_asked_of_host,
    release_asked_of_self,
    release_of_who_left,
    represented,
    represented_others,
    represented_requests,
    second_on_behalf,
    second_person,
    second_protecting,
    second_treating,
    treating,
    treating_unerased,
    ukrainian_people,
    workplace,
    written_about,
)
from app.words import Role

COLUMNS = (
    Role.PUBLIC,
    Role.ANY,
    Role.CLINICIAN,
    Role.ASSISTANT,
    Role.GUEST,
    Role.COORDINATOR,
    Role.UA_HUB,
    Role.ADMIN,
)

Cell = Scope | tuple[Scope, ...]
Row = tuple[type[Any], Cell, Cell, Cell, Cell, Cell, Cell, Cell, Cell]

# fmt: off
ACCESS: dict[str, Row] = {
    # act                       on              Public  Any        Clinician     Assistant         Guest   Coordinator                      UA Hub            Admin
    # networks and hospitals
    "country.see":             (Country,        nobody, everybody, nobody,       nobody,           nobody, nobody,                          nobody,           nobody),
    "country.amend":           (Country,        nobody, nobody,    nobody,       nobody,           nobody, nobody,                          nobody,           everybody),
    "network.see":             (Network,        nobody, everybody, nobody,       nobody,           nobody, nobody,                          nobody,           nobody),
    "network.amend":           (Network,        nobody, nobody,    nobody,       nobody,           nobody, nobody,                          nobody,           everybody),
    "area.see":                (ThematicArea,   nobody, everybody, nobody,       nobody,           nobody, nobody,                          nobody,           nobody),
    "area.add":                (Network,        nobody, nobody,    nobody,       nobody,           nobody, coordinated,                     nobody,           everybody),
    "area.amend":              (ThematicArea,   nobody, nobody,    nobody,       nobody,           nobody, coordinated,                     nobody,           everybody),
    "registry.see":            (Registry,       nobody, everybody, nobody,       nobody,           nobody, nobody,                          nobody,           nobody),
    "registry.add":            (Network,        nobody, nobody,    nobody,       nobody,           nobody, nobody,                          nobody,           everybody),
    "registry.amend":          (Registry,       nobody, nobody,    nobody,       nobody,           nobody, nobody,                          nobody,           everybody),
    "registry.end":            (Registry,       nobody, nobody,    nobody,       nobody,           nobody, nobody,                          nobody,           everybody),
    "hospital.see":            (Hospital,       nobody, everybody, nobody,       nobody,           nobody, nobody,                          nobody,           nobody),
    "hospital.add":            (Country,        nobody, nobody,    nobody,       nobody,           nobody, nobody,                          nobody,           everybody),
    "hospital.amend":          (Hospital,       nobody, nobody,    nobody,       nobody,           nobody, represented,                     nobody,           everybody),
    "hospital.end":            (Hospital,       nobody, nobody,    nobody,       nobody,           nobody, nobody,                          nobody,           everybody),
    "authorisation.see":       (Authorisation,  nobody, everybody, nobody,       nobody,           nobody, nobody,                          nobody,           nobody),
    "authorisation.add":       (Hospital,       nobody, nobody,    nobody,       nobody,           nobody, represented,                     nobody,           nobody),
    "authorisation.end":       (Authorisation,  nobody, nobody,    nobody,       nobody,           nobody, represented,                     nobody,           nobody),
    "centre.see":              (Centre,         nobody, everybody, nobody,       nobody,           nobody, nobody,                          nobody,           nobody),
    "centre.add":              (Network,        nobody, nobody,    nobody,       nobody,           nobody, coordinated,                     nobody,           nobody),
    "centre.amend":            (Centre,         nobody, nobody,    nobody,       nobody,           nobody, coordinated,                     nobody,           nobody),
    "centre.end":              (Centre,         nobody, nobody,    nobody,       nobody,           nobody, coordinated,                     nobody,           nobody),
    # people
    "person.see":              (Person,         nobody, own,       colleagues,   colleagues,       nobody, mandated_people,                 ukrainian_people, everybody),
    "person.find":             (Person,         nobody, nobody,    colleagues,   colleagues,       nobody, mandated_people,                 ukrainian_people, everybody),
    "person.add":              (Country,        nobody, nobody,    nobody,       nobody,           nobody, nobody,                          nobody,           everybody),
    "person.make":             (Person,         nobody, nobody,    nobody,       nobody,           nobody, consequence,                     nobody,           consequence),
    "person.amend":            (Person,         nobody, nobody,    nobody,       nobody,           nobody, nobody,                          nobody,           everybody),
    "person.prefer":           (Person,         nobody, own,       nobody,       nobody,           nobody, nobody,                          nobody,           nobody),
    "person.disable":          (Person,         nobody, nobody,    nobody,       nobody,           nobody, nobody,                          nobody,           everybody),
    "person.enable":           (Person,         nobody, nobody,    nobody,       nobody,           nobody, nobody,                          nobody,           everybody),
    "person.offer-link":       (Person,         nobody, nobody,    nobody,       nobody,           nobody, nobody,                          nobody,           everybody),
    "person.change-password":  (Person,         nobody, own,       nobody,       nobody,           nobody, nobody,                          nobody,           nobody),
    "membership.see":          (Membership,     nobody, own,       own_hospital, nobody,           nobody, (represented, coordinated),      nobody,           everybody),
    "membership.add":          (Centre,         nobody, nobody,    nobody,       nobody,           nobody, represented,                     nobody,           nobody),
    "membership.amend":        (Membership,     nobody, nobody,    nobody,       nobody,           nobody, represented,                     nobody,           nobody),
    "membership.end":          (Membership,     nobody, nobody,    nobody,       nobody,           nobody, (represented, coordinated),      nobody,           nobody),
    "mandate.see":             (Mandate,        nobody, own,       own_hospital, workplace,        nobody, (mandated_hospital, coordinated, network_hospitals, hosted), ukrainian_people, everybody),
    "mandate.appoint-coordinator":    (Network,  nobody, nobody,   nobody,       nobody,           nobody, nobody,                          nobody,           everybody),
    "mandate.appoint-hub":            (Country,  nobody, nobody,   nobody,       nobody,           nobody, nobody,                          nobody,           everybody),
    "mandate.appoint-representative": (Hospital, nobody, nobody,   nobody,       nobody,           nobody, network_hospitals,               nobody,           nobody),
    "mandate.appoint-protection":     (Hospital, nobody, nobody,   nobody,       nobody,           nobody, represented,                     nobody,           nobody),
    "mandate.appoint-assistant":      (Hospital, nobody, nobody,   nobody,       nobody,           nobody, represented,                     nobody,           nobody),
    "mandate.admit-guest":     (Person,         nobody, nobody,    nobody,       nobody,           nobody, hosting,                         nobody,           nobody),
    "mandate.end":             (Mandate,        nobody, nobody,    nobody,       nobody,           nobody, appointing,                      nobody,           everybody),
    "grant.see":               (Grant,          nobody, nobody,    given_by_self, given_to_self,   nobody, represented,                     nobody,           nobody),
    "grant.give":              (Hospital,       nobody, nobody,    own_hospital, nobody,           nobody, nobody,                          nobody,           nobody),
    "grant.choose":            (Grant,          nobody, nobody,    given_by_self, nobody,          nobody, nobody,                          nobody,           nobody),
    "grant.end":               (Grant,          nobody, nobody,    given_by_self, nobody,          nobody, represented,                     nobody,           nobody),
    "grant.return":            (Grant,          nobody, nobody,    nobody,       given_to_self,    nobody, nobody,                          nobody,           nobody),
    "granted_patient.see":     (GrantedPatient, nobody, nobody,    given_by_self, given_to_self,   nobody, nobody,                          nobody,           nobody),
    "login.see":               (Login,          nobody, own,       nobody,       nobody,           nobody, nobody,                          nobody,           nobody),
    "login.end":               (Login,          nobody, own,       nobody,       nobody,           nobody, nobody,                          nobody,           nobody),
    "login_identity.see":      (LoginIdentity,  nobody, own,       nobody,       nobody,           nobody, nobody,                          nobody,           nobody),
    # what the platform writes to people
    "mail.see":                (Mail,           nobody, own,       nobody,       nobody,           nobody, nobody,                          nobody,           everybody),
    "mail.find":               (Mail,           nobody, nobody,    nobody,       nobody,           nobody, nobody,                          nobody,           everybody),
    "mail.send-again":         (Mail,           nobody, nobody,    nobody,       nobody,           nobody, nobody,                          nobody,           everybody),
    "mail_off.see":            (MailOff,        nobody, own,       nobody,       nobody,           nobody, nobody,                          nobody,           nobody),
    "person.choose-mail":      (Person,         nobody, own,       nobody,       nobody,           nobody, nobody,                          nobody,           nobody),
    # requests for a place
    "request.see":             (MembershipRequest,nobody, own, asked_to_confirm, nobody, nobody, (represented_requests, coordinated_requests), nobody, nobody),
    "request.open":            (MembershipRequest,nobody, nobody, asked_to_confirm, nobody, nobody, (represented_requests, coordinated_requests), nobody, nobody),
    "request.begin":           (Person,         nobody, own, nobody, nobody, nobody, nobody, nobody, nobody),
    "request.write":           (MembershipRequest,nobody, own, nobody, nobody, nobody, nobody, nobody, nobody),
    "request.submit":          (MembershipRequest,nobody, own, nobody, nobody, nobody, nobody, nobody, nobody),
    "request.submit-as-guest": (MembershipRequest,nobody, own, nobody, nobody, nobody, nobody, nobody, nobody),
    "request.take-back":       (MembershipRequest,nobody, own, nobody, nobody, nobody, nobody, nobody, nobody),
    "request.answer":          (MembershipRequest,nobody, own, nobody, nobody, nobody, nobody, nobody, nobody),
    "request.withdraw":        (MembershipRequest,nobody, own, nobody, nobody, nobody, nobody, nobody, nobody),
    "request.copy":            (MembershipRequest,nobody, consequence, nobody, nobody, nobody, nobody, nobody, nobody),
    "request.confirm":         (MembershipRequest,nobody, nobody, nobody, nobody, nobody, represented_requests, nobody, nobody),
    "request.confirm-too":     (MembershipRequest,nobody, nobody, nobody, nobody, nobody, consequence, nobody, nobody),
    "request.record-employment":(MembershipRequest,nobody, nobody, nobody, nobody, nobody, decided_by_network, nobody, nobody),
    "request.host":            (MembershipRequest,nobody, nobody, consequence, nobody, nobody, nobody, nobody, nobody),
    "request.ask-back":        (MembershipRequest,nobody, nobody, nobody, nobody, nobody, (represented_requests, decided_by_network), nobody, nobody),
    "request.accept":          (MembershipRequest,nobody, nobody, nobody, nobody, nobody, decided_by_network, nobody, nobody),
    "request.refuse":          (MembershipRequest,nobody, nobody, nobody, nobody, nobody, (represented_requests, decided_by_network), nobody, nobody),
    "request_confirmation.see":(RequestConfirmation,nobody, own_requests, asked_to_confirm, nobody, nobody, (represented_requests, coordinated_requests), nobody, nobody),
    "request_confirmation.give":(RequestConfirmation,nobody, nobody, asked_to_confirm, nobody, nobody, nobody, nobody, nobody),
    "request_confirmation.decline":(RequestConfirmation,nobody, nobody, asked_to_confirm, nobody, nobody, nobody, nobody, nobody),
    "membership.enter":        (Centre,         nobody, nobody, nobody, nobody, nobody, consequence, nobody, nobody),
    "membership.confirm-employment":(Membership,     nobody, nobody, nobody, nobody, nobody, (represented_others, coordinated_unrepresented), nobody, nobody),
    "mandate.enter-assistant": (Hospital,       nobody, nobody, nobody, nobody, nobody, consequence, nobody, nobody),
    "mandate.enter-guest":     (Person,         nobody, nobody, nobody, nobody, nobody, consequence, nobody, nobody),
    "grant.enter":             (Hospital,       nobody, nobody, consequence, nobody, nobody, consequence, nobody, nobody),
    # the privacy policy
    "policy_version.see":      (PolicyVersion,  nobody, everybody, nobody,       nobody,           nobody, nobody,                          nobody,           nobody),
    "policy_version.find":     (PolicyVersion,  nobody, nobody,    nobody,       nobody,           nobody, nobody,                          nobody,           everybody),
    "policy.publish":          (Person,         nobody, nobody,    nobody,       nobody,           nobody, nobody,                          nobody,           own),
    "policy_acceptance.see":   (PolicyAcceptance, nobody, own,     nobody,       nobody,           nobody, nobody,                          nobody,           everybody),
    "policy_acceptance.find":  (PolicyAcceptance, nobody, nobody,  nobody,       nobody,           nobody, nobody,                          nobody,           everybody),
    "policy_acceptance.open":  (Person,         nobody, own,       nobody,       nobody,           nobody, nobody,                          nobody,           nobody),
    "policy.accept":           (Person,         nobody, own,       nobody,       nobody,           nobody, nobody,                          nobody,           nobody),
    "policy.withdraw":         (Person,         nobody, own,       nobody,       nobody,           nobody, nobody,                          nobody,           nobody),
    # patients
    "patient.see":             (Patient,        nobody, nobody,    treating,     on_behalf,        nobody, (written_about, checked_for),     nobody,           nobody),
    "patient.open":            (Patient,        nobody, nobody,    treating,     on_behalf,        nobody, nobody,                          nobody,           nobody),
    "patient.find":            (Hospital,       nobody, nobody,    own_hospital, granted_hospital, nobody, nobody,                          nobody,           nobody),
    "patient.enrol":           (Hospital,       nobody, nobody,    enrolling_hospital, granted_enrolling, nobody, nobody,                          nobody,           nobody),
    "patient.correct":         (Patient,        nobody, nobody,    treating,     on_behalf,        nobody, nobody,                          nobody,           nobody),
    "patient.delete":          (Patient,        nobody, nobody,    treating,     on_behalf,        nobody, nobody,                          nobody,           nobody),
    "patient.admit":           (Patient,        nobody, nobody,    consequence,  consequence,      nobody, consequence,                     nobody,           nobody),
    "patient.restrict":        (Patient,        nobody, nobody,    consequence,  consequence,      nobody, consequence,                     nobody,           nobody),
    "patient.expire":          (Patient,        nobody, nobody,    consequence,  consequence,      nobody, nobody,                          nobody,           nobody),
    "patient.trace":           (Hospital,       nobody, nobody,    nobody,       nobody,           nobody, protected,                       nobody,           nobody),
    "patient.restrict-by-protection": (Patient,        nobody, nobody,    nobody,       nobody,           nobody, written_about,                   nobody,           nobody),
    "patient.lift-restriction": (Patient,        nobody, nobody,    nobody,       nobody,           nobody, written_about,                   nobody,           nobody),
    "patient.keep":            (Patient,        nobody, nobody,    treating,     on_behalf,        nobody, written_about,                   nobody,           nobody),
    "patient.erase":           (Patient,        nobody, nobody,    treating,     on_behalf,        nobody, nobody,                          nobody,           nobody),
    "patient.erase-when-due":  (Patient,        nobody, nobody,    consequence,  consequence,      nobody, nobody,                          nobody,           nobody),
    "identity.see":            (PatientIdentity, nobody, nobody,   treating,     on_behalf,        nobody, checked_for,                     nobody,           nobody),
    # consent
    "text.see":                (ConsentText,    nobody, everybody, nobody,       nobody,           nobody, nobody,                          nobody,           nobody),
    "text.publish":            (ConsentText,    nobody, nobody,    nobody,       nobody,           nobody, consequence,                     nobody,           consequence),
    "text_change.see":         (TextChange,     nobody, everybody, nobody,       nobody,           nobody, nobody,                          nobody,           nobody),
    "text_change.declare":     (TextChange,     nobody, nobody,    nobody,       nobody,           nobody, consequence,                     nobody,           consequence),
    "text_change.take-back":   (TextChange,     nobody, nobody,    nobody,       nobody,           nobody, consequence,                     nobody,           nobody),
    "own_text.see":            (OwnText,        nobody, nobody,    accepted_at_work, accepted_at_work, nobody, (mandated_hospital, second_person), nobody,    nobody),
    "own_text.open":           (OwnText,        nobody, nobody,    nobody,       nobody,           nobody, (mandated_hospital, second_person), nobody,        nobody),
    "own_text_writer.see":     (OwnTextWriter,  nobody, nobody,    nobody,       nobody,           nobody, mandated_hospital,               nobody,           nobody),
    "own_text.start":          (Hospital,       nobody, nobody,    nobody,       nobody,           nobody, represented,                     nobody,           nobody),
    "own_text.write":          (OwnText,        nobody, nobody,    nobody,       nobody,           nobody, represented,                     nobody,           nobody),
    "own_text.drop":           (OwnText,        nobody, nobody,    nobody,       nobody,           nobody, represented,                     nobody,           nobody),
    "own_text.propose":        (OwnText,        nobody, nobody,    nobody,       nobody,           nobody, represented,                     nobody,           nobody),
    "own_text.take-back":      (OwnText,        nobody, nobody,    nobody,       nobody,           nobody, represented,                     nobody,           nobody),
    "own_text.check":          (OwnText,        nobody, nobody,    nobody,       nobody,           nobody, nobody,                          nobody,           consequence),
    "own_text.accept":         (OwnText,        nobody, nobody,    nobody,       nobody,           nobody, (others_text, second_person),    nobody,           nobody),
    "own_text.send-back":      (OwnText,        nobody, nobody,    nobody,       nobody,           nobody, (others_text, second_person),    nobody,           nobody),
    "own_text.retire":         (OwnText,        nobody, nobody,    nobody,       nobody,           nobody, represented,                     nobody,           nobody),
    "consent.see":             (ConsentForm,    nobody, nobody,    treating,     on_behalf,        nobody, mandated_hospital,               nobody,           nobody),
    "consent.open":            (ConsentForm,    nobody, nobody,    treating,     on_behalf,        nobody, nobody,                          nobody,           nobody),
    "consent.prepare":         (Patient,        nobody, nobody,    treating,     on_behalf,        nobody, nobody,                          nobody,           nobody),
    "consent.print":           (ConsentForm,    nobody, nobody,    treating,     on_behalf,        nobody, nobody,                          nobody,           nobody),
    "consent.sign":            (ConsentForm,    nobody, nobody,    treating,     on_behalf,        nobody, nobody,                          nobody,           nobody),
    "consent.offer-phone":     (ConsentForm,    nobody, nobody,    treating,     on_behalf,        nobody, nobody,                          nobody,           nobody),
    "consent.archive":         (ConsentForm,    nobody, nobody,    treating,     on_behalf,        nobody, nobody,                          nobody,           nobody),
    "consent.attest":          (ConsentForm,    nobody, nobody,    treating,     on_behalf,        nobody, nobody,                          nobody,           nobody),
    "consent.file-external":   (Patient,        nobody, nobody,    treating,     on_behalf,        nobody, nobody,                          nobody,           nobody),
    "consent.file-again":      (ConsentForm,    nobody, nobody,    treating,     on_behalf,        nobody, nobody,                          nobody,           nobody),
    "consent.confirm":         (ConsentForm,    nobody, nobody,    second_treating, second_on_behalf, nobody, second_protecting,           nobody,           nobody),
    "consent.send-back":       (ConsentForm,    nobody, nobody,    second_treating, second_on_behalf, nobody, second_protecting,           nobody,           nobody),
    "consent.keep-scan":       (ConsentForm,    nobody, nobody,    treating,     on_behalf,        nobody, nobody,                          nobody,           nobody),
    "consent.cancel":          (ConsentForm,    nobody, nobody,    treating,     on_behalf,        nobody, nobody,                          nobody,           nobody),
    "consent.annul":           (ConsentForm,    nobody, nobody,    treating,     on_behalf,        nobody, nobody,                          nobody,           nobody),
    "consent.keep-copy":       (ConsentForm,    nobody, nobody,    nobody,       nobody,           nobody, nobody,                          nobody,           consequence),
    "consent.set-renewal":     (ConsentForm,    nobody, nobody,    nobody,       nobody,           nobody, nobody,                          nobody,           consequence),
    "consent.end-proof":       (ConsentForm,    nobody, nobody,    nobody,       nobody,           nobody, nobody,                          nobody,           consequence),
    "proof.find":              (Hospital,       nobody, nobody,    nobody,       nobody,           nobody, mandated_hospital,               nobody,           nobody),
    "proof.open":              (ConsentForm,    nobody, nobody,    nobody,       nobody,           nobody, proving,                         nobody,           nobody),
    "consent.keep-refusal":    (ConsentForm,    nobody, nobody,    consequence,  consequence,      nobody, nobody,                          nobody,           nobody),
    "consent.lapse":           (ConsentForm,    nobody, nobody,    consequence,  consequence,      nobody, consequence,                     nobody,           nobody),
    "consent.supersede":       (ConsentForm,    nobody, nobody,    consequence,  consequence,      nobody, consequence,                     nobody,           nobody),
    "consent.end":             (ConsentForm,    nobody, nobody,    consequence,  consequence,      nobody, consequence,                     nobody,           nobody),
    "decision.see":            (ConsentDecision, nobody, nobody,    treating,     on_behalf,        nobody, (written_about, checked_for, proving),     nobody,           nobody),
    "decision.withdraw":       (ConsentDecision, nobody, nobody,    treating,     on_behalf,        nobody, written_about,                   nobody,           nobody),
    "decision.carry-withdrawal": (ConsentDecision, nobody, nobody,   consequence,  consequence,      nobody, consequence,                     nobody,           nobody),
    "decision.open":           (ConsentDecision, nobody, nobody,    treating,     on_behalf,        nobody, written_about,                   nobody,           nobody),
    "document.see":            (ArchivedDocument, nobody, nobody,    treating_unerased, on_behalf_unerased, nobody, (written_about, checked_for, proving),     nobody,           nobody),
    "document_key.see":        (DocumentKey,    nobody, nobody,    treating_unerased, on_behalf_unerased, nobody, (written_about, checked_for, proving),     nobody,           nobody),
    "document.open":           (ArchivedDocument, nobody, nobody,    treating_unerased, on_behalf_unerased, nobody, (written_about, checked_for, proving),     nobody,           nobody),
    "phone_link.see":          (PhoneLink,      nobody, nobody,    own,          own,              nobody, nobody,                          nobody,           nobody),
    # forms printed before their patient is known
    "blank.see":               (BlankForm,      nobody, nobody,    own_blanks,   granted_blanks,   nobody, nobody,                          nobody,           nobody),
    "blank.open":              (BlankForm,      nobody, nobody,    own_blanks,   granted_blanks,   nobody, nobody,                          nobody,           nobody),
    "blank.print":             (Hospital,       nobody, nobody,    enrolling_hospital, granted_enrolling, nobody, nobody,                          nobody,           nobody),
    "blank.bind":              (Patient,        nobody, nobody,    treating,     on_behalf,        nobody, nobody,                          nobody,           nobody),
    "blank.use":               (BlankForm,      nobody, nobody,    consequence,  consequence,      nobody, nobody,                          nobody,           nobody),
    "consent.adopt":           (Patient,        nobody, nobody,    consequence,  consequence,      nobody, nobody,                          nobody,           nobody),
    "blank.cancel":            (BlankForm,      nobody, nobody,    own_blanks,   granted_blanks,   nobody, nobody,                          nobody,           nobody),
    "blank.lapse":             (BlankForm,      nobody, nobody,    consequence,  consequence,      nobody, nobody,                          nobody,           nobody),
    # patients' letters
    "letter.see":              (Letter,         nobody, nobody,    nobody,       nobody,           nobody, protected,                       nobody,           nobody),
    "letter.open":             (Letter,         nobody, nobody,    nobody,       nobody,           nobody, protected,                       nobody,           nobody),
    "letter_record.see":       (LetterRecord,   nobody, nobody,    treating,     on_behalf,        nobody, mandated_hospital,               nobody,           nobody),
    # scans on their way to their forms
    "stack.see":               (Stack,          nobody, nobody,    own_stacks,   own_stacks,       nobody, nobody,                          nobody,           nobody),
    "stack.open":              (Stack,          nobody, nobody,    own_stacks,   own_stacks,       nobody, nobody,                          nobody,           nobody),
    "stack.upload":            (Hospital,       nobody, nobody,    own_hospital, assisted_hospital, nobody, nobody,                         nobody,           nobody),
    "stack.read":              (Stack,          nobody, nobody,    own_stacks,   own_stacks,       nobody, nobody,                          nobody,           nobody),
    "stack.pass-on":           (Stack,          nobody, nobody,    consequence,  consequence,      nobody, nobody,                          nobody,           nobody),
    "stack.file":              (Stack,          nobody, nobody,    own_stacks,   own_stacks,       nobody, nobody,                          nobody,           nobody),
    "stack.close":             (Stack,          nobody, nobody,    consequence,  consequence,      nobody, nobody,                          nobody,           nobody),
    "stack.expire":            (Stack,          nobody, nobody,    consequence,  consequence,      nobody, nobody,                          nobody,           nobody),
    "stack_page.see":          (StackPage,      nobody, nobody,    own_scans_treated, own_scans_assisted, nobody, nobody,                  nobody,           nobody),
    "stack_page.open":         (StackPage,      nobody, nobody,    own_scans_treated, own_scans_assisted, nobody, nobody,                  nobody,           nobody),
    "stack_page.assign":       (StackPage,      nobody, nobody,    own_scans_treated, own_scans_assisted, nobody, nobody,                  nobody,           nobody),
    "stack_page.discard":      (StackPage,      nobody, nobody,    own_scans_treated, own_scans_assisted, nobody, nobody,                  nobody,           nobody),
    "stack_page.file":         (StackPage,      nobody, nobody,    consequence,  consequence,      nobody, nobody,                          nobody,           nobody),
    "stack_page.lapse":        (StackPage,      nobody, nobody,    consequence,  consequence,      nobody, nobody,                          nobody,           nobody),
    # a hospital's archive on its way out
    "export.see":              (Export,         nobody, nobody,    own_hospital, granted_hospital, nobody, mandated_hospital,               nobody,           nobody),
    "export.open":             (Export,         nobody, nobody,    nobody,       nobody,           nobody, mandated_hospital,               nobody,           nobody),
    "export.ask":              (Hospital,       nobody, nobody,    nobody,       nobody,           nobody, represented,                     nobody,           nobody),
    "export.begin":            (Export,         nobody, nobody,    consequence,  nobody,           nobody, consequence,                     nobody,           nobody),
    "export.go-on":            (Export,         nobody, nobody,    nobody,       nobody,           nobody, represented,                     nobody,           nobody),
    "export.keep-file":        (Export,         nobody, nobody,    nobody,       nobody,           nobody, nobody,                          nobody,           consequence),
    "export.fetch":            (Export,         nobody, nobody,    nobody,       nobody,           nobody, represented,                     nobody,           nobody),
    "export.take-passphrase":  (Export,         nobody, nobody,    nobody,       nobody,           nobody, protected,                       nobody,           nobody),
    "export.stop":             (Export,         nobody, nobody,    nobody,       nobody,           nobody, represented,                     nobody,           nobody),
    "export.lapse":            (Export,         nobody, nobody,    nobody,       nobody,           nobody, nobody,                          nobody,           consequence),
    "export_release.see":      (ExportRelease,  nobody, nobody,    release_asked_of_self, release_asked_of_host, nobody, mandated_hospital, nobody,        nobody),
    "export_release.open":     (ExportRelease,  nobody, nobody,    release_asked_of_self, release_asked_of_host, nobody, release_of_who_left, nobody,      nobody),
    "export_release.prepare":  (ExportRelease,  nobody, nobody,    nobody,       release_asked_of_host, nobody, nobody,                     nobody,           nobody),
    "export_release.release":  (ExportRelease,  nobody, nobody,    release_asked_of_self, nobody,  nobody, release_of_who_left,             nobody,           nobody),
    "export_release.refuse":   (ExportRelease,  nobody, nobody,    release_asked_of_self, nobody,  nobody, release_of_who_left,             nobody,           nobody),
    # forms printed for several patients at once
    "print_run.see":           (PrintRun,       nobody, nobody,    own,          own,              nobody, nobody,                          nobody,           nobody),
    "print_run.open":          (PrintRun,       nobody, nobody,    own,          own,              nobody, nobody,                          nobody,           nobody),
    "print_run.ask":           (Person,         nobody, nobody,    own,          own,              nobody, nobody,                          nobody,           nobody),
    "print_run.finish":        (PrintRun,       nobody, nobody,    own,          own,              nobody, nobody,                          nobody,           nobody),
    "print_run.expire":        (PrintRun,       nobody, nobody,    consequence,  consequence,      nobody, nobody,                          nobody,           nobody),
    "print_item.see":          (PrintItem,      nobody, nobody,    own_prints_treated, own_prints_assisted, nobody, nobody,                nobody,           nobody),
    # workings
    "audit.see":               (AuditEntry,     nobody, nobody,    treating,     on_behalf,        nobody, protected,                       nobody,           about_no_patient),
    "job.see":                 (Job,            nobody, own,       nobody,       nobody,           nobody, nobody,                          nobody,           nobody),
    # pages that show no record of their own
    "home.open":               (Person,         nobody, own,       nobody,       nobody,           nobody, nobody,                          nobody,           nobody),
    "verification.open":       (Person,         nobody, own,       nobody,       nobody,           nobody, nobody,                          nobody,           nobody),
    "help.open":               (Person,         nobody, own,       nobody,       nobody,           nobody, nobody,                          nobody,           nobody),
}
# fmt: on


ROLES = (*COLUMNS, Role.HELD)
"""Every role. ``HELD`` has no column: it has what anyone signed in has of ``BEFORE_THE_POLICY``, and nothing else."""

BEFORE_THE_POLICY = frozenset(
    {"policy.accept", "policy_version.see", "policy_acceptance.see", "person.see", "person.prefer"}
)
"""What a person may do before accepting the privacy policy in force: read it in any language, and accept it."""


def on(act: str) -> type[Any]:
    """The table an act's right is asked on."""
    return ACCESS[act][0]


def cells(act: str, role: Role) -> tuple[Scope, ...]:
    """The scopes a role has for an act."""
    if role is Role.HELD:
        return cells(act, Role.ANY) if act in BEFORE_THE_POLICY else (nobody,)
    cell = ACCESS[act][1 + COLUMNS.index(role)]
    return cell if isinstance(cell, tuple) else (cell,)


def held(role: Role, act: str) -> bool:
    """Whether the role can do the act anywhere at all, from a page."""
    return any(scope not in (nobody, consequence) for scope in cells(act, role))


def is_consequence(act: str) -> bool:
    """Whether the act only ever happens as part of another one."""
    scopes = {scope for role in COLUMNS for scope in cells(act, role)}
    return consequence in scopes and scopes <= {consequence, nobody}


def may_anywhere(actor: Actor, act: str) -> bool:
    """Whether the actor can do the act on some record, as far as roles and mandates say."""
    scopes = _scopes(actor.roles, act) - {nobody, consequence}
    return any(scope not in MANDATES or MANDATES[scope] & actor.mandates for scope in scopes)


def right(actor: Actor, act: str) -> ColumnElement[bool]:
    """The WHERE clause of the rows on which the actor may do the act."""
    return true() if actor.system else clause(on(act), _reaches(actor, act))


def right_here(actor: Actor, act: str) -> ColumnElement[bool]:
    """The same for rows that are found by other means: quick, however many there are on which the actor may do it."""
    return true() if actor.system else holds(on(act), _reaches(actor, act))


def reached(actor: Actor, act: str) -> GenerativeSelect | None:
    """The keys of the rows on which the actor may do the act; ``None``: of all rows."""
    return None if actor.system else keys(on(act), _reaches(actor, act))


def covers_sight(roles: frozenset[Role], act: str) -> bool:
    """Whether people of these roles may do the act on every row of its table they see."""
    return _scopes(roles, see(on(act))) <= _scopes(roles, act)


def _scopes(roles: frozenset[Role], act: str) -> set[Scope]:
    return {scope for role in ROLES if role in roles for scope in cells(act, role)}


def _reaches(actor: Actor, act: str) -> Iterator[Reach | bool]:
    for scope in sorted(
        _scopes(actor.roles, act), key=lambda scope: scope.__name__
    ):  # one text per set of roles, for the statement cache
        yield scope(actor, on(act))


def sights() -> Iterator[tuple[str, type[Any]]]:
    """The ``x.see`` rows: act and table."""
    for act in ACCESS:
        if act.endswith(".see"):
            yield act, on(act)


def see(thing: type[Any]) -> str:
    """The ``x.see`` act of a table."""
    return _SEE[thing]


_SEE = {table: act for act, table in sights()}
