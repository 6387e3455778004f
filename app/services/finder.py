"""Finding a place to ask for: hospitals by name, city, country and network, their centres, and who decides there."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import joinedload

from app import sight
from app.actors import able_mandates
from app.models import Centre, Country, Hospital, Network, ThematicArea, db, today
from app.services import spells
from app.words import MandateKind

MOST_FOUND = 20


def hospitals(typed: str, codes: Collection[str], network: str) -> list[Hospital]:
    """Hospitals that take part and have a centre, at most one more than ``MOST_FOUND``.

    Args:
        typed: words, each a part of the name or the city.
        codes: countries whose name is what was typed.
        network: the code of a network one of the centres belongs to; empty: of any.
    """
    centre = select(Centre.hospital_id).where(spells.not_over(Centre))
    if network:
        centre = centre.join(Centre.network).where(Network.code == network)
    found = select(Hospital).join(Hospital.country).where(spells.not_over(Hospital), Hospital.id.in_(centre))
    places = []
    for word in typed.split()[:5]:
        pattern = "%" + word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        places.append(or_(Hospital.name.ilike(pattern, escape="\\"), Hospital.city.ilike(pattern, escape="\\")))
    if places:
        found = found.where(or_(and_(*places), Country.code.in_(codes)))
    load = (joinedload(Hospital.country), joinedload(Hospital.authorisations))
    statement = found.options(*load).order_by(Hospital.name, Hospital.id).limit(MOST_FOUND + 1)
    return list(db.session.scalars(statement).unique())


def centres_of(hospital_id: int | None) -> list[Centre]:
    """The centres of a hospital that are in force or still to begin."""
    found = select(Centre).where(Centre.hospital_id == hospital_id, spells.not_over(Centre))
    return list(db.session.scalars(found.options(joinedload(Centre.network)).order_by(Centre.id)).unique())


def areas_of(network_ids: Collection[int]) -> list[str]:
    """The thematic areas of these networks, by name."""
    found = select(ThematicArea.name).where(ThematicArea.network_id.in_(network_ids)).distinct()
    return sorted(db.session.scalars(found))


def represented(hospital_ids: Collection[int], but: Sequence[int] = ()) -> set[int]:
    """Which of these hospitals somebody who can sign in represents, other than the people ``but``. Who it is stays here."""
    m = able_mandates(today()).subquery()
    with sight.wide("request-deciders") as session:
        found = select(m.c.hospital_id).where(
            m.c.hospital_id.in_(hospital_ids),
            m.c.kind == MandateKind.HOSPITAL_REPRESENTATIVE,
            m.c.person_id.not_in(but),
        )
        return set(session.scalars(found))


def coordinated(network_ids: Collection[int], but: Sequence[int] = ()) -> bool:
    """Whether somebody who can sign in, other than the people ``but``, coordinates one of these networks."""
    m = able_mandates(today()).subquery()
    with sight.wide("request-deciders") as session:
        found = select(m.c.person_id).where(m.c.network_id.in_(network_ids), m.c.person_id.not_in(but))
        return session.scalar(found.limit(1)) is not None
