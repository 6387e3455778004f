"""The demo hospital's own consent texts: one in force, one that waits for a second person, one being written."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from app import actors, sight
from app.actors import Actor
from app.models import Hospital, OwnText, db
from app.services import days, own_texts
from app.services.stories import Stage
from app.tables.base import clock_at
from app.words import Opinion, Renews, Variant

HOSPITAL, WRITER, DECIDER = "thermaikos", "georgios-lamprou", "lotte-verhoeven"


class Written(NamedTuple):
    """A text of the demo: language, what it adds to the standard, the days of its life (none: not yet)."""

    language: str
    added: dict[str, str]
    written: int
    proposed: int | None = None
    accepted: int | None = None


TEXTS = (
    Written(
        "en",
        {
            "retention.body": "The paper with your signature is kept in the archive of the hospital for 20 years.",
            "added.heading": "Who explains it in another language?",
            "added.body": "Ask for an interpreter at the reception. **It costs nothing.**",
        },
        written=-75,
        proposed=-70,
        accepted=-62,
    ),
    Written(
        "el",
        {"complaint.body": "Μπορείτε επίσης να απευθυνθείτε στο **Γραφείο Προστασίας Δικαιωμάτων** του νοσοκομείου."},
        written=-6,
        proposed=-3,
    ),
    Written("fr", {"rights.body": "Le secrétariat vous aide à remplir votre demande."}, written=-1),
)


def write(stage: Stage) -> None:
    """Write them as the people of the stories, each on its day."""
    for text in TEXTS:
        key = _as(stage, WRITER, text.written, partial(_begin, stage=stage, text=text))
        if text.proposed is None:
            continue
        _as(stage, WRITER, text.proposed, partial(_propose, key=key))
        _as(stage, "", text.proposed, partial(_check, key=key))
        if text.accepted is not None:
            _as(stage, DECIDER, text.accepted, partial(_accept, key=key))


def _as(stage: Stage, person: str, day: int, perform: Callable[[Actor], int]) -> int:
    """Let a person do something on a day, or the system; gives the text's key."""
    db.session.remove()
    with clock_at(stage.start + dt.timedelta(days=day)):
        actor = actors.load(db.session(), stage.people[person], "demo") if person else actors.system("seed")
        sight.bind(db.session(), actor)
        key = perform(actor)
    db.session.remove()
    return key


def _begin(actor: Actor, stage: Stage, text: Written) -> int:
    hospital = db.session.get_one(Hospital, stage.hospitals[HOSPITAL])
    own: OwnText = own_texts.start(
        actor, hospital, language=text.language, variant=Variant.ADULT, base_language=text.language
    )
    changed = {key: f"{own.base[key]}\n\n{more}".strip() for key, more in text.added.items()}
    own_texts.write(actor, own, content=changed)
    return own.id


def _propose(actor: Actor, key: int) -> int:
    own = db.session.get_one(OwnText, key)
    own_texts.propose(
        actor,
        own,
        opinion=Opinion.POSITIVE,
        opinion_by=own.hospital.dpo_name,
        opinion_on=days.day_at(own.hospital),
        reference=f"DPO {own.language.upper()}/{own.number}",
        renews=Renews.NOBODY,
    )
    return key


def _check(actor: Actor, key: int) -> int:
    own_texts.check_as_paper(actor, {"text": db.session.get_one(OwnText, key).public_id})
    return key


def _accept(actor: Actor, key: int) -> int:
    own = db.session.get_one(OwnText, key)
    own_texts.accept(actor, own, counts_from=days.day_at(own.hospital))
    return key
