"""Requests for a place, as sentences: who made one, who is asked to confirm it, who decides (DOMAIN.md section 3)."""

from __future__ import annotations

from tests.oracle.facts import Oracle, Row


def request_of(o: Oracle, row: Row) -> Row:
    """The request a row is about."""
    return o.by_id["membership_request"][row.request_id] if hasattr(row, "request_id") else row


def asked_for_by_oneself(o: Oracle, me: int, row: Row) -> bool:
    return bool(request_of(o, row).person_id == me)


def another_sent(me: int, row: Row) -> bool:
    """Sent, and not one's own: nobody decides on their own request."""
    return row.submitted_at is not None and row.person_id != me


def named_to_confirm(o: Oracle, me: int, row: Row) -> bool:
    """A clinician whose e-mail it names: in the same hospital for an assistant, anywhere for a guest."""
    request, mine = request_of(o, row), o.by_id["ab_user"][me].email.lower()
    named = [row] if hasattr(row, "request_id") else o.tables["request_confirmation"]
    called = any(one.request_id == request.id and one.email == mine for one in named)
    here = request.kind == "guest" or o.works_at(me, request.hospital_id)
    return called and here and o.clinician(me) and another_sent(me, request)


def hospitals_request(o: Oracle, me: int, row: Row) -> bool:
    request = request_of(o, row)
    return another_sent(me, request) and o.represents(me, request.hospital_id)


def networks_request(o: Oracle, me: int, row: Row) -> bool:
    """For a centre of the network, to assist in one of its hospitals, or as a guest of one of its clinicians."""
    request = request_of(o, row)
    if not another_sent(me, request):
        return False
    centre = o.by_id["centre"].get(request.centre_id)
    if centre is not None and o.coordinates(me, centre.network_id):
        return True
    if request.kind == "assistant" and request.hospital_id and o.coordinates_hospital(me, request.hospital_id):
        return True
    return any(person == request.host_id and o.coordinates(me, net) for person, _place, net in o.memberships)


def represented_by_another(o: Oracle, hospital: int | None, but: int) -> bool:
    """Somebody else than this person represents the hospital, and can sign in."""
    return any(
        one.kind == "hospital_representative"
        and one.hospital_id == hospital
        and one.person_id != but
        and o.signs_in(one.person_id)
        for one in o.mandates
    )


def network_decides(o: Oracle, me: int, row: Row) -> bool:
    """After the hospital's word, or where nobody can say it here."""
    request = request_of(o, row)
    at_hospital = request.state in {"at_hospital", "asked_by_hospital"}
    waits = at_hospital and represented_by_another(o, request.hospital_id, request.person_id)
    return networks_request(o, me, request) and not waits


def enrols_at(o: Oracle, me: int, hospital: int) -> bool:
    """A clinician of the hospital, which has confirmed it."""
    for row in o.tables["membership"]:
        centre = o.by_id["centre"][row.centre_id]
        valid = o.valid(row) and o.valid(centre) and o.valid(o.by_id["hospital"][centre.hospital_id])
        if row.person_id == me and centre.hospital_id == hospital and row.may_enrol and o.goes_on(row) and valid:
            return True
    return False


def may_enrol(o: Oracle, me: int, row: Row) -> bool:
    """Oneself, or an assistant for a clinician who may and granted all."""
    granted = [one for one in o.granted(me) if one.hospital_id == row.id and one.scope == "all"]
    return enrols_at(o, me, row.id) or any(
        enrols_at(o, one.clinician_id, row.id) and o.signs_in(one.clinician_id) for one in granted
    )


def employment_confirmed_by(o: Oracle, me: int, row: Row) -> bool:
    """Another's membership: the hospital's representative, or the network's coordinator where it has none."""
    place = o.hospital_of(row)
    lonely = not represented_by_another(o, place, row.person_id) and o.coordinates(me, o.network_of(row))
    return bool(row.person_id != me) and (o.represents(me, place) or lonely)
