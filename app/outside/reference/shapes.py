"""The shapes of what ships with the platform: a country, a network, and the stories of the demo's invented world.

A file of facts is read into these by ``reference``; a key or a word they do not know is a fault there.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

Day: TypeAlias = int  # days from the day of seeding, negative is the past: so the demo never grows old

Procedure = Literal["eu", "ua"]
Sex = Literal["female", "male", "indeterminate", "unknown"]
CentreKind = Literal[
    "full_member", "associated_national_centre", "collaborative_national_centre", "national_coordination_hub"
]
MandateKind = Literal["ern_coordinator", "hospital_representative", "data_protection_contact", "ua_hub"]
MainRole = Literal[
    "clinician",
    "assistant",
    "guest",
    "ern_coordinator",
    "hospital_representative",
    "data_protection_contact",
    "ua_hub",
    "admin",
    "newcomer",
]
Variant = Literal["adult", "representative"]
Answer = Literal["given", "refused"]
Relation = Literal["self", "parent", "guardian", "legal_representative"]
Purpose = Literal["care", "education", "registry"]
Channel = Literal["in_person", "letter", "slip", "phone", "email"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """A supervisory authority for data protection; ``sure`` is false where an operator should check first."""

    names: Mapping[str, str]  # by language: the country's own, and always "en"
    address: tuple[str, ...]  # lines, in the country's own script, without the country
    website: str  # bare host
    phone: str = ""
    email: str = ""
    sure: bool = True
    note: str = ""

    def name(self, language: str) -> str:
        """The official name in ``language``, else in the country's first language."""
        return self.names.get(language) or next(iter(self.names.values()))


@dataclass(frozen=True, slots=True, kw_only=True)
class AgeRules:
    """Ages in years at which a patient signs for health care, from national law (``source``)."""

    majority: int
    cosign_from: int | None = None  # the minor signs beside the representatives
    alone_from: int | None = None  # the minor may sign alone
    by_maturity: bool = False  # no fixed age: the clinician judges
    two_parents: bool = False  # parents with joint responsibility both sign, as a rule
    source: str
    sure: bool = True
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CountryFacts:
    """A country whose hospitals may take part, with defaults an operator or hospital can adapt."""

    code: str  # ISO 3166-1 alpha-2
    languages: tuple[str, ...]  # BCP 47, in order of use on paper; the first is the default
    eu: bool
    eea: bool
    procedure: Procedure
    authority: Authority
    ages: AgeRules


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkFacts:
    """A European Reference Network."""

    code: str
    name: str
    field: str  # completes "rare ..." in plain words
    website: str  # bare host
    areas: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """What a hospital's data-protection officer thought of taking part; a negative one does not bind."""

    positive: bool
    by: str
    day: Day
    reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorisationStory:
    """The representative's decision that the hospital takes part."""

    decided: Day
    by: str
    reference: str
    valid_until: Day
    opinion: Opinion


@dataclass(frozen=True, slots=True, kw_only=True)
class CentreStory:
    """A unit of a hospital in a network."""

    key: str
    unit: str
    network: str  # NetworkFacts.code
    kind: CentreKind
    since: Day
    until: Day | None = None
    ending: str = ""  # why it ended


