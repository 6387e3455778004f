"""Who may do what, a second time: plain Python over plain rows, written from DOMAIN.md section 2 and issue 2.

Nothing here is shared with ``app.access`` or ``app.scopes``: T-EQ compares the two. A right is a function of the oracle,
the person and the row, and reads like the sentence it stands for.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable
from functools import cached_property
from types import SimpleNamespace

Row = SimpleNamespace
Right = Callable[["Oracle", int, Row], bool]

ROLE_OF = {
    "ern_coordinator": "Coordinator",
    "hospital_representative": "Coordinator",
    "data_protection_contact": "Coordinator",
    "assistant": "Assistant",
    "guest": "Guest",
    "ua_hub": "UA Hub",
}


class Oracle:
    """What follows from the rows on a day."""

    def __init__(self, tables: dict[str, list[Row]], admins: set[int], on: dt.date) -> None:
        self.tables, self.admins, self.on = tables, admins, on
        self.by_id = {name: {row.id: row for row in rows if hasattr(row, "id")} for name, rows in tables.items()}

    def valid(self, spell: Row) -> bool:
        """From-to, both days included; ended means at once."""
        begun = spell.from_on <= self.on
        return begun and (spell.to_on is None or spell.to_on >= self.on) and spell.ended_at is None

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
        """Those valid; one for a hospital needs the hospital too."""
        hospitals = self.by_id["hospital"]
        return [
            row
            for row in self.tables["mandate"]
            if self.valid(row) and (row.hospital_id is None or self.valid(hospitals[row.hospital_id]))
        ]

    def roles(self, me: int) -> set[str]:
        """The roles of a person today."""
        roles = {"Any signed-in"} | {ROLE_OF[row.kind] for row in self.mandates if row.person_id == me}
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
        """Grants to this assistant while both people still belong to the hospital."""
        return [
            row
            for row in self.tables["assistant_grant"]
            if row.assistant_id == me
            and self.valid(row)
            and self.works_at(row.clinician_id, row.hospital_id)
            and self.holds(me, "assistant", row.hospital_id)
        ]

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

    def grant_of(self, row: Row) -> Row:
        """The grant a chosen record belongs to."""
        return self.by_id["assistant_grant"][row.grant_id] if hasattr(row, "grant_id") else row


# --- the rights, as sentences -------------------------------------------------------------------------------------------


def no_one(_o: Oracle, _me: int, _row: Row) -> bool:
    return False


def anyone(_o: Oracle, _me: int, _row: Row) -> bool:
    return True


def admin(o: Oracle, me: int, _row: Row) -> bool:
    return me in o.admins


def oneself(_o: Oracle, me: int, row: Row) -> bool:
    return bool(row.id == me)


def about_oneself(_o: Oracle, me: int, row: Row) -> bool:
    return bool(row.person_id == me)


def representative(o: Oracle, me: int, row: Row) -> bool:
    return o.represents(me, row.hospital_id)


def who_cares(o: Oracle, me: int, row: Row) -> bool:
    return o.cares(me, o.patient_of(row))


def who_reads_the_letter(o: Oracle, me: int, row: Row) -> bool:
    return o.reads_letter(me, o.patient_of(row))


def who_cares_until_erased(o: Oracle, me: int, row: Row) -> bool:
    patient = o.patient_of(row)
    return patient is not None and patient.state != "erased" and o.cares(me, patient)


def who_proves(o: Oracle, me: int, row: Row) -> bool:
    """The data-protection contact, of what remains of an erased record."""
    patient = o.patient_of(row)
    return patient is not None and patient.state == "erased" and o.protects(me, patient.hospital_id)


def who_checks_a_paper(o: Oracle, me: int, row: Row) -> bool:
    return o.checks(me, o.patient_of(row))


def second_person(o: Oracle, me: int, row: Row) -> bool:
    """Of a paper from elsewhere: cares for the patient, or protects the hospital's data while it waits; never the filer."""
    if row.filed_by_id in (None, me):
        return False
    waits = row.state == "to_check" and o.protects(me, row.hospital_id)
    return waits or who_cares(o, me, row)


def protector(o: Oracle, me: int, row: Row) -> bool:
    return o.protects(me, getattr(row, "hospital_id", None) if hasattr(row, "hospital_id") else row.id)


def gives(o: Oracle, me: int, row: Row) -> bool:
    return o.clinician(me) and o.grant_of(row).clinician_id == me


def receives(o: Oracle, me: int, row: Row) -> bool:
    return o.has(me, "assistant") and o.grant_of(row).assistant_id == me


def either(*rights: Right) -> Right:
    """Rights are the union of roles."""
    return lambda o, me, row: any(right(o, me, row) for right in rights)


