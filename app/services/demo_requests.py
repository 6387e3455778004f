"""The demo's requests for a place: some wait, one is old, one was asked back, one has a hospital nobody represents."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from sqlalchemy import select

from app.actors import Actor
from app.models import Centre, Hospital, MembershipRequest, Network, Person, db
from app.services import admissions, request_drafts, requests
from app.services.stories import Stage, Turn
from app.words import RequestKind

REPRESENTATIVES = {"thermaikos": "georgios-lamprou", "bistritsa": "plamen-ganchev"}
COORDINATOR, HOST = "lotte-verhoeven", "eleni-papadaki"
QUESTION = "In which unit do you work? The register names another hospital."


class Asked(NamedTuple):
    """Who asked for what, how many hours ago; what the hospital and the network have said since."""

    person: str
    kind: RequestKind
    hospital: str
    hours: int
    answers: dict[str, Any]
    confirmed: bool = False
    question: str = ""


def _clinician(number: str, **more: str) -> dict[str, Any]:
    chamber = {"registration_number": number, "registered_with": "Medical chamber (invented)", "languages": "en"}
    return chamber | {"job_title": "Consultant in metabolic medicine", "areas": [], "orpha_codes": "355, 77293"} | more


ASKED = (
    Asked("stefania-mela", RequestKind.CLINICIAN, "thermaikos", 76, _clinician("GR-40117"), confirmed=True),
    Asked(
        "pavel-dobrev", RequestKind.CLINICIAN, "bistritsa", 50, _clinician("BG-2291"), confirmed=True, question=QUESTION
    ),
    Asked("clara-brandt", RequestKind.CLINICIAN, "elbhang", 30, _clinician("DE-88104")),
    Asked("petros-kallias", RequestKind.CLINICIAN, "thermaikos", 20, _clinician("GR-40230"), confirmed=True),
    Asked("niki-arvaniti", RequestKind.CLINICIAN, "thermaikos", 3, _clinician("GR-41008")),
    Asked("dimitra-fotiou", RequestKind.ASSISTANT, "thermaikos", 5, {"job_title": "Study nurse"}),
    Asked(
        "hugo-lemaire",
        RequestKind.GUEST,
        "",
        2,
        {
            "institution": "Clinique des Trois-Tilleuls (demo)",
            "country_code": "FR",
            "job_title": "Neurologist",
            "reason": "I see two patients with the same findings and would like to hear the discussion.",
        },
    ),
)


def turns(stage: Stage) -> Iterator[Turn]:
    """Each sends the request; whoever has decided something since did it an hour later."""
    for story in ASKED:
        sent = stage.start - dt.timedelta(hours=story.hours)
        yield Turn(sent, story.person, _sending(story, stage))
        hour = dt.timedelta(hours=1)
        if story.confirmed:
            yield Turn(sent + hour, REPRESENTATIVES[story.hospital], _on(story, stage, admissions.confirm))
        if story.question:
            asking = _on(story, stage, admissions.ask_back, question=story.question)
            yield Turn(sent + 2 * hour, COORDINATOR, asking)


def _sending(story: Asked, stage: Stage) -> Callable[[Actor], None]:
    host = next(person.email for person in stage.world.people if person.key == HOST)

    def send(actor: Actor) -> None:
        draft = request_drafts.begin(actor, db.session.get_one(Person, actor.user_id), kind=story.kind)
        if story.hospital:
            hospital = db.session.get_one(Hospital, stage.hospitals[story.hospital])
            request_drafts.write(actor, draft, hospital=hospital)
        if story.kind is RequestKind.CLINICIAN:
            found = select(Centre).join(Centre.network).where(Network.code == "metabern")
            centre = db.session.scalars(found.where(Centre.hospital_id == draft.hospital_id)).unique().one()
            request_drafts.write(actor, draft, centres=[centre], **story.answers)
            requests.submit(actor, draft)
            return
        request_drafts.write(actor, draft, emails=[host], **story.answers)
        (requests.submit_as_guest if story.kind is RequestKind.GUEST else requests.submit)(actor, draft)

    return send


def _on(story: Asked, stage: Stage, act: Callable[..., Any], **given: Any) -> Callable[[Actor], None]:
    def do(actor: Actor) -> None:
        mine = MembershipRequest.person_id == stage.people[story.person]
        act(actor, db.session.scalars(select(MembershipRequest).where(mine)).unique().one(), **given)

    return do
