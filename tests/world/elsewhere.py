"""Papers from elsewhere: signed on paper that was not printed here, filed by one person, for another to check."""

from __future__ import annotations

from typing import Any

from app.models import ConsentForm, Hospital, Patient, db
from app.services import days, externals, patients
from app.services.archives import Upload
from app.services.externals import Paper
from app.words import Answer, Relation, Sex
from tests.papers import document
from tests.world.names import World, identity

FIRST = 50
"""The number of the first identity: below are those of ``records``."""

PAPERS = {
    # name: (whose patient, hospital, who files, what becomes of it, by whom)
    "to check": ("owner", "Thessaloniki", "owner", "to_check", None),
    "assistant's to check": ("owner", "Thessaloniki", "assistant", "to_check", None),
    "sent back": ("owner", "Thessaloniki", "owner", "sent_back", "protection"),
    "sent back to the assistant": ("owner", "Thessaloniki", "assistant", "sent_back", "owner"),
    "from elsewhere": ("owner", "Thessaloniki", "assistant", "archived", "owner"),
    "checked by protection": ("owner", "Thessaloniki", "owner", "archived", "protection"),
    "colleague's to check": ("colleague", "Thessaloniki", "colleague", "to_check", None),
    "leaver's to check": ("leaver", "Thessaloniki", "leaver", "to_check", None),
    "neighbour's to check": ("neighbour", "Leipzig", "neighbour", "to_check", None),
}


def papers_from_elsewhere(house: Any, world: World) -> None:
    """A patient for each: one waits, one was sent back, one counts; at home and elsewhere."""
    for number, (name, (whose, where, filer, far, checker)) in enumerate(PAPERS.items(), start=FIRST):
        world.identities[name] = identity(number)
        with house.acting(world.people[whose]) as actor:
            hospital = db.session.get(Hospital, world.hospitals[where])
            patient = patients.enrol(actor, hospital, identity=world.identities[name], sex=Sex.FEMALE)
            world.patients[name] = (patient.id, patient.public_id)
        with house.acting(world.people[filer]) as actor:
            patient = db.session.get(Patient, world.patients[name][0])
            form = externals.file_paper(
                actor, patient, _paper(name, patient.hospital), [Upload(document(), "scan.pdf")]
            )
            world.forms[name] = (form.id, form.public_id)
        if checker is not None:
            with house.acting(world.people[checker]) as actor:
                _check(actor, db.session.get(ConsentForm, world.forms[name][0]), far)


def _paper(name: str, hospital: Hospital) -> Paper:
    said = {"care": Answer.GIVEN, "education": Answer.REFUSED}
    return Paper(f"Paper {name}", "ka", days.day_at(hospital), Relation.SELF, said)


def _check(actor: Any, form: ConsentForm, far: str) -> None:
    if far == "sent_back":
        externals.send_back(actor, form, reason="The date is another")
    else:
        externals.confirm(actor, form, confirmed={externals.key_of(one) for one in form.decisions})
