"""Rows for tests, with what nobody cares about filled in. Call them inside ``house.system()``: they write at once.

Plain functions instead of a library: each row is one call, and what it needs is given to it. Patients and forms that
must be real (sealed, printed, signed) are made by acts in ``world``; ``patient`` and ``form`` here are bare rows.
"""

from __future__ import annotations

import datetime as dt
import itertools
import uuid
from collections.abc import Sequence
from typing import Any

from flask_appbuilder.security.sqla.models import Role as FabRole
from sqlalchemy import select

from app.models import (
    Authorisation,
    Centre,
    ConsentDecision,
    ConsentForm,
    ConsentText,
    Country,
    ExpertGroup,
    ExpertGroupMember,
    Grant,
    GrantedPatient,
    Hospital,
    LoginIdentity,
    Mandate,
    Membership,
    MembershipRequest,
    Network,
    Patient,
    Person,
    PolicyAcceptance,
    PolicyVersion,
    Registry,
    RequestConfirmation,
    SecondFactor,
    ThematicArea,
    db,
    now,
    today,
)
from app.outside import paper
from app.services import factors, papers, policies
from app.words import (
    Answer,
    CentreKind,
    ConfirmationState,
    FactorKind,
    FormState,
    GrantScope,
    MandateKind,
    Opinion,
    PatientState,
    Procedure,
    Purpose,
    Relation,
    RequestKind,
    RequestState,
    Role,
    Sex,
    Variant,
)

_numbers = itertools.count(1)
DAY = dt.timedelta(days=1)


def _kept(record: Any) -> Any:
    db.session.add(record)
    db.session.flush()
    db.session.commit()
    return record


def country(code: str = "GR", **given: Any) -> Country:
    """A country; Ukraine follows its own procedure."""
    known: dict[str, Any] = {
        "procedure": Procedure.UA if code == "UA" else Procedure.EU,
        "eea": code != "UA",
        "languages": {"GR": "el", "DE": "de", "BG": "bg", "UA": "uk"}.get(code, "en"),
        "authority_name": f"Authority of {code}",
        "authority_name_en": f"Authority of {code}",
        "authority_address": "1 Authority Street",
        "authority_contact": "authority.example",
        "majority_age": 18,
        "source": "invented",
    }
    return _kept(Country(code=code, **known | given))


def network(name: str = "ERN TEST", **given: Any) -> Network:
    """A network."""
    return _kept(Network(code=name.lower().replace(" ", "-"), name=name, field="diseases of tests", **given))


def area(of: Network, name: str = "Rare tests") -> ThematicArea:
    """A thematic area of a network."""
    return _kept(ThematicArea(network=of, name=name))


def registry(name: str, where: Country, of: Network | None = None, **given: Any) -> Registry:
    """A registry, of a network or of none."""
    return _kept(Registry(name=name, controller=f"Controller of {name}", country=where, network=of, **given))


def hospital(name: str, where: Country, **given: Any) -> Hospital:
    """A hospital with an authorisation in force (``authorised=False`` for one without)."""
    authorised = given.pop("authorised", True)
    made = _kept(
        Hospital(
            name=name,
            country=where,
            city="Testtown",
            address=f"1 {name} Street",
            phone="+30 000",
            email="desk@hospital.example",
            dpo_name="D. P. Officer",
            dpo_contact="dpo@hospital.example",
            **given,
        )
    )
    if authorised:
        authorisation(made)
    return made


def authorisation(of: Hospital, **given: Any) -> Authorisation:
    """A hospital's permission to enrol."""
    known: dict[str, Any] = {
        "decided_by_name": "R. Presentative",
        "decided_on": today() - DAY,
        "opinion": Opinion.POSITIVE,
        "opinion_by": "D. P. Officer",
        "opinion_on": today() - DAY,
        "reference": "AUTH-1",
        "from_on": today() - DAY,
        "to_on": today() + 365 * DAY,
    }
    return _kept(Authorisation(hospital=of, **known | given))


