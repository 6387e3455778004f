"""The tour: four cards for each kind of user, what they do first here. What the cards look like is the template's."""

from __future__ import annotations

from typing import NamedTuple

from app.pages.base import may
from app.pages.security import acting
from app.words import Role, _

CARDS = 4


class Card(NamedTuple):
    """One thing to do first: who may (an act), where (a page's method), an icon, what it is, a sentence, the link's words."""

    act: str
    page: str
    icon: str
    title: object
    sentence: object
    link: object


FIND = Card(
    "directory.find",
    "DirectoryPage.list",
    "book-user",
    _("Find who knows a disease"),
    _("The directory has the people of all networks, by name, hospital, ORPHAcode or language."),
    _("Open the directory"),
)
ENROL = Card(
    "patient.enrol",
    "PatientPage.enrol",
    "user-plus",
    _("Enrol a patient"),
    _("Type who the patient is; everybody but the treating clinician and their assistants sees an invented nickname."),
    _("Enrol the first one"),
)
SCANS = Card(
    "stack.see",
    "StacksPage.list",
    "layers",
    _("Bring the signed forms back"),
    _("Upload all scans as they come from the machine: the codes on the pages say whose each one is."),
    _("File scans"),
)
MAILS = Card(
    "person.choose-mail",
    "OwnMailPage.choose",
    "mail",
    _("Choose your mails"),
    _("A mail says that something waits for you, never about whom; you choose which kinds you get."),
    _("Choose mails"),
)
SELF = Card(
    "profile.write",
    "SettingsPage.index",
    "settings",
    _("Say who you are"),
    _("Under settings you change what colleagues read about you, your photo, and your languages."),
    _("Open the settings"),
)
WORK = Card(
    "home.open",
    "HomePage.index",
    "house",
    _("Begin at Home"),
    _("Whatever waits for you stands there, with the next thing to do beside it."),
    _("Go to Home"),
)
RIGHTS = Card(
    "help.open",
    "HelpPage.rights",
    "shield-check",
    _("See who sees what"),
    _("One page says who may see and do what here, written from the very rules the system follows."),
    _("Who may do what"),
)

TOURS: dict[Role, tuple[Card, ...]] = {
    Role.CLINICIAN: (
        ENROL,
        Card(
            "consent.see",
            "ConsentPage.list",
            "printer",
            _("Print the consent form"),
            _(
                "It is printed in the patient’s language, signed on paper and comes back as a scan: then the case may be shared."
            ),
            _("See the consent forms"),
        ),
        FIND,
        Card(
            "grant.choose",
            "AssistantPage.list",
            "handshake",
            _("Let somebody help you"),
            _(
                "An assistant of your hospital acts for you on all your records or on chosen ones, for as long as you say."
            ),
            _("Choose an assistant"),
        ),
    ),
    Role.ASSISTANT: (
        Card(
            "grant.return",
            "AssistedPage.list",
            "handshake",
            _("See whom you act for"),
            _("Each clinician says on which records; whatever you do there is noted as done on their behalf."),
            _("Whom I assist"),
        ),
        ENROL,
        SCANS,
        FIND,
    ),
    Role.COORDINATOR: (
        Card(
            "request.open",
            "RequestPage.list",
            "inbox",
            _("Decide who comes in"),
            _("Requests for access wait there, the oldest first; the aim is an answer within 24 hours."),
            _("See the requests"),
        ),
        Card(
            "patient.trace",
            "LetterPage.search",
            "mail",
            _("Answer a patient’s letter"),
            _("Look for the record by name and date of birth, then withdraw or restrict at once."),
            _("Record a letter"),
        ),
        Card(
            "membership.see",
            "MembershipPage.list",
            "id-card",
            _("Keep the members right"),
            _("See who belongs to your hospital or network, from when to when, and end a place when somebody leaves."),
            _("See the memberships"),
        ),
        Card(
            "hospital.see",
            "HospitalPage.list",
            "hospital",
            _("Keep hospitals authorised"),
            _(
                "Nobody enrols patients in a hospital without an authorisation in force; its page says until when it is."
            ),
            _("See the hospitals"),
        ),
        FIND,
    ),
    Role.GUEST: (
        Card(
            "home.open",
            "HomePage.index",
            "messages-square",
            _("Take part where you are invited"),
            _("Discussions you are invited to stand on Home; patients carry invented nicknames there."),
            _("Go to Home"),
        ),
        SELF,
        MAILS,
        RIGHTS,
    ),
    Role.ADMIN: (
        Card(
            "person.find",
            "PersonPage.list",
            "users-round",
            _("Keep the accounts"),
            _("Make, correct and lock accounts, and help whoever cannot sign in any more."),
            _("See the people"),
        ),
        Card(
            "policy_version.find",
            "PolicyVersionPage.list",
            "scroll-text",
            _("Publish the privacy policy"),
            _("Everybody reads and accepts the version in force before anything else."),
            _("See the versions"),
        ),
        Card(
            "mail.find",
            "MailPage.list",
            "mail",
            _("See that mails go out"),
            _("The list says which mail waits, was sent or could not be delivered, and sends one again."),
            _("See the mails"),
        ),
        RIGHTS,
    ),
}
"""What each kind of user does first, the first four that are theirs; of somebody of several kinds the first kind counts."""

ANYBODY = (WORK, SELF, MAILS, RIGHTS)
"""What fills a tour up, and the tour of who has no place yet."""


def cards() -> list[Card]:
    """The four cards of who looks."""
    own = next((tour for role, tour in TOURS.items() if acting().is_(role)), ())
    return [card for card in dict.fromkeys((*own, *ANYBODY)) if may(card.act)][:CARDS]
