"""What we keep: every table, by domain, a line each. The classes live in ``app/tables``: columns, constraints, relations."""

from __future__ import annotations

from app.tables.absences import Absence
from app.tables.base import Moment, Record, Spell, Winding, db, now, today
from app.tables.blanks import BlankForm
from app.tables.consents import ArchivedDocument, ConsentDecision, ConsentForm, ConsentText, DocumentKey, PhoneLink
from app.tables.exports import Export, ExportRelease
from app.tables.factors import PasskeyQuestion, RecoveryCode, SecondFactor
from app.tables.groups import ExpertGroup, ExpertGroupMember
from app.tables.handovers import Handover
from app.tables.letters import Letter, LetterRecord
from app.tables.mails import Mail, MailOff
from app.tables.name_words import NameWord
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
from app.tables.photos import Photo
from app.tables.policies import PolicyAcceptance, PolicyVersion
from app.tables.prints import PrintItem, PrintRun
from app.tables.profiles import Expertise, Profile
from app.tables.requests import MembershipRequest, RequestConfirmation
from app.tables.rolls import Roll
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
    ExpertGroup,  # experts of a network on a topic, and when they meet
    ExpertGroupMember,  # somebody's place in such a group
    # people
    Person,  # an account (Flask-AppBuilder's user, widened)
    Photo,  # how a person looks
    Profile,  # what a person says of themselves
    Expertise,  # one thing a person knows about
    NameWord,  # a word of a person's name, to find people by
    Absence,  # days a person is away
    Membership,  # a clinician's place in a centre
    Mandate,  # what a person may do where
    Roll,  # a hospital's yearly list of its people
    Grant,  # a clinician lets an assistant act for them
    GrantedPatient,  # a chosen record of a grant
    Login,  # a signed-in browser
    LoginIdentity,  # an account elsewhere that opens one here
    LoginTrip,  # a browser on its way to EU Login and back
    Attempt,  # a failed login
    SecondFactor,  # an app that makes codes, or a passkey
    RecoveryCode,  # for whoever has lost it
    PasskeyQuestion,  # what a passkey was asked to sign
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
    Handover,  # a record offered to a colleague
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
    "Absence",
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
    "ExpertGroup",
    "ExpertGroupMember",
    "Expertise",
    "Export",
    "ExportRelease",
    "Grant",
    "GrantedPatient",
    "Handover",
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
    "NameWord",
    "Network",
    "OnceKey",
    "OwnText",
    "OwnTextWriter",
    "PasskeyQuestion",
    "PasswordLink",
    "Patient",
    "PatientIdentity",
    "Person",
    "PhoneLink",
    "Photo",
    "PolicyAcceptance",
    "PolicyVersion",
    "PrintItem",
    "PrintRun",
    "Profile",
    "Record",
    "RecoveryCode",
    "Registry",
    "RequestConfirmation",
    "Roll",
    "SecondFactor",
    "Spell",
    "Stack",
    "StackPage",
    "TextChange",
    "ThematicArea",
    "Winding",
    "db",
    "now",
    "today",
]
