"""Requests for a place, in every state."""

from __future__ import annotations

from app.models import now
from tests.trust.random_worlds.dice import Dice


def requests(dice: Dice) -> None:
    """In every state, mostly for hospitals and by hosts that somebody looks after; addresses are of anybody."""
    states = ("draft", "at_hospital", "at_host", "at_network", "asked_by_hospital", "accepted", "refused")
    dice.make(
        "membership_request",
        person_id=lambda _n: dice.any_of("ab_user"),
        kind=lambda n: ("clinician", "assistant", "guest")[n % 3],
        more_centres=[],
        areas=[],
        history=[],
        begun_at=now(),
        confirmed_by="c",
    )
    drafts: set[int] = set()
    centres = {row["id"]: row["hospital_id"] for row in dice.rows["centre"]}
    for row in dice.rows["membership_request"]:
        state = dice.random.choice(states)
        if state == "draft" and row["person_id"] in drafts:
            state = "at_hospital"
        drafts |= {row["person_id"]} if state == "draft" else set()
        others = [one["id"] for one in dice.rows["ab_user"] if one["id"] != row["person_id"]]
        centre = dice.any_of("centre")
        row |= {"state": state, "submitted_at": None if state == "draft" else now(), "decided_at": now()}
        row["host_id"] = dice.random.choice(others) if row["kind"] == "guest" else None
        row["centre_id"] = centre if row["kind"] == "clinician" else None
        row["hospital_id"] = None if row["kind"] == "guest" else centres[centre]
    dice.make(
        "request_confirmation",
        request_id=lambda n: n,
        email=lambda _n: f"p{dice.any_of('ab_user')}@people.example",
        state="confirmation_asked",
        answered_at=None,
    )