def network_coordinator(o: Oracle, me: int, row: Row) -> bool:
    return o.coordinates(me, getattr(row, "network_id", None) if hasattr(row, "network_id") else row.id)


def mandate_seen(o: Oracle, me: int, row: Row) -> bool:
    here = o.works_at(me, row.hospital_id) or (o.has(me, "assistant") and row.hospital_id in o.belongs_to(me))
    mine = row.person_id == me or me in o.admins or o.oversees(me, row) or o.hosts_within(me, row.host_id)
    return here or mine or o.hub_for(me, row.person_id)


def person_found(o: Oracle, me: int, row: Row) -> bool:
    known = me in o.admins or o.works_with(me, row.id) or o.administers(me, row.id)
    return known or o.hub_for(me, row.id)


def membership_seen(o: Oracle, me: int, row: Row) -> bool:
    place, net = o.hospital_of(row), o.network_of(row)
    mine = row.person_id == me or o.works_at(me, place) or me in o.admins
    return mine or o.represents(me, place) or o.coordinates(me, net)


def own_blank(o: Oracle, me: int, row: Row) -> bool:
    """A clinician's own, where they work; an assistant's who was granted all records: its patient is not known yet."""
    if row.clinician_id == me and o.works_at(me, row.hospital_id):
        return True
    return any(
        grant.clinician_id == row.clinician_id and grant.hospital_id == row.hospital_id and grant.scope == "all"
        for grant in o.granted(me)
    )


def own_scan(o: Oracle, me: int, row: Row) -> bool:
    """A page of one's own stack: of no form, of one's blank form, or of a form whose patient one cares for, not erased."""
    if not own_stack(o, me, o.by_id["stack"][row.stack_id]):
        return False
    form_id, blank = row.form_id, o.by_id["blank_form"].get(row.blank_id)
    if form_id is None and blank is not None:
        if blank.form_id is None:
            return own_blank(o, me, blank)
        form_id = blank.form_id  # whose it is follows from the blank form
    if form_id is None:
        return o.clinician(me) or o.has(me, "assistant")
    patient = o.by_id["patient"][o.by_id["consent_form"][form_id].patient_id]
    return patient.state != "erased" and o.cares(me, patient)


def own_print(o: Oracle, me: int, row: Row) -> bool:
    """A patient one had a form printed for, while one cares for that patient."""
    return bool(o.by_id["print_run"][row.run_id].person_id == me) and o.cares(me, o.by_id["patient"][row.patient_id])


def own_stack(o: Oracle, me: int, row: Row) -> bool:
    """One's own, while one works in its hospital, or a clinician there has granted one records."""
    return row.person_id == me and desk_at(o, me, row)


def desk_at(o: Oracle, me: int, row: Row) -> bool:
    place = row.hospital_id if hasattr(row, "hospital_id") else row.id
    return o.works_at(me, place) or any(grant.hospital_id == place for grant in o.granted(me))


def desk_of_oneself(o: Oracle, me: int, row: Row) -> bool:
    """One's own, at a consent desk."""
    whose = row.person_id if hasattr(row, "person_id") else row.id
    return bool(whose == me) and (o.clinician(me) or o.has(me, "assistant"))


def keeps_texts(o: Oracle, me: int, row: Row) -> bool:
    return o.represents(me, row.hospital_id) or o.protects(me, row.hospital_id)


def works_with_text(o: Oracle, me: int, row: Row) -> bool:
    """Works where the accepted text is used."""
    staff = o.clinician(me) or o.has(me, "assistant")
    return row.state in {"accepted", "retired"} and staff and row.hospital_id in o.belongs_to(me)


def wrote(me: int, row: Row) -> bool:
    return me in {row.author_id, row.proposed_by_id}


def second_at_home(o: Oracle, me: int, row: Row) -> bool:
    return o.represents(me, row.hospital_id) and not wrote(me, row)


def second_for(o: Oracle, me: int, row: Row) -> bool:
    """The network's coordinator, where every representative wrote or proposed the text."""
    if row.state in {"draft", "dropped"} or wrote(me, row) or not o.coordinates_hospital(me, row.hospital_id):
        return False
    others = [
        one.person_id
        for one in o.mandates
        if one.kind == "hospital_representative"
        and one.hospital_id == row.hospital_id
        and not wrote(one.person_id, row)
    ]
    return not others


def export_known(o: Oracle, me: int, row: Row) -> bool:
    """Of one's own hospital, or of that of a clinician who granted all."""
    mine = o.works_at(me, row.hospital_id) or o.assists_all_at(me, row.hospital_id)
    return mine or export_opened(o, me, row)


def export_opened(o: Oracle, me: int, row: Row) -> bool:
    """Of the hospital one represents or whose data-protection contact one is."""
    return o.represents(me, row.hospital_id) or o.protects(me, row.hospital_id)