def centre(of: Hospital, inside: Network, **given: Any) -> Centre:
    """A centre of a hospital in a network."""
    known = {"name": f"Centre of {of.name}", "kind": CentreKind.FULL_MEMBER, "from_on": today() - 100 * DAY}
    return _kept(Centre(hospital=of, network=inside, **known | given))


def person(first_name: str, last_name: str = "Tester", **given: Any) -> Person:
    """An account without a password (sign in by a row: ``house.client_for``)."""
    email = f"{first_name.lower()}.{next(_numbers)}@people.example"
    known = {"username": email, "email": email, "active": True, "welcomed_at": now()}
    return _kept(Person(first_name=first_name, last_name=last_name, **known | given))


def identity(holder: Person, email: str | None, *, verified: bool = True, used_at: dt.datetime | None = None) -> Any:
    """An account of EU Login that opens this person's account, with what EU Login said of it last."""
    subject = uuid.uuid4().hex
    known = {"issuer": f"https://{subject}.example", "subject": subject, "email": email, "email_verified": verified}
    moment = used_at or now()
    return _kept(LoginIdentity(person=holder, bound_at=moment, used_at=moment, **known))


def admin(who: Person) -> Person:
    """Make a person Admin, the one role that is stored."""
    role = db.session.scalars(select(FabRole).where(FabRole.name == Role.ADMIN.value)).one_or_none()
    who.roles.append(role or FabRole(name=Role.ADMIN.value))
    return _kept(who)


def policy_version(number: int = 1, **given: Any) -> PolicyVersion:
    """A privacy policy, in force."""
    texts = {"en": {"title": "Policy of tests", "body": "One word."}, "de": {"title": "Regeln", "body": "Ein Wort."}}
    known = {"from_on": today() - DAY, "texts": texts, "sha256": policies.digest(texts), "published_at": now()}
    return _kept(PolicyVersion(number=number, **known | given))


def policy_acceptance(who: Person, of: PolicyVersion, **given: Any) -> PolicyAcceptance:
    """A person has accepted a version."""
    return _kept(PolicyAcceptance(person=who, policy=of, language="en", **{"accepted_at": now()} | given))


def member(who: Person, of: Centre, **given: Any) -> Membership:
    """A membership, in force."""
    return _kept(Membership(person=who, centre=of, **{"from_on": today() - 50 * DAY} | given))


def mandate(who: Person, kind: MandateKind, **given: Any) -> Mandate:
    """A mandate, in force."""
    return _kept(Mandate(person=who, kind=kind, **{"from_on": today() - 50 * DAY} | given))


def expert_group(of: Network, chair: Person, *members: Person) -> ExpertGroup:
    """An expert group with its chair and other members."""
    made = _kept(ExpertGroup(network=of, name=f"Group of {of.name}", chair_id=chair.id, from_on=today() - 40 * DAY))
    for who in (chair, *members):
        _kept(ExpertGroupMember(group=made, person=who, from_on=today() - 40 * DAY))
    return made


def grant(by: Person, to: Person, at: Hospital, *chosen: Patient, **given: Any) -> Grant:
    """A clinician's grant: of all records, or of the chosen ones; given while both were there."""
    scope = GrantScope.CHOSEN if chosen else GrantScope.ALL
    stays = select(Membership.stay).join(Membership.centre).where(Centre.hospital_id == at.id)
    mandates = select(Mandate.id).where(Mandate.kind == MandateKind.ASSISTANT, Mandate.hospital_id == at.id)
    known = {
        "from_on": today() - 10 * DAY,
        "scope": scope,
        "stay": db.session.scalars(stays.where(Membership.person_id == by.id).order_by(Membership.id.desc())).first(),
        "mandate_id": db.session.scalars(
            mandates.where(Mandate.person_id == to.id).order_by(Mandate.id.desc())
        ).first(),
    }
    rows = [GrantedPatient(patient_id=one.id) for one in chosen]
    return _kept(Grant(clinician=by, assistant=to, hospital=at, chosen=rows, **known | given))