@dataclass(frozen=True, slots=True, kw_only=True)
class HospitalStory:
    """An invented hospital."""

    key: str
    invented: bool
    name: str  # as on paper, in the country's script
    name_en: str
    country: str
    city: str
    address: tuple[str, ...]
    phone: str
    withdrawals: str  # e-mail to which a patient writes to withdraw
    dpo_name: str
    dpo_email: str
    authorisation: AuthorisationStory | None = None
    centres: tuple[CentreStory, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SeatStory:
    """A clinician's place in a centre; an open end is still running."""

    centre: str
    since: Day
    until: Day | None = None
    ending: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MandateStory:
    """What a person may do where: in a ``network`` (ERN coordinators) or in their ``hospital``."""

    kind: MandateKind
    network: str = ""
    hospital: str = ""
    since: Day
    until: Day | None = None
    ending: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantStory:
    """What a clinician lets an assistant do: all records, or the ``patients`` named."""

    clinician: str
    scope: Literal["all", "chosen"]
    patients: tuple[str, ...] = ()
    since: Day
    until: Day | None = None
    ending: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestStory:
    """Where a guest comes from, who invited them, and until when."""

    institution: str
    country: str
    host: str  # PersonStory.key
    reason: str
    since: Day
    until: Day


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonStory:
    """An invented person with an account; rights come from seats, grants, guest and mandates."""

    key: str
    given: str  # Latin letters
    family: str
    native_name: str = ""  # in the person's own script, where that is not Latin
    email: str
    hospital: str = ""  # empty for guests, the hub and the operator
    institution: str = ""  # where there is no hospital
    job_title: str
    language: str = "en"  # of the screens, where we have it
    role: MainRole  # the one the demo shows them for
    demo_login: bool = False
    stands: str = ""  # how the place stands, where the login page says it
    seen: Day = 0  # when they last signed in
    seats: tuple[SeatStory, ...] = ()
    grants: tuple[GrantStory, ...] = ()
    guest: GuestStory | None = None
    mandates: tuple[MandateStory, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileStory:
    """What a person says of themselves; the network of an area counts as known."""

    person: str  # PersonStory.key
    title: str = ""
    about: str = ""
    networks: tuple[str, ...] = ()  # NetworkFacts.code
    areas: tuple[str, ...] = ()  # of NetworkFacts
    disorders: tuple[str, ...] = ()  # ORPHAcode and name
    languages: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SignerStory:
    """Who signed, and how their right to do so was shown."""

    name: str
    relation: Relation
    proof: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttestStory:
    """A signed original that stays on paper, and where."""

    day: Day
    place: str
    by: str  # PersonStory.key


@dataclass(frozen=True, slots=True, kw_only=True)
class EndStory:
    """A form cancelled, or its scan annulled."""

    day: Day
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawalStory:
    """One purpose withdrawn; ``registry`` is its key when the purpose is ``registry``."""

    day: Day
    purpose: Purpose
    registry: str = ""
    channel: Channel
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FormStory:
    """The life of one consent form. An answer left out was not asked or not given: both mean no."""

    language: str
    variant: Variant
    large_print: bool = False
    prepared: Day
    printed: tuple[Day, ...] = ()
    signed: Day | None = None
    signers: tuple[SignerStory, ...] = ()
    assent: bool | None = None  # of the child; None where there was nothing to ask
    interpreter: str = ""
    care: Answer | None = None
    education: Answer | None = None
    registries: Mapping[str, Answer] = dataclasses.field(default_factory=dict)  # by RegistryStory.key
    archived: Day | None = None
    attested: AttestStory | None = None
    cancelled: EndStory | None = None
    annulled: EndStory | None = None
    withdrawals: tuple[WithdrawalStory, ...] = ()

    @property
    def in_force(self) -> bool:
        """Whether care consent is in force today: given, on file, and neither annulled nor withdrawn."""
        on_file = self.archived is not None or self.attested is not None
        ended = self.cancelled or self.annulled or any(gone.purpose == "care" for gone in self.withdrawals)
        return self.care == "given" and on_file and not ended


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientStory:
    """An invented patient. Hospital and procedure follow from the clinician.

    Adults have ``born``, children ``age_days``: a child of the demo stays a child.
    """

    key: str
    clinician: str  # PersonStory.key
    family: str
    given: str
    born: dt.date | None = None
    age_days: int | None = None
    sex: Sex
    file_number: str
    birth_place: str = ""
    entered: Day  # the day the draft was made
    forms: tuple[FormStory, ...] = ()
    deleted: Day | None = None  # an abandoned draft, or a record erased after a withdrawal

    def birth_date(self, today: dt.date) -> dt.date:
        """The date of birth as of a demo seeded ``today``."""
        return self.born or today - dt.timedelta(days=self.age_days or 0)

    def age(self, today: dt.date) -> int:
        """Full years of age on ``today``."""
        born = self.birth_date(today)
        return today.year - born.year - ((today.month, today.day) < (born.month, born.day))


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryStory:
    """An invented registry to which a patient may say yes or no by name."""

    key: str
    invented: bool
    name: str
    controller: str
    country: str
    network: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoWorld:
    """The whole invented world; every key it mentions is in it."""

    hospitals: tuple[HospitalStory, ...]
    people: tuple[PersonStory, ...]
    profiles: tuple[ProfileStory, ...]
    patients: tuple[PatientStory, ...]
    registries: tuple[RegistryStory, ...]

    def hospital(self, key: str) -> HospitalStory:
        """The hospital with this key, or KeyError."""
        return {hospital.key: hospital for hospital in self.hospitals}[key]

    def person(self, key: str) -> PersonStory:
        """The person with this key, or KeyError."""
        return {person.key: person for person in self.people}[key]
