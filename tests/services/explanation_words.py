"""What the tests of “I explained” share: who archives, whose word it is, and a handover."""

from __future__ import annotations

from sqlalchemy import update

from app.models import Patient
from app.services import explanations
from tests.services.consent_words import form_of, scan, write
from tests.world import World


def archived(world: World, who: str, name: str = "signed") -> None:
    """Let somebody archive the scan of a signed form."""
    with world.house.acting(world.people[who]) as actor:
        scan(actor, form_of(world, name))


def word(world: World, name: str = "signed") -> tuple[str | None, bool]:
    """Whose word it is, and whether it is given."""
    with world.house.system():
        form = form_of(world, name)
        whose = next((who for who, key in world.people.items() if key == form.explained_by_id), None)
        return whose, form.explained_at is not None


def say(world: World, who: str, name: str = "signed") -> None:
    """Let somebody say that they explained it."""
    with world.house.acting(world.people[who]) as actor:
        explanations.confirm(actor, form_of(world, name))


def handed_over(world: World, name: str = "signed") -> None:
    """Somebody else of the same hospital treats the patient now."""
    patient = update(Patient.__table__).where(Patient.__table__.c.id == world.patients[name][0])
    write(world, patient.values(clinician_id=world.people["colleague"]))