def request(
    who: Person, kind: RequestKind, state: RequestState = RequestState.DRAFT, emails: Sequence[str] = (), **given: Any
) -> MembershipRequest:
    """A request for a place in a state, with the addresses it names."""
    sent = state is not RequestState.DRAFT
    known: dict[str, Any] = {
        "applicant": str(who),
        "email": who.email,
        "job_title": "Consultant",
        "registration_number": "REG-1",
        "registered_with": "Chamber of tests",
        "languages": "en",
        "institution": "Institute of tests",
        "country_code": "FR",
        "reason": "A second opinion",
        "begun_at": now(),
        "submitted_at": now() if sent else None,
        "decided_at": now() if state in (RequestState.ACCEPTED, RequestState.REFUSED) else None,
        "question": "From when?" if state.value.startswith("asked") else None,
        "decision_reason": "Unknown here" if state is RequestState.REFUSED else None,
        "more_centres": [],
        "areas": [],
        "history": [],
    }
    asked = [RequestConfirmation(email=email, state=ConfirmationState.ASKED) for email in emails]
    return _kept(MembershipRequest(person_id=who.id, kind=kind, state=state, confirmations=asked, **known | given))


def consent_text(procedure: str = "eu", language: str = "en", variant: str = "adult") -> ConsentText:
    """A text of ours, published."""
    text = paper.compose(procedure, language, variant)
    return _kept(
        ConsentText(
            procedure=Procedure(procedure),
            language=language,
            variant=Variant(variant),
            text_version=text.version,
            title=text.title,
            html=text.html,
            css=text.css,
            fonts=dict(text.fonts),
            sha256=text.sha256,
            published_at=now(),
        )
    )


def patient(of: Person, at: Hospital, **given: Any) -> Patient:
    """A bare record without identity."""
    number = next(_numbers)
    known: dict[str, Any] = {
        "nickname": f"quiet-test-{number}",
        "procedure": at.country.procedure,
        "state": PatientState.DRAFT,
        "sex": Sex.FEMALE,
        "birth_year": 1990,
        "birth_month": 3,
        "enrolled_by_id": of.id,
        "created_at": now(),
    }
    return _kept(Patient(clinician=of, hospital=at, **known | given))


def form(of: Patient, text: ConsentText, **given: Any) -> ConsentForm:
    """A bare form with its question for care."""
    state = given.pop("state", FormState.PREPARED)
    answer = given.pop("answer", Answer.NOT_ASKED)
    facts = {
        "printed_at": None if state is FormState.PREPARED else now(),
        "signed_on": today() if state in (FormState.SIGNED, FormState.ARCHIVED) else None,
        "relation": Relation.SELF if state in (FormState.SIGNED, FormState.ARCHIVED) else None,
        "end_reason": "a test" if state in (FormState.CANCELLED, FormState.ANNULLED) else None,
    }
    made = ConsentForm(
        code=f"{next(_numbers):016d}",
        patient=of,
        hospital=of.hospital,
        text=text,
        procedure=of.procedure,
        language=text.language,
        variant=text.variant,
        state=state,
        wrapped_key=papers.new_key(),
        prepared_at=now(),
        print_count=0,
        **facts | given,
    )
    made.decisions = [ConsentDecision(procedure=of.procedure, purpose=Purpose.CARE, answer=answer)]
    return _kept(made)


def app_factor(person_id: int, name: str = "Phone") -> tuple[SecondFactor, str]:
    """An app that makes codes, not yet stored, and its secret."""
    secret = factors.new_secret()
    factor = factors.sealed(person_id, FactorKind.APP, name, secret.encode(), counter=0)
    return factor, secret
