"""Records on their way to a colleague: offered, taken over before, declined, of one who has left and of one locked out."""

from __future__ import annotations

from app.models import Handover, db, now
from app.words import HandoverState
from tests.world.names import World

H = HandoverState
OFFERED = {
    # record: who gave it, who was asked, who offered it, what came of it
    "leaver's": ("leaver", "colleague", "representative", H.PROPOSED),
    "cancelled": ("owner", "colleague", "owner", H.DECLINED),
    "renewed": ("colleague", "owner", "colleague", H.ACCEPTED),
    "locked's": ("locked", "colleague", "representative", H.TAKEN_BACK),
    "attested": ("owner", "of an ended centre", "owner", H.LAPSED),
}


def records_offered(world: World) -> None:
    """Written as rows: the acts that make them are tried elsewhere."""
    for name, (giver, taker, by, state) in OFFERED.items():
        row = Handover(
            patient_id=world.patients[name][0],
            hospital_id=world.hospitals["Thessaloniki"],
            from_id=world.people[giver],
            to_id=world.people[taker],
            proposed_by_id=world.people[by],
            giver=giver,
            taker=taker,
            state=state,
            proposed_at=now(),
            answered_at=None if state is H.PROPOSED else now(),
        )
        db.session.add(row)
        db.session.flush()
        world.handovers[name] = (row.id, row.public_id)
