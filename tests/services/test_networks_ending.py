"""A network that ends on a day takes everything along that day; a centre that has run out is added anew, not prolonged."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from app.errors import Incomplete, WrongStep
from app.models import Centre, ExpertGroup, Hospital, Network, db, today
from app.services import departures, groups, networks, people
from app.services.accounts import Typed
from app.words import CentreKind
from tests.pages.test_expert_groups import SAID
from tests.services.clinics import DAY, Clinic

LAST = 40 * DAY


@pytest.fixture
def ending(house: Any, clinic: Clinic) -> dt.date:
    """The clinic's network ends on a day that was announced."""
    last: dt.date = today() + LAST
    with house.acting(clinic.admin) as actor:
        departures.end_network(actor, db.session.get(Network, clinic.network), reason="Merged", last_day=last)
    return last


@pytest.mark.parametrize(("days", "fits"), [(None, False), (1, False), (0, True), (-1, True)])
def test_nothing_hung_on_a_network_outlasts_it(
    house: Any, clinic: Clinic, ending: dt.date, days: int | None, *, fits: bool
) -> None:
    to_on = None if days is None else ending + days * DAY

    def add(actor: Any) -> Any:
        network, hospital = db.session.get(Network, clinic.network), db.session.get(Hospital, clinic.hospital)
        kind = CentreKind.FULL_MEMBER
        return networks.add_centre(
            actor, network, hospital=hospital, name="New", kind=kind, from_on=today(), to_on=to_on
        )

    def amend(actor: Any) -> Any:
        centre = db.session.get(Centre, clinic.centre)
        networks.amend_centre(actor, centre, name=centre.name, kind=centre.kind, from_on=centre.from_on, to_on=to_on)

    def appoint(actor: Any) -> Any:
        typed = Typed(email="new@people.example", first_name="New", last_name="Coordinator", job_title=None)
        network = db.session.get(Network, clinic.network)
        return people.appoint_coordinator(actor, network, typed=typed, from_on=today(), to_on=to_on)

    for who, does in ((clinic.coordinator, add), (clinic.coordinator, amend), (clinic.admin, appoint)):
        with house.acting(who) as actor:
            if fits:
                does(actor)
                continue
            with pytest.raises(Incomplete) as refused:
                does(actor)
            assert list(refused.value.fields) == ["to_on"]
    with house.acting(clinic.coordinator) as actor:
        made = groups.add(actor, db.session.get(Network, clinic.network), **SAID)
        assert db.session.get(ExpertGroup, made.id).to_on == ending


@pytest.mark.parametrize("days", [None, 0, 30])
def test_a_centre_that_ran_out_is_not_prolonged_with_its_former_members(
    house: Any, clinic: Clinic, days: int | None
) -> None:
    with house.system():
        centre = db.session.get(Centre, clinic.centre)
        centre.to_on = today() - DAY
        db.session.commit()
    to_on = None if days is None else today() + days * DAY
    with house.acting(clinic.coordinator) as actor:
        centre = db.session.get(Centre, clinic.centre)
        known = {"kind": centre.kind, "from_on": centre.from_on}
        with pytest.raises(WrongStep):
            networks.amend_centre(actor, centre, name=centre.name, to_on=to_on, **known)
    with house.acting(clinic.coordinator) as actor:  # a name is corrected still
        centre = db.session.get(Centre, clinic.centre)
        networks.amend_centre(actor, centre, name="Right name", to_on=centre.to_on, **known)
    assert house.value("SELECT name FROM centre WHERE id = :id", id=clinic.centre) == "Right name"
