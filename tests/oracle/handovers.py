"""Handovers, as sentences: whose record is offered to whom, and who may offer it (DOMAIN.md section 3, Leaving)."""

from __future__ import annotations

from tests.oracle.facts import Oracle, Row


def gives_up(o: Oracle, me: int, row: Row) -> bool:
    """One's own record was offered or handed over, and one still works there."""
    return bool(row.from_id == me) and o.works_at(me, row.hospital_id)


def takes_over(o: Oracle, me: int, row: Row) -> bool:
    """It is, or was, offered to oneself, and one works there."""
    return bool(row.to_id == me) and o.works_at(me, row.hospital_id)


def is_offered(o: Oracle, me: int, row: Row) -> bool:
    """A record that waits for one's answer."""
    return any(
        one.patient_id == row.id and one.state == "handover_proposed" and takes_over(o, me, one)
        for one in o.tables["handover"]
    )


def represents_who_left(o: Oracle, me: int, row: Row) -> bool:
    """A record of the hospital one represents whose clinician leaves or has left it, or is locked out."""
    if row.state == "erased" or not o.represents(me, row.hospital_id):
        return False
    person = o.by_id["ab_user"][row.clinician_id]
    return not (o.stays_at(person.id, row.hospital_id) and person.disabled_at is None and person.active)


def treats(o: Oracle, me: int, row: Row) -> bool:
    """The patient's clinician, no assistant."""
    return o.treats(me, row)
