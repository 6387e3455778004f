"""What the people of the demo say of themselves, as rows. A network counts as known with the areas of it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from app import sight
from app.models import Expertise, Network, Person, Photo, Profile, ThematicArea, now
from app.outside import faces, storage
from app.premises import premises
from app.services import profiles
from app.services.stories import Stage


def write(stage: Stage) -> None:
    """Write the profiles; those who have one were welcomed long ago."""
    with sight.wide("seed") as session:
        session.connection(execution_options={"writes": True})
        networks = {one.code: one for one in session.scalars(select(Network))}
        areas = {one.name: one for one in session.scalars(select(ThematicArea))}
        for person in session.scalars(select(Person).where(Person.id.in_(stage.people.values()))):
            person.welcomed_at = None if "newcomer" in (person.demo_role or "").lower() else now()
        for story in stage.world.profiles:
            person_id = stage.people[story.person]
            session.add(Profile(person_id=person_id, professional_title=story.title or None, about=story.about or None))
            known = {networks[code].id for code in story.networks} | {areas[name].network_id for name in story.areas}
            things: list[dict[str, Any]] = [{"network_id": key} for key in sorted(known)]
            things += [{"area_id": areas[name].id} for name in story.areas]
            disorders = profiles.read("\n".join(story.disorders))
            things += [{"orpha_code": code, "orpha_name": name} for code, name in disorders.items()]
            things += [{"language": code} for code in story.languages]
            session.add_all(Expertise(person_id=person_id, **thing) for thing in things)
        for story in stage.world.profiles[::2]:  # the others have none, as in life
            session.add(_photo(stage.people[story.person], story.person))
        session.commit()


def _photo(person_id: int, name: str) -> Photo:
    drawn, key, vault = faces.draw(name), premises().vault.new_key(storage.PURPOSE), premises().vault
    stored = premises().store.put(drawn.small + drawn.large, key, vault)
    photo = Photo(person_id=person_id, added_at=now(), storage_key=stored.key, wrapped_key=key, size=stored.size)
    photo.small_size = len(drawn.small)
    return photo
