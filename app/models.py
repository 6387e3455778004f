"""What we keep: every table, by domain, a line each. The classes live in ``app/tables``: columns, constraints, relations."""

from __future__ import annotations

from app.tables.base import Moment, Record, Spell, db, now, today
from app.tables.blanks import BlankForm
from app.tables.consents import ArchivedDocument, ConsentDecision, ConsentForm, ConsentText, DocumentKey, PhoneLink
from app.tables.exports import Export, ExportRelease
from app.tables.letters import Letter, LetterRecord
from app.tables.mails import Mail, MailOff
from app.tables.networks import Authorisation, Centre, Country, Hospital, Network, Registry, ThematicArea
from app.tables.own_texts import OwnText, OwnTextWriter
from app.tables.patients import Patient, PatientIdentity
from app.tables.people import (
    Attempt,
    Grant,
    GrantedPatient,
    Login,
    LoginIdentity,
    LoginTrip,
    Mandate,
    Membership,
    PasswordLink,
    Person,
)
from app.tables.policies import PolicyAcceptance, PolicyVersion
from app.tables.prints import PrintItem, PrintRun
from app.tables.requests import MembershipRequest, RequestConfirmation
from app.tables.stacks import Stack, StackPage
from app.tables.text_changes import TextChange
from app.tables.workings import AuditEntry, Job, OnceKey

TABLES = (
    # networks, hospitals
    Country,  # languages on paper, authority, ages of a country
    Network,  # a European Reference Network (ERN)
    ThematicArea,  # a group of diseases inside a network
    Registry,  # a registry a patient may agree to
    Hospital,  # a healthcare provider (HCP)
    Authorisation,  # a hospital's permission to enrol
    Centre,  # a unit of a hospital in a network
    # people
    Person,  # an account (Flask-AppBuilder's user, widened)
    Membership,  # a clinician's place in a centre
    Mandate,  # what a person may do where
    Grant,  # a clinician lets an assistant act for them
    GrantedPatient,  # a chosen record of a grant
    Login,  # a signed-in browser
    LoginIdentity,  # an account elsewhere that opens one here
    LoginTrip,  # a browser on its way to EU Login and back
    Attempt,  # a failed login
    PasswordLink,  # a one-time link to set a password
    Mail,  # what the platform writes to a person
    MailOff,  # a kind of mail a person does not want
    MembershipRequest,  # what a newcomer asks for
    RequestConfirmation,  # a colleague asked to confirm it
    PolicyVersion,  # a published privacy policy
    PolicyAcceptance,  # who accepted it when
    # patients
    Patient,  # a patient under a nickname
    PatientIdentity,  # who the patient is, sealed
    # consent
    ConsentText,  # a published text, never changed
    OwnText,  # a version of a hospital's own text
    OwnTextWriter,  # somebody whose words are in it
    TextChange,  # a text that changes what is done with the data
    ConsentForm,  # a form, from language to archive
    ConsentDecision,  # an answer for one purpose
    ArchivedDocument,  # a stored scan, append-only
    DocumentKey,  # the key of a stored scan
    PhoneLink,  # an upload from a phone
    BlankForm,  # a form printed before its patient is known
    Letter,  # a patient's letter to the data-protection contact
    LetterRecord,  # a record such a letter is about
    Stack,  # scans on their way to their forms
    StackPage,  # a page of a stack
    Export,  # a hospital's archive as one encrypted file
    ExportRelease,  # what a clinician says to an export
    PrintRun,  # forms printed for several patients at once
    PrintItem,  # a patient of such a run
    # workings
    AuditEntry,  # who did or opened what, chained
    Job,  # work to do later
    OnceKey,  # a create form's one-time key
)

__all__ = [
    "TABLES",
    "ArchivedDocument",
    "Attempt",
    "AuditEntry",
    "Authorisation",
    "BlankForm",
    "Centre",
    "ConsentDecision",
    "ConsentForm",
    "ConsentText",
    "Country",
    "DocumentKey",
    "Export",
    "ExportRelease",
    "Grant",
    "GrantedPatient",
    "Hospital",
    "Job",
    "Letter",
    "LetterRecord",
    "Login",
    "LoginIdentity",
    "LoginTrip",
    "Mail",
    "MailOff",
    "Mandate",
    "Membership",
    "MembershipRequest",
    "Moment",
    "Network",
    "OnceKey",
    "OwnText",
    "OwnTextWriter",
    "PasswordLink",
    "Patient",
    "PatientIdentity",
    "Person",
    "PhoneLink",
    "PolicyAcceptance",
    "PolicyVersion",
    "PrintItem",
    "PrintRun",
    "Record",
    "Registry",
    "RequestConfirmation",
    "Spell",
    "Stack",
    "StackPage",
    "TextChange",
    "ThematicArea",
    "db",
    "now",
    "today",
]
