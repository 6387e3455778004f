"""What follows from the rows on a day: who a person is, whom they treat, where they decide."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from functools import cached_property
from types import SimpleNamespace

Row = SimpleNamespace

ROLE_OF = {
    "ern_coordinator": "Coordinator",
    "hospital_representative": "Coordinator",
    "data_protection_contact": "Coordinator",
    "assistant": "Assistant",
    "guest": "Guest",
    "ua_hub": "UA Hub",
}


KEEPS = {"hospital_representative", "data_protection_contact"}


class Oracle:
    """What follows from the rows on a day."""

    def __init__(self, tables: dict[str, list[Row]], admins: set[int], on: dt.date) -> None:
        self.tables, self.admins, self.on = tables, admins, on
        self.by_id = {name: {row.id: row for row in rows if hasattr(row, "id")} for name, rows in tables.items()}

    def valid(self, spell: Row) -> bool:
        """From-to, both days included; ended means at once."""
        begun = spell.from_on <= self.on
        return begun and (spell.to_on is None or spell.to_on >= self.on) and spell.ended_at is None

    def goes_on(self, membership: Row) -> bool:
        """Nobody has said that it ends: the membership, its centre, or the hospital."""
        centre = self.by_id["centre"][membership.centre_id]
        places = (membership, centre, self.by_id["hospital"][centre.hospital_id])
        return all(one.leaving_on is None for one in places)

    def stays_at(self, person: int, hospital: int) -> bool:
        """A clinician of the hospital by a place whose end nobody has announced."""
        return any(
            row.person_id == person
            and self.goes_on(row)
            and self.hospital_of(row) == hospital
            and self.valid(row)
            and self.valid(self.by_id["centre"][row.centre_id])
            and self.valid(self.by_id["hospital"][hospital])
            for row in self.tables["membership"]
        )

    # --- who a person is ---

    @cached_property
    def memberships(self) -> list[tuple[int, int, int]]:
        """(person, hospital, network): membership, centre and hospital all valid."""
        found = []
        for row in self.tables["membership"]:
            centre = self.by_id["centre"][row.centre_id]
            hospital = self.by_id["hospital"][centre.hospital_id]
            if self.valid(row) and self.valid(centre) and self.valid(hospital):
                found.append((row.person_id, hospital.id, centre.network_id))
        return found

    @cached_property
    def mandates(self) -> list[Row]:
        """Those valid; one for a hospital needs the hospital too, and who keeps its archive that it has not left.

        A dispatcher has the rights of the place in the network, and none by this mandate.
        """
        hospitals = self.by_id["hospital"]
        return [
            row
            for row in self.tables["mandate"]
            if self.valid(row)
            and (row.hospital_id is None or self.valid(hospitals[row.hospital_id]))
            and not (row.kind in KEEPS and self.has_left(row.hospital_id))
            and row.kind != "dispatcher"
        ]

    def over(self, spell: Row) -> bool:
        """Ended, or its last day is past."""
        return not self.not_over(spell)

    def has_left(self, hospital: int) -> bool:
        """The hospital is over, or each of its centres, and it had some."""
        centres = [row for row in self.tables["centre"] if row.hospital_id == hospital]
        return self.over(self.by_id["hospital"][hospital]) or (
            any(map(self.over, centres)) and all(map(self.over, centres))
        )

    @cached_property
    def behind(self) -> Left:
        """The same rows, seen from the hospitals that have left."""
        return Left(self.tables, self.admins, self.on)

    def roles(self, me: int) -> set[str]:
        """The roles of a person today."""
        roles = {"Any signed-in"} | {ROLE_OF[row.kind] for row in self.mandates if row.person_id == me}
        if self.behind.clinician(me):
            roles.add("Clinician of a hospital that has left")
        if self.behind.has(me, *KEEPS):
            roles.add("Coordinator of a hospital that has left")
        if self.clinician(me):
            roles.add("Clinician")
        if me in self.admins:
            roles.add("Admin")
        return roles

    def clinician(self, me: int) -> bool:
        """Belongs to a centre."""
        return any(person == me for person, _hospital, _network in self.memberships)

    def has(self, me: int, *kinds: str) -> bool:
        """Holds one of these mandates."""
        return any(row.person_id == me and row.kind in kinds for row in self.mandates)

    def works_at(self, me: int, hospital: int | None) -> bool:
        """Is a clinician of the hospital."""
        return (me, hospital) in {(person, place) for person, place, _network in self.memberships}

    def signs_in(self, person: int) -> bool:
        """The account is open: who cannot sign in decides nothing and keeps nobody else from it."""
        account = self.by_id["ab_user"][person]
        return bool(account.active) and account.disabled_at is None

    def holds(self, me: int, kind: str, hospital: int | None) -> bool:
        """Holds a mandate of the hospital."""
        return hospital is not None and any(
            row.person_id == me and row.kind == kind and row.hospital_id == hospital for row in self.mandates
        )

    def represents(self, me: int, hospital: int | None) -> bool:
        """Is representative of the hospital."""
        return self.holds(me, "hospital_representative", hospital)

    def protects(self, me: int, hospital: int | None) -> bool:
        """Is data-protection contact of the hospital."""
        return self.holds(me, "data_protection_contact", hospital)

    def coordinates(self, me: int, network: int | None) -> bool:
        """Coordinates the network."""
        return network is not None and any(
            row.person_id == me and row.kind == "ern_coordinator" and row.network_id == network for row in self.mandates
        )

    # --- records ---

    def treats(self, me: int, patient: Row | None) -> bool:
        """Is the patient's clinician, and still works at the patient's hospital."""
        return patient is not None and patient.clinician_id == me and self.works_at(me, patient.hospital_id)

    def granted(self, me: int) -> list[Row]:
        """Grants to this assistant while neither has left the hospital since: who comes back is granted anew."""
        return [
            row
            for row in self.tables["assistant_grant"]
            if row.assistant_id == me and self.valid(row) and self.stays_on(row) and self.assists_on(row)
        ]

    def stays_on(self, grant: Row) -> bool:
        """The clinician is a member there in the very stay in which the grant was given."""
        return any(
            row.person_id == grant.clinician_id
            and row.stay == grant.stay
            and self.hospital_of(row) == grant.hospital_id
            and self.valid(row)
            and self.valid(self.by_id["centre"][row.centre_id])
            and self.valid(self.by_id["hospital"][grant.hospital_id])
            for row in self.tables["membership"]
        )

    def assists_on(self, grant: Row) -> bool:
        """The assistant has there the very mandate under which the grant was given."""
        return any(
            row.id == grant.mandate_id
            and (row.person_id, row.kind, row.hospital_id) == (grant.assistant_id, "assistant", grant.hospital_id)
            for row in self.mandates
        )

    @cached_property
    def chosen(self) -> dict[int, set[int]]:
        """The chosen records of each grant."""
        found: dict[int, set[int]] = defaultdict(set)
        for row in self.tables["granted_patient"]:
            found[row.grant_id].add(row.patient_id)
        return found

    def assists(self, me: int, patient: Row | None) -> bool:
        """Acts for the patient's clinician: all records, or this one among the chosen."""
        return patient is not None and any(
            row.clinician_id == patient.clinician_id
            and row.hospital_id == patient.hospital_id
            and (row.scope == "all" or patient.id in self.chosen[row.id])
            for row in self.granted(me)
        )

    def assists_all_at(self, me: int, hospital: int) -> bool:
        """A clinician of the hospital granted all records."""
        return any(row.hospital_id == hospital and row.scope == "all" for row in self.granted(me))

    def cares(self, me: int, patient: Row | None) -> bool:
        """Treats the patient, or assists who does."""
        return self.treats(me, patient) or self.assists(me, patient)

    def reads_letter(self, me: int, patient: Row | None) -> bool:
        """Is data-protection contact of the patient's hospital, where a letter of the last days is about the patient."""
        letters = self.by_id["letter"]
        return patient is not None and any(
            row.patient_id == patient.id
            and letters[row.letter_id].open_until >= self.on
            and letters[row.letter_id].hospital_id == patient.hospital_id
            and self.protects(me, patient.hospital_id)
            for row in self.tables["letter_record"]
        )

    def checks(self, me: int, patient: Row | None) -> bool:
        """Is data-protection contact where a paper of the patient, filed by another, waits or was checked by oneself today."""
        return patient is not None and any(
            row.patient_id == patient.id
            and row.filed_by_id not in (None, me)
            and self.protects(me, row.hospital_id)
            and (row.state == "to_check" or (row.checked_by_id == me and row.checked_on >= self.on))
            for row in self.tables["consent_form"]
        )

    # --- people ---

    def belongs_to(self, person: int) -> set[int]:
        """Hospitals where the person is a clinician or holds a mandate."""
        places = {hospital for one, hospital, _network in self.memberships if one == person}
        return places | {row.hospital_id for row in self.mandates if row.person_id == person and row.hospital_id}

    def not_over(self, spell: Row) -> bool:
        """Valid, or still to begin: who prepares something has to see it."""
        return spell.ended_at is None and (spell.to_on is None or spell.to_on >= self.on)

    def in_network(self, hospital: int, network: int) -> bool:
        """The hospital has a centre in the network, or will have one."""
        return any(
            row.hospital_id == hospital and row.network_id == network and self.not_over(row)
            for row in self.tables["centre"]
        )

    def coordinates_hospital(self, me: int, hospital: int) -> bool:
        """Coordinates a network the hospital belongs to."""
        return any(
            row.person_id == me and row.kind == "ern_coordinator" and self.in_network(hospital, row.network_id)
            for row in self.mandates
        )

    def works_with(self, me: int, person: int) -> bool:
        """Both belong to one hospital."""
        team = self.clinician(me) or self.has(me, "assistant")
        return team and bool(self.belongs_to(me) & self.belongs_to(person))

    def administers(self, me: int, person: int) -> bool:
        """The person has, had or will have a place in a hospital or network inside one's mandate, or is its guest."""
        for row in self.tables["membership"]:
            place, net = self.hospital_of(row), self.network_of(row)
            inside = self.represents(me, place) or self.protects(me, place) or self.coordinates(me, net)
            if row.person_id == person and inside:
                return True
        return any(
            row.person_id == person and (self.oversees(me, row) or self.hosts_within(me, row.host_id))
            for row in self.tables["mandate"]
        )

    def minds(self, me: int, person: int) -> bool:
        """The person has a place now in a hospital or network inside one's mandate, or is its guest."""
        for who, place, net in self.memberships:
            inside = self.represents(me, place) or self.protects(me, place) or self.coordinates(me, net)
            if who == person and inside:
                return True
        return any(
            row.person_id == person and (self.oversees(me, row) or self.hosts_within(me, row.host_id))
            for row in self.mandates
        )

    def oversees(self, me: int, mandate: Row) -> bool:
        """The mandate is for a hospital or network inside one's own."""
        place, net = mandate.hospital_id, mandate.network_id
        if place is not None and self.coordinates_hospital(me, place):
            return True
        return self.represents(me, place) or self.protects(me, place) or self.coordinates(me, net)

    def hosts_within(self, me: int, host: int | None) -> bool:
        """The host is a clinician of the hospital one represents, or of the network one coordinates."""
        return any(
            person == host and (self.represents(me, place) or self.coordinates(me, net))
            for person, place, net in self.memberships
        )

    def could_appoint(self, me: int, mandate: Row) -> bool:
        """Who appoints may end: never one's own."""
        place = mandate.hospital_id
        if mandate.person_id == me:
            return False
        if mandate.kind in {"data_protection_contact", "assistant"} and self.represents(me, place):
            return True
        if mandate.kind == "hospital_representative" and self.coordinates_hospital(me, place):
            return True
        if mandate.kind == "dispatcher" and self.coordinates(me, mandate.network_id):
            return True
        return mandate.host_id is not None and self.hosts_within(me, mandate.host_id)

    def hub_for(self, me: int, person: int) -> bool:
        """The Ukrainian hub, and a person of a Ukrainian hospital."""
        return self.has(me, "ua_hub") and any(self.ukrainian(place) for place in self.belongs_to(person))

    def ukrainian(self, hospital: int) -> bool:
        """The hospital follows the Ukrainian procedure."""
        country = self.by_id["country"][self.by_id["hospital"][hospital].country_id]
        return bool(country.procedure == "ua")

    # --- from a row to what it belongs to ---

    def patient_of(self, row: Row) -> Row | None:
        """The patient a row is about."""
        if hasattr(row, "document_id"):
            row = self.by_id["archived_document"][row.document_id]
        if hasattr(row, "form_id"):
            row = self.by_id["consent_form"][row.form_id]
        return self.by_id["patient"].get(row.patient_id) if hasattr(row, "patient_id") else row

    def hospital_of(self, row: Row) -> int | None:
        """The hospital of a membership."""
        return int(self.by_id["centre"][row.centre_id].hospital_id)

    def network_of(self, row: Row) -> int | None:
        """The network of a membership."""
        return int(self.by_id["centre"][row.centre_id].network_id)

    def group_of(self, row: Row) -> Row:
        """The expert group of somebody's place in one."""
        return self.by_id["expert_group"][row.group_id]

    def grant_of(self, row: Row) -> Row:
        """The grant a chosen record belongs to."""
        return self.by_id["assistant_grant"][row.grant_id] if hasattr(row, "grant_id") else row


class Left(Oracle):
    """What follows in the hospitals that have left: their clinicians go on reading, two mandates keep the archive."""

    @cached_property
    def memberships(self) -> list[tuple[int, int, int]]:
        """(person, hospital, network): the membership is valid, and the hospital, which takes part in no network any more."""
        hospitals = self.by_id["hospital"]
        return [
            (row.person_id, centre.hospital_id, centre.network_id)
            for row in self.tables["membership"]
            for centre in [self.by_id["centre"][row.centre_id]]
            if self.valid(row) and self.valid(hospitals[centre.hospital_id]) and self.has_left(centre.hospital_id)
        ]

    @cached_property
    def mandates(self) -> list[Row]:
        """To represent the hospital or to protect its data."""
        return [
            row
            for row in self.tables["mandate"]
            if self.valid(row) and row.kind in KEEPS and self.has_left(row.hospital_id)
        ]

    def stays_at(self, person: int, hospital: int) -> bool:
        """Goes on reading there."""
        return self.works_at(person, hospital)
