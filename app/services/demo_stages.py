"""The stage of the demo: hospitals, people, registries and who may do what where, as rows with the days of their stories.

What then happens to patients is played by ``stories``, in ``demo``.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

from babel import Locale
from flask_appbuilder.security.sqla.models import Role as FabRole
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import sight
from app.models import (
    Authorisation,
    Centre,
    Country,
    Grant,
    Hospital,
    Mandate,
    Membership,
    Network,
    Person,
    Registry,
    now,
)
from app.outside import reference
from app.outside.reference.shapes import Day, DemoWorld, HospitalStory, MandateStory, PersonStory
from app.services import accounts
from app.services.stories import Stage
from app.words import CentreKind, GrantScope, MandateKind, Opinion, Role

LONG_AGO: Day = -1000
"""Since when the registries take patients in; no story begins earlier."""

ROLES = {
    "clinician": "Clinician",
    "assistant": "Assistant",
    "guest": "Guest",
    "ern_coordinator": "ERN coordinator",
    "hospital_representative": "Hospital representative",
    "data_protection_contact": "Data-protection contact",
    "ua_hub": "UA Hub",
    "admin": "Admin",
    "newcomer": "Newcomer",
}
CITIES = {"Θεσσαλονίκη": "Thessaloniki", "Київ": "Kyiv", "Λάρνακα": "Larnaca"}
"""English names of the cities where somebody of the login page works."""


def set_stage(*, scans: bool) -> Stage:
    """Write the rows of hospitals, registries, people and what they may do."""
    world, start = reference.demo(), now()
    with sight.wide("seed") as session:
        session.connection(execution_options={"writes": True})
        build = _Building(session, world, start.date())
        registries = build.registries()
        hospitals, people = build.hospitals(), build.people()
        session.flush()
        build.authorisations(hospitals, people)
        build.places(hospitals, people)
        session.commit()
        return Stage(
            world=world,
            start=start,
            hospitals={key: hospital.id for key, hospital in hospitals.items()},
            people={key: person.id for key, person in people.items()},
            registries=registries,
            scans=scans,
        )


class _Building:
    """The rows of the invented world, in one session."""

    def __init__(self, session: Session, world: DemoWorld, on: dt.date) -> None:
        self.session, self.world, self._on = session, world, on
        self._countries = {country.code: country for country in session.scalars(select(Country))}
        self._networks = {network.code: network for network in session.scalars(select(Network))}
        self._centres: dict[str, Centre] = {}

    def day(self, day: Day) -> dt.date:
        """The date of a story's day."""
        return self._on + dt.timedelta(days=day)

    def spell(self, story: Any) -> dict[str, Any]:
        """The columns of something that runs ``since`` a day, perhaps ``until`` another."""
        until = None if story.until is None else self.day(story.until)
        return {
            "from_on": self.day(story.since),
            "to_on": until,
            "end_reason": getattr(story, "ending", "") or None,
        }

    def registries(self) -> dict[str, str]:
        """Add the registries; their names by key."""
        for story in self.world.registries:
            self.session.add(
                Registry(
                    name=story.name,
                    controller=story.controller,
                    country=self._countries[story.country],
                    network=self._networks[story.network],
                    from_on=self.day(LONG_AGO),
                )
            )
        return {story.key: story.name for story in self.world.registries}

    def hospitals(self) -> dict[str, Hospital]:
        """Add the hospitals and their centres."""
        return {story.key: self._hospital(story) for story in self.world.hospitals}

    def _hospital(self, story: HospitalStory) -> Hospital:
        hospital = Hospital(
            name=story.name,
            country=self._countries[story.country],
            city=story.city,
            address=_street(story),
            phone=story.phone,
            email=story.withdrawals,
            dpo_name=story.dpo_name,
            dpo_contact=story.dpo_email,
            from_on=self.day(min(centre.since for centre in story.centres)),
        )
        self.session.add(hospital)
        for centre in story.centres:
            self._centres[centre.key] = Centre(
                hospital=hospital,
                network=self._networks[centre.network],
                name=centre.unit,
                kind=CentreKind(centre.kind),
                **self.spell(centre),
            )
            self.session.add(self._centres[centre.key])
        return hospital

    def authorisations(self, hospitals: Mapping[str, Hospital], people: Mapping[str, Person]) -> None:
        """Add the representatives' decisions; who decided is linked where they have an account."""
        named = {story.native_name or f"{story.given} {story.family}": story.key for story in self.world.people}
        for story in self.world.hospitals:
            decision = story.authorisation
            if decision is None:
                continue
            decider = named.get(decision.by)
            self.session.add(
                Authorisation(
                    hospital=hospitals[story.key],
                    decided_by_id=people[decider].id if decider else None,
                    decided_by_name=decision.by,
                    decided_on=self.day(decision.decided),
                    opinion=Opinion.POSITIVE if decision.opinion.positive else Opinion.NEGATIVE,
                    opinion_by=decision.opinion.by,
                    opinion_on=self.day(decision.opinion.day),
                    reference=decision.reference,
                    note=decision.opinion.reference,
                    from_on=self.day(decision.decided),
                    to_on=self.day(decision.valid_until),
                )
            )

    def people(self) -> dict[str, Person]:
        """Add the accounts, without passwords: the login page lets one in by a click."""
        people = {story.key: self._person(story) for story in self.world.people}
        self.session.add_all(people.values())
        return people

    def _person(self, story: PersonStory) -> Person:
        country = story.guest.country if story.guest else "UA" if story.role == "ua_hub" else None
        person = accounts.new_person(
            first_name=story.given,
            last_name=story.family,
            email=story.email,
            job_title=story.job_title or None,
            institution=story.institution or None,
            country_code=self.world.hospital(story.hospital).country if story.hospital else country,
            language=story.language,
            seen_on=self.day(story.seen),
            demo_role=_on_login_page(self.world, story) if story.demo_login else None,
        )
        if story.role == "admin":
            person.roles.append(self._admin())
        return person

    def _admin(self) -> FabRole:
        name = Role.ADMIN.value
        found = self.session.scalars(select(FabRole).where(FabRole.name == name)).one_or_none()
        return found or FabRole(name=name)

    # --- what they may do where ---

    def places(self, hospitals: Mapping[str, Hospital], people: Mapping[str, Person]) -> None:
        """Add memberships, mandates and grants, each appointed by whoever was in office then."""
        ids = {key: person.id for key, person in people.items()}
        for story in self.world.people:
            hospital_id = hospitals[story.hospital].id if story.hospital else None
            self._add_seats(story, ids)
            self._add_mandates(story, ids, hospital_id)
        self.session.flush()
        for story in self.world.people:
            self._add_grants(story, ids, hospitals[story.hospital].id if story.hospital else None)

    def _add_seats(self, story: PersonStory, ids: Mapping[str, int]) -> None:
        for seat in story.seats:
            by = ids.get(self._representative(story.hospital, seat.since))
            centre_id = self._centres[seat.centre].id
            spell = self.spell(seat)
            stay = self.session.get_one(Person, ids[story.key]).public_id  # nobody left and came back
            who = {"person_id": ids[story.key], "stay": stay}
            self.session.add(Membership(**who, centre_id=centre_id, appointed_by_id=by, **spell))

    def _add_mandates(self, story: PersonStory, ids: Mapping[str, int], hospital_id: int | None) -> None:
        for mandate in story.mandates:
            network = self._networks.get(mandate.network)
            self._mandate(
                story,
                ids,
                MandateKind(mandate.kind),
                network_id=network.id if network else None,
                hospital_id=hospital_id if mandate.hospital else None,
                **self.spell(mandate),
            )
        if story.grants:  # the hospital lets them assist; the clinicians then grant their records
            since = self.day(min(grant.since for grant in story.grants))
            self._mandate(story, ids, MandateKind.ASSISTANT, hospital_id=hospital_id, from_on=since)
        if story.guest:
            host_id = ids[story.guest.host]
            self._mandate(story, ids, MandateKind.GUEST, host_id=host_id, **self.spell(story.guest))

    def _mandate(self, story: PersonStory, ids: Mapping[str, int], kind: MandateKind, **columns: Any) -> None:
        by = ids.get(self._appointer(story, kind, (columns["from_on"] - self._on).days))
        self.session.add(Mandate(person_id=ids[story.key], kind=kind, appointed_by_id=by, **columns))

    def _add_grants(self, story: PersonStory, ids: Mapping[str, int], hospital_id: int | None) -> None:
        for grant in story.grants:
            assists = (Mandate.person_id == ids[story.key], Mandate.kind == MandateKind.ASSISTANT)
            self.session.add(
                Grant(
                    mandate_id=self.session.scalar(select(Mandate.id).where(*assists)),
                    stay=self.session.get_one(Person, ids[grant.clinician]).public_id,
                    clinician_id=ids[grant.clinician],
                    assistant_id=ids[story.key],
                    hospital_id=hospital_id,
                    scope=GrantScope(grant.scope),
                    **self.spell(grant),
                )
            )

    def _appointer(self, story: PersonStory, kind: MandateKind, day: Day) -> str:
        """Key of who appointed them (DOMAIN.md section 2), or nothing where nobody of the story was in office."""
        if kind in (MandateKind.ERN_COORDINATOR, MandateKind.UA_HUB):
            return next(person.key for person in self.world.people if person.role == "admin")
        if kind is MandateKind.HOSPITAL_REPRESENTATIVE:
            return self._coordinator(story.hospital, day)
        if story.guest:
            return self._coordinator(self.world.person(story.guest.host).hospital, day)
        return self._representative(story.hospital, day)

    def _representative(self, hospital: str, day: Day) -> str:
        kind = "hospital_representative"
        return self._in_office(day, lambda mandate: mandate.kind == kind and mandate.hospital == hospital)

    def _coordinator(self, hospital: str, day: Day) -> str:
        networks = {centre.network for centre in self.world.hospital(hospital).centres}
        return self._in_office(day, lambda mandate: mandate.network in networks)

    def _in_office(self, day: Day, fits: Callable[[MandateStory], bool]) -> str:
        found = (p.key for p in self.world.people for mandate in p.mandates if fits(mandate) and mandate.since <= day)
        return next(found, "")


def _street(story: HospitalStory) -> str:
    """The address without the city, which stands in a column of its own."""
    *lines, last = story.address
    return ", ".join(line for line in (*lines, last.removesuffix(story.city).strip()) if line)


def _on_login_page(world: DemoWorld, story: PersonStory) -> str:
    """Role and place, as the login page shows them."""
    lands = Locale("en").territories
    if story.role == "newcomer":
        place = "no place yet"
    elif story.role == "ern_coordinator":
        codes = {network.code: network.name for network in reference.networks()}
        place = codes[story.mandates[0].network]
    elif story.hospital:
        hospital = world.hospital(story.hospital)
        place = f"{CITIES.get(hospital.city, hospital.city)}, {lands[hospital.country]}"
    elif story.guest:
        place = lands[story.guest.country]
    else:
        place = story.institution.removesuffix(" (demo)")
    return ", ".join(part for part in (ROLES[story.role], place, story.stands) if part)
