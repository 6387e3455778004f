"""Scopes that reach a hospital's own consent texts."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, FromClause, and_, func, select

from app.actors import Actor, able_mandates, known_as
from app.models import OwnText, OwnTextWriter
from app.scopes.places import hospitals_of_networks, mandated, workplaces
from app.scopes.reach import Reach, of_mandates
from app.words import MandateKind, OwnTextState


def accepted_at_work(actor: Actor, _thing: type[Any]) -> Reach:
    """Accepted texts of the hospital one works in."""
    own_text = known_as("accepted_text", OwnText)
    known = own_text.c.state.in_([OwnTextState.ACCEPTED, OwnTextState.RETIRED])
    ids = select(own_text.c.id).where(known, own_text.c.hospital_id.in_(workplaces(actor)))
    return Reach("id", (ids.correlate(None),))


@of_mandates(MandateKind.HOSPITAL_REPRESENTATIVE)
def others_text(actor: Actor, _thing: type[Any]) -> Reach:
    """Texts of the hospital one represents that somebody else wrote and proposes."""
    own_text = known_as("others_text", OwnText)
    mine = own_text.c.hospital_id.in_(mandated(actor, MandateKind.HOSPITAL_REPRESENTATIVE))
    return Reach("id", (select(own_text.c.id).where(mine, _by_another(own_text, actor)).correlate(None),))


@of_mandates(MandateKind.ERN_COORDINATOR)
def second_person(actor: Actor, _thing: type[Any]) -> Reach:
    """Proposed texts of hospitals with a centre in the network one coordinates, where no second representative decides."""
    own_text, other = known_as("lonely_text", OwnText), known_as("decidable_text", OwnText)
    writer = known_as("their_writer", OwnTextWriter)
    m = able_mandates(actor.on).subquery()
    decidable = (
        select(other.c.id)
        .join_from(other, m, m.c.hospital_id == other.c.hospital_id)
        .outerjoin(writer, and_(writer.c.own_text_id == other.c.id, writer.c.person_id == m.c.person_id))
        .where(
            m.c.kind == MandateKind.HOSPITAL_REPRESENTATIVE,
            writer.c.id.is_(None),
            m.c.person_id != other.c.author_id,
            m.c.person_id != other.c.proposed_by_id,
        )
        .correlate(None)
    )
    ids = select(own_text.c.id).where(
        own_text.c.state != OwnTextState.DRAFT,
        own_text.c.state != OwnTextState.DROPPED,
        own_text.c.hospital_id.in_(hospitals_of_networks(actor)),
        _by_another(own_text, actor),
        own_text.c.id.not_in(decidable),
    )
    return Reach("id", (ids.correlate(None),))


def _by_another(own_text: FromClause, actor: Actor) -> ColumnElement[bool]:
    """Proposed by somebody else, and without a word of the actor's."""
    writer = known_as("my_words", OwnTextWriter)
    mine = select(writer.c.own_text_id).where(writer.c.person_id == actor.user_id).correlate(None)
    return and_(
        own_text.c.author_id != actor.user_id,
        func.coalesce(own_text.c.proposed_by_id, 0) != actor.user_id,
        own_text.c.id.not_in(mine),
    )
