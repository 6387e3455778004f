"""The rights, as sentences: each is a function of the oracle, the person and the row, and reads like what it stands for.

Which act asks which sentence is ``rights``.
"""

from __future__ import annotations

from collections.abc import Callable

from tests.oracle.facts import Oracle, Row

Right = Callable[[Oracle, int, Row], bool]


def no_one(_o: Oracle, _me: int, _row: Row) -> bool:
    return False


def anyone(_o: Oracle, _me: int, _row: Row) -> bool:
    return True


def admin(o: Oracle, me: int, _row: Row) -> bool:
    return me in o.admins


def administered(o: Oracle, me: int, row: Row) -> bool:
    return o.administers(me, row.id)


def minded(o: Oracle, me: int, row: Row) -> bool:
    return o.minds(me, row.id)


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


def who_explained(o: Oracle, me: int, row: Row) -> bool:
    """The clinician the paper names, as long as they treat the patient; an assistant or a successor never."""
    patient = o.patient_of(row)
    return row.explained_by_id == me and patient is not None and patient.state != "erased" and o.treats(me, patient)


def protector(o: Oracle, me: int, row: Row) -> bool:
    return o.protects(me, getattr(row, "hospital_id", None) if hasattr(row, "hospital_id") else row.id)


def gives(o: Oracle, me: int, row: Row) -> bool:
    return o.clinician(me) and o.grant_of(row).clinician_id == me


def receives(o: Oracle, me: int, row: Row) -> bool:
    return o.has(me, "assistant") and o.grant_of(row).assistant_id == me


def either(*rights: Right) -> Right:
    """Rights are the union of roles."""
    return lambda o, me, row: any(right(o, me, row) for right in rights)


def also_afterwards(right: Right) -> Right:
    """Also where a hospital has left."""
    return lambda o, me, row: right(o, me, row) or right(o.behind, me, row)


def network_coordinator(o: Oracle, me: int, row: Row) -> bool:
    return o.coordinates(me, getattr(row, "network_id", None) if hasattr(row, "network_id") else row.id)


def mandate_seen(o: Oracle, me: int, row: Row) -> bool:
    here = o.works_at(me, row.hospital_id) or (o.has(me, "assistant") and row.hospital_id in o.belongs_to(me))
    mine = row.person_id == me or me in o.admins or o.oversees(me, row) or o.hosts_within(me, row.host_id)
    return here or mine or o.hub_for(me, row.person_id) or hosts_it(o, me, row)


def hosts_it(o: Oracle, me: int, row: Row) -> bool:
    """A clinician and the stay of a guest of theirs."""
    return o.clinician(me) and row.host_id == me


def guest_of_mine(o: Oracle, me: int, row: Row) -> bool:
    """A clinician and somebody they host or hosted."""
    return any(hosts_it(o, me, mandate) and mandate.person_id == row.id for mandate in o.tables["mandate"])


def person_found(o: Oracle, me: int, row: Row) -> bool:
    known = me in o.admins or o.works_with(me, row.id) or o.administers(me, row.id)
    return known or o.hub_for(me, row.id)


def finds_in_directory(o: Oracle, me: int, row: Row) -> bool:
    """Clinicians, assistants and coordinators find each other, of all networks; nobody finds a closed account."""
    kinds = {"ern_coordinator", "hospital_representative", "data_protection_contact", "assistant"}

    def belongs(person: int) -> bool:
        return o.clinician(person) or any(o.has(person, kind) for kind in kinds)

    return belongs(me) and belongs(row.id) and bool(row.active) and row.disabled_at is None


def of_the_networks(o: Oracle, me: int, _row: Row) -> bool:
    """A clinician, an assistant or a coordinator of any kind."""
    kinds = ("ern_coordinator", "hospital_representative", "data_protection_contact", "assistant")
    return o.clinician(me) or o.has(me, *kinds)


def chairs(o: Oracle, me: int, row: Row) -> bool:
    """Chairs the group while it lasts, as a member of a centre of its network."""
    inside = any(person == me and network == row.network_id for person, _place, network in o.memberships)
    return row.chair_id == me and o.valid(row) and inside


def known_person(o: Oracle, me: int, row: Row) -> bool:
    """About a person one may find."""
    return person_found(o, me, o.by_id["ab_user"][row.person_id])


def photo_found(o: Oracle, me: int, row: Row) -> bool:
    """Of a person one finds in the directory."""
    return finds_in_directory(o, me, o.by_id["ab_user"][row.person_id])


def asked_to_stand_in(o: Oracle, me: int, row: Row) -> bool:
    """Named as the substitute by somebody who works beside one, in a hospital or coordinating a network."""
    coordinate = any(o.coordinates(me, net) and o.coordinates(row.person_id, net) for net in o.by_id["network"])
    return bool(row.substitute_id == me) and (bool(o.belongs_to(me) & o.belongs_to(row.person_id)) or coordinate)


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


def wrote(o: Oracle, me: int, row: Row) -> bool:
    writers = {one.person_id for one in o.tables["own_text_writer"] if one.own_text_id == row.id}
    return me in {row.author_id, row.proposed_by_id, *writers}


def second_at_home(o: Oracle, me: int, row: Row) -> bool:
    return o.represents(me, row.hospital_id) and not wrote(o, me, row)


def second_for(o: Oracle, me: int, row: Row) -> bool:
    """The network's coordinator, where every representative wrote or proposed the text."""
    if row.state in {"draft", "dropped"} or wrote(o, me, row) or not o.coordinates_hospital(me, row.hospital_id):
        return False
    others = [
        one.person_id
        for one in o.mandates
        if one.kind == "hospital_representative"
        and one.hospital_id == row.hospital_id
        and not wrote(o, one.person_id, row)
        and o.signs_in(one.person_id)
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