def asked_to_release(o: Oracle, me: int, row: Row) -> bool:
    """About one's own patients, while one works there."""
    return bool(row.person_id == me) and o.works_at(me, row.hospital_id)


def asked_to_prepare(o: Oracle, me: int, row: Row) -> bool:
    """About the patients of a clinician who granted all records."""
    return any(
        grant.clinician_id == row.person_id and grant.hospital_id == row.hospital_id and grant.scope == "all"
        for grant in o.granted(me)
    )


def releases_for_who_left(o: Oracle, me: int, row: Row) -> bool:
    """The data-protection contact, where the clinician has left or is locked out."""
    person = o.by_id["ab_user"][row.person_id]
    gone = not o.works_at(row.person_id, row.hospital_id) or person.disabled_at is not None or not person.active
    return gone and o.protects(me, row.hospital_id)


def log_seen(o: Oracle, me: int, row: Row) -> bool:
    patient = o.by_id["patient"].get(row.patient_id)
    if me in o.admins and row.patient_id is None:
        return True
    return o.cares(me, patient) or o.protects(me, row.hospital_id)


RIGHTS: dict[str, Right] = {
    # everybody signed in may know who takes part; the operator keeps the lists
    "country.see": anyone,
    "country.amend": admin,
    "network.see": anyone,
    "network.amend": admin,
    "area.see": anyone,
    "area.add": either(admin, network_coordinator),
    "area.amend": either(admin, network_coordinator),
    "registry.see": anyone,
    "registry.add": admin,
    "registry.amend": admin,
    "registry.end": admin,
    "hospital.see": anyone,
    "hospital.add": admin,
    "hospital.amend": either(admin, lambda o, me, row: o.represents(me, row.id)),
    "hospital.end": admin,
    "authorisation.see": anyone,
    "authorisation.add": lambda o, me, row: o.represents(me, row.id),
    "authorisation.end": representative,
    "centre.see": anyone,
    "centre.add": network_coordinator,
    "centre.amend": network_coordinator,
    "centre.end": network_coordinator,
    # people
    "person.see": either(oneself, person_found),
    "person.find": person_found,
    "person.make": no_one,
    "person.add": admin,
    "person.amend": admin,
    "person.prefer": oneself,
    "person.disable": admin,
    "person.enable": admin,
    "person.offer-link": admin,
    "person.change-password": oneself,
    "membership.see": membership_seen,
    "membership.add": representative,
    "membership.amend": lambda o, me, row: o.represents(me, o.hospital_of(row)),
    "membership.end": lambda o, me, row: o.represents(me, o.hospital_of(row)) or o.coordinates(me, o.network_of(row)),
    "mandate.see": mandate_seen,
    "mandate.appoint-coordinator": admin,
    "mandate.appoint-hub": admin,
    "mandate.appoint-representative": lambda o, me, row: o.coordinates_hospital(me, row.id),
    "mandate.appoint-protection": lambda o, me, row: o.represents(me, row.id),
    "mandate.appoint-assistant": lambda o, me, row: o.represents(me, row.id),
    "mandate.admit-guest": lambda o, me, row: o.hosts_within(me, row.id),
    "mandate.end": either(admin, lambda o, me, row: o.could_appoint(me, row)),
    "grant.see": either(gives, receives, representative),
    "grant.give": lambda o, me, row: o.works_at(me, row.id),
    "grant.choose": gives,
    "grant.end": either(gives, representative),
    "grant.return": receives,
    "granted_patient.see": either(gives, receives),
    "login.see": about_oneself,
    "login.end": about_oneself,
    # patients: who treats them, and who assists
    "patient.see": either(who_cares, who_reads_the_letter, who_checks_a_paper),
    "patient.open": who_cares,
    "patient.find": lambda o, me, row: o.works_at(me, row.id) or o.assists_all_at(me, row.id),
    "patient.enrol": lambda o, me, row: o.works_at(me, row.id) or o.assists_all_at(me, row.id),
    "patient.correct": who_cares,
    "patient.delete": who_cares,
    "patient.admit": no_one,
    "patient.restrict": no_one,
    "patient.expire": no_one,
    "patient.trace": protector,
    "patient.restrict-by-protection": who_reads_the_letter,
    "patient.lift-restriction": who_reads_the_letter,
    "patient.keep": either(who_cares, who_reads_the_letter),
    "patient.erase": who_cares,
    "patient.erase-when-due": no_one,
    "identity.see": either(who_cares, who_checks_a_paper),
    # consent: the same people; the hospital's representative and data-protection contact see that a form exists
    "text.see": anyone,
    "text.publish": no_one,
    # a hospital's own text: its representatives write, another one decides; a network's coordinator where there is none
    "own_text.see": either(keeps_texts, second_for, works_with_text),
    "own_text.open": either(keeps_texts, second_for),
    "own_text.start": lambda o, me, row: o.represents(me, row.id),
    "own_text.write": representative,
    "own_text.drop": representative,
    "own_text.propose": representative,
    "own_text.take-back": representative,
    "own_text.check": no_one,
    "own_text.accept": either(second_at_home, second_for),
    "own_text.send-back": either(second_at_home, second_for),
    "own_text.retire": representative,
    "consent.see": lambda o, me, row: (
        who_cares(o, me, row) or o.represents(me, row.hospital_id) or o.protects(me, row.hospital_id)
    ),
    "consent.open": who_cares,
    "consent.prepare": who_cares,
    "consent.print": who_cares,
    "consent.sign": who_cares,
    "consent.offer-phone": who_cares,
    "consent.archive": who_cares,
    "consent.attest": who_cares,
    "consent.file-external": who_cares,
    "consent.file-again": who_cares,
    "consent.confirm": second_person,
    "consent.send-back": second_person,
    "consent.keep-scan": who_cares,
    "consent.cancel": who_cares,
    "consent.annul": who_cares,
    "consent.end-proof": no_one,
    "proof.find": lambda o, me, row: o.represents(me, row.id) or o.protects(me, row.id),
    "proof.open": who_proves,
    "consent.keep-copy": no_one,
    "consent.keep-refusal": no_one,
    "consent.supersede": no_one,
    "consent.lapse": no_one,
    "consent.end": no_one,
    "decision.see": either(who_cares, who_reads_the_letter, who_checks_a_paper, who_proves),
    "decision.withdraw": either(who_cares, who_reads_the_letter),
    "decision.carry-withdrawal": no_one,
    "decision.open": either(who_cares, who_reads_the_letter),
    "document.see": either(who_cares_until_erased, who_reads_the_letter, who_checks_a_paper, who_proves),
    "document_key.see": either(who_cares_until_erased, who_reads_the_letter, who_checks_a_paper, who_proves),
    "document.open": either(who_cares_until_erased, who_reads_the_letter, who_checks_a_paper, who_proves),
    "phone_link.see": lambda o, me, row: row.person_id == me and (o.clinician(me) or o.has(me, "assistant")),
    # forms printed before their patient is known
    "blank.see": own_blank,
    "blank.open": own_blank,
    "blank.print": lambda o, me, row: o.works_at(me, row.id) or o.assists_all_at(me, row.id),
    "blank.bind": who_cares,
    "blank.use": no_one,
    "consent.adopt": no_one,
    "blank.cancel": own_blank,
    "blank.lapse": no_one,
    # patients' letters: the data-protection contact's; what came of one, also the clinician's and the representative's
    "letter.see": protector,
    "letter.open": protector,
    "letter_record.see": lambda o, me, row: (
        who_cares(o, me, row) or o.represents(me, row.hospital_id) or o.protects(me, row.hospital_id)
    ),
    # scans on their way to their forms
    "export.see": export_known,
    "export.open": export_opened,
    "export.ask": lambda o, me, row: o.represents(me, row.id),
    "export.begin": no_one,
    "export.go-on": representative,
    "export.keep-file": no_one,
    "export.fetch": representative,
    "export.take-passphrase": protector,
    "export.stop": representative,
    "export.lapse": no_one,
    "export_release.see": either(asked_to_release, asked_to_prepare, export_opened),
    "export_release.open": either(asked_to_release, asked_to_prepare, releases_for_who_left),
    "export_release.prepare": asked_to_prepare,
    "export_release.release": either(asked_to_release, releases_for_who_left),
    "export_release.refuse": either(asked_to_release, releases_for_who_left),
    "stack.see": own_stack,
    "stack.open": own_stack,
    "stack.upload": desk_at,
    "stack.read": own_stack,
    "stack.pass-on": no_one,
    "stack.file": own_stack,
    "stack.close": no_one,
    "stack.expire": no_one,
    "stack_page.see": own_scan,
    "stack_page.open": own_scan,
    "stack_page.assign": own_scan,
    "stack_page.discard": own_scan,
    "stack_page.file": no_one,
    "stack_page.lapse": no_one,
    # forms printed for several patients at once
    "print_run.see": desk_of_oneself,
    "print_run.open": desk_of_oneself,
    "print_run.ask": desk_of_oneself,
    "print_run.finish": desk_of_oneself,
    "print_run.expire": no_one,
    "print_item.see": own_print,
    # workings
    "audit.see": log_seen,
    "job.see": about_oneself,
    "home.open": oneself,
    "verification.open": oneself,
    "help.open": oneself,
}
