"""Hospitals' own texts, from the draft to the retired one."""

from __future__ import annotations

from typing import Any

from app.models import (
    Hospital,
    OwnText,
    db,
    today,
)
from app.services import days, own_texts
from app.words import (
    Opinion,
    Renews,
    Variant,
)
from tests.world.names import World

OPINION = {
    "opinion": Opinion.POSITIVE,
    "opinion_by": "Dr Opinion",
    "opinion_on": today(),
    "reference": "DPO 7/26",
    "renews": Renews.NOBODY,
}


OWN_TEXTS = {
    # name: hospital, who writes, language, variant, how far
    "draft": ("Thessaloniki", "representative", "el", "adult", 0),
    "proposed": ("Thessaloniki", "representative", "en", "adult", 1),
    "dropped": ("Thessaloniki", "representative", "en", "representative", 0),
    "draft afar": ("Plovdiv", "two hats", "tr", "adult", 0),
    "accepted": ("Plovdiv", "other representative", "bg", "adult", 2),
    "retired": ("Plovdiv", "other representative", "bg", "representative", 2),
}


def texts_of_hospitals(house: Any, world: World) -> None:
    """Hospitals' own texts. One is proposed where nobody else represents the hospital: a coordinator decides."""
    for name, (where, who, language, variant, far) in OWN_TEXTS.items():
        with house.acting(world.people[who]) as actor:
            hospital = db.session.get(Hospital, world.hospitals[where])
            given = {"language": language, "variant": Variant(variant), "base_language": "en"}
            own = own_texts.start(actor, hospital, **given)
            world.own_texts[name] = key, _public = own.id, own.public_id
            if far:
                own_texts.propose(actor, own, **OPINION)
            if name == "dropped":
                own_texts.drop(actor, own)
        if far > 1:
            with house.system() as actor:
                own_texts.check_as_paper(actor, {"text": world.own_texts[name][1]})
            with house.acting(world.people["two hats"]) as actor:
                own = db.session.get_one(OwnText, key)
                own_texts.accept(actor, own, counts_from=days.day_at(own.hospital))
    with house.acting(world.people["two hats"]) as actor:
        own = db.session.get(OwnText, world.own_texts["retired"][0])
        own_texts.retire(actor, own, reason="The law has changed", renews=Renews.NOBODY)
