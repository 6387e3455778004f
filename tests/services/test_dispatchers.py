"""Dispatchers: appointed among a network's members by its coordinators; with the last place in the network the mandate is over."""

from __future__ import annotations

import re
from typing import Any

import pytest

from app import actors, sight
from app.errors import NotAllowed, WrongStep
from app.models import Centre, Hospital, Mandate, Membership, Network, Person, db, now, today
from app.services import departures, dispatchers, hanging, jobs, people
from app.services.endings import of_centre, of_hospital, of_memberships, of_network
from app.words import EndReason, MandateKind
from tests import factories as make
from tests.services.clinics import DAY, Clinic


def public(house: Any, who: int) -> str:
    return str(house.value("SELECT public_id FROM ab_user WHERE id = :id", id=who))


def appoint(house: Any, clinic: Clinic, who: int, by: int | None = None) -> int:
    """The clinic's coordinator appoints somebody: the mandate's id."""
    with house.acting(by or clinic.coordinator) as actor:
        network = db.session.get_one(Network, clinic.network)
        return dispatchers.appoint(actor, network, person=public(house, who)).id


def mandates(house: Any, who: int) -> frozenset[MandateKind]:
    """What counts today."""
    with house.everything() as session:
        found: frozenset[MandateKind] = actors.load(session, who).mandates
        return found


def lose(house: Any) -> None:
    """What the job does that runs every day and after each place that ends."""
    with house.app.app_context():
        sight.bind(db.session(), actors.system("expiry"))
        jobs.KINDS["dispatchers.lose-networks"].work(actors.system("expiry"), {})


def row(house: Any, key: int) -> tuple[bool, str | None]:
    """Whether a mandate was ended, and why."""
    with house.everything() as session:
        found = session.get(Mandate, key)
        return found.ended_at is not None, found.end_reason


def test_a_coordinator_appoints_a_member_of_the_network_who_is_told_and_gains_no_other_role(
    house: Any, clinic: Clinic
) -> None:
    appoint(house, clinic, clinic.clinician)
    assert mandates(house, clinic.clinician) == {MandateKind.DISPATCHER}
    with house.everything() as session:
        assert {str(role) for role in actors.load(session, clinic.clinician).roles} == {"Any signed-in", "Clinician"}
    mails = house.rows("SELECT person_id, kind FROM mail")
    assert [tuple(mail) for mail in mails] == [(clinic.clinician, "place.given")]


def test_who_works_in_no_centre_dispatches_already_or_is_oneself_is_refused(house: Any, clinic: Clinic) -> None:
    appoint(house, clinic, clinic.clinician)
    with house.system():
        make.member(db.session.get(Person, clinic.coordinator), db.session.get(Centre, clinic.centre))
        db.session.get(Person, clinic.outsider).disabled_at = now()
        db.session.commit()
    for who in (clinic.clinician, clinic.coordinator, clinic.outsider, clinic.assistant, clinic.representative):
        with pytest.raises(WrongStep):
            appoint(house, clinic, who)
    with house.acting(clinic.coordinator) as actor, pytest.raises(WrongStep):
        dispatchers.appoint(actor, db.session.get_one(Network, clinic.network), person="nobody" * 20)


@pytest.mark.parametrize("who", ["representative", "clinician", "assistant", "admin", "foreign"])
def test_nobody_but_the_networks_coordinators_appoints(house: Any, clinic: Clinic, who: str) -> None:
    with house.system():
        foreign = make.person("foreign")
        make.mandate(foreign, MandateKind.ERN_COORDINATOR, network=make.network("ERN OTHER"))
        by = foreign.id if who == "foreign" else getattr(clinic, who)
    with pytest.raises(NotAllowed):
        appoint(house, clinic, clinic.outsider, by)
    assert mandates(house, clinic.outsider) == frozenset()


def test_the_coordinator_ends_it_and_it_is_given_anew(house: Any, clinic: Clinic) -> None:
    key = appoint(house, clinic, clinic.clinician)
    with house.acting(clinic.coordinator) as actor:
        people.end_mandate(actor, db.session.get(Mandate, key), reason="Thank you")
    assert (mandates(house, clinic.clinician), row(house, key)) == (frozenset(), (True, "Thank you"))
    appoint(house, clinic, clinic.clinician)
    assert mandates(house, clinic.clinician) == {MandateKind.DISPATCHER}


def test_with_the_last_place_in_the_network_it_counts_no_more_and_who_comes_back_is_appointed_anew(
    house: Any, clinic: Clinic
) -> None:
    key = appoint(house, clinic, clinic.clinician)
    with house.acting(clinic.representative) as actor:
        people.end_membership(actor, db.session.get(Membership, clinic.membership), reason="Moved")
    assert mandates(house, clinic.clinician) == frozenset()  # at once, before any job
    assert "dispatchers.lose-networks" in [kind for (kind,) in house.rows("SELECT kind FROM job")]
    lose(house)
    lose(house)
    assert row(house, key) == (True, EndReason.LEFT_NETWORK)
    told = house.rows("SELECT kind FROM mail WHERE person_id = :id ORDER BY id", id=clinic.clinician)
    assert [kind for (kind,) in told] == [
        "place.given",
        "place.ended",
        "place.ended",
    ]  # the membership's, and this one's
    with house.system():
        make.member(db.session.get(Person, clinic.clinician), db.session.get(Centre, clinic.centre))
    assert mandates(house, clinic.clinician) == frozenset()


@pytest.mark.parametrize("begins", [0, 1])
def test_who_has_another_place_in_the_network_goes_on(house: Any, clinic: Clinic, begins: int) -> None:
    key = appoint(house, clinic, clinic.clinician)
    with house.system():
        other = db.session.get(Centre, clinic.other_centre)
        make.member(db.session.get(Person, clinic.clinician), other, from_on=today() + begins * DAY)
    with house.acting(clinic.representative) as actor:
        said = [str(one) for one in hanging.on_people(of_memberships([clinic.membership]))]
        assert [one for one in said if "dispatcher" in one] == []
        people.end_membership(actor, db.session.get(Membership, clinic.membership), reason="Moved")
    lose(house)
    assert row(house, key) == (False, None)
    assert mandates(house, clinic.clinician) == ({MandateKind.DISPATCHER} if begins == 0 else frozenset())


@pytest.mark.parametrize("what", ["centre", "hospital", "run out"])
def test_a_place_that_ends_or_runs_out_takes_it_along(house: Any, clinic: Clinic, what: str) -> None:
    key = appoint(house, clinic, clinic.clinician)
    with house.system():
        if what == "run out":
            db.session.get(Membership, clinic.membership).to_on = today() - DAY
            db.session.commit()
    if what == "centre":
        with house.acting(clinic.coordinator) as actor:
            departures.end_centre(actor, db.session.get(Centre, clinic.centre), reason="Left")
    if what == "hospital":
        with house.acting(clinic.admin) as actor:
            departures.end_hospital(actor, db.session.get(Hospital, clinic.hospital), reason="Closed")
    assert mandates(house, clinic.clinician) == frozenset()
    lose(house)
    assert row(house, key) == (True, EndReason.LEFT_NETWORK)


def test_whoever_ends_a_place_reads_that_a_dispatcher_goes_with_it(house: Any, clinic: Clinic) -> None:
    appoint(house, clinic, clinic.clinician)
    with house.acting(clinic.admin):
        centre, hospital = db.session.get(Centre, clinic.centre), db.session.get(Hospital, clinic.hospital)
        endings = [of_memberships([clinic.membership]), of_centre(centre), of_hospital(hospital)]
        for ending in endings:
            said = [str(one) for one in hanging.told(ending)]
            assert [one for one in said if "dispatcher" in one] == ["1 mandate as dispatcher: it ends"]
        nobody_else = [str(one) for one in hanging.told(endings[0])]
        assert "1 person has no other place: nothing opens to them any more, and their logins end." in nobody_else
        said = [str(one) for one in hanging.told(of_network(db.session.get(Network, clinic.network)))]
        assert [one for one in said if "mandate" in one] == ["2 mandates end."]  # with the coordinator's


def test_the_page_finds_members_of_the_network_and_appoints_one(house: Any, clinic: Clinic) -> None:
    client = house.client_for(clinic.coordinator)
    address = client.get("/networks/appoint-dispatcher").location
    assert "Nobody is appointed yet." in client.get(address).text
    found = re.findall(r'name="person" value="(\w+)"', client.get(f"{address}?q=tester").text)
    assert set(found) == {public(house, clinic.clinician), public(house, clinic.outsider)}
    assert "Nobody of this network fits" in client.get(f"{address}?q=representative").text
    sent = {"person": public(house, clinic.clinician)}
    assert client.post(address, data=sent).status_code == 302
    page = client.get(f"{address}?q=tester").text
    assert re.findall(r'name="person" value="(\w+)"', page) == [public(house, clinic.outsider)]
    assert "clinician Tester" in page
    again = client.post(address, data=sent)
    assert (again.status_code, "This person has this mandate already." in again.text) == (409, True)
    assert client.post(address).status_code == 409
    network = client.get(f"/networks/{address.split('/')[2]}").text
    assert re.search(r"Dispatchers</dt>\s*<dd>\s*(<ul>\s*<li>)?\s*(<bdi>)?clinician Tester", network)
    table = client.get("/mandates/table.csv?kind=dispatcher")
    assert (table.status_code, table.text.count("Dispatcher")) == (200, 1)
    assert house.client_for(clinic.representative).get(address).status_code == 403


def test_home_counts_dispatchers_for_who_coordinates_and_for_nobody_else(house: Any, clinic: Clinic) -> None:
    appoint(house, clinic, clinic.clinician)
    figure = re.compile(r'href="/mandates/\?kind=dispatcher&amp;when=now">.*?</a>', re.DOTALL)
    shown = figure.search(house.client_for(clinic.coordinator).get("/").text)
    assert shown is not None
    assert "1" in shown[0]
    assert figure.search(house.client_for(clinic.representative).get("/").text) is None


def test_mandates_are_ticked_and_ended_together_and_one_s_own_is_not_offered(house: Any, clinic: Clinic) -> None:
    keys = [appoint(house, clinic, who) for who in (clinic.clinician, clinic.outsider)]
    client = house.client_for(clinic.coordinator)
    ticks = re.findall(r'name="picked" value="(\w+\.\d+)"', client.get("/mandates/?kind=dispatcher").text)
    assert len(ticks) == len(keys)
    own = house.value("SELECT public_id FROM mandate WHERE person_id = :id", id=clinic.coordinator)
    offered = re.findall(r'name="picked" value="(\w+)\.', client.get("/mandates/").text)
    assert (own in offered, len(offered) >= len(keys)) == (False, True)
    preview = client.post("/mandates/end", data={"picked": ticks})
    assert ("Dispatcher · ERN" in preview.text, "records are handed over" in preview.text) == (True, False)
    assert [row(house, key)[0] for key in keys] == [False, False]
    wrong = client.post("/mandates/end", data={"picked": ticks, "sure": "y", "last_day": "2001-01-01", "reason": "x"})
    assert 'id="last_day-error"' in wrong.text
    ended = client.post("/mandates/end", data={"picked": [*ticks, f"{own}.1"], "sure": "y", "reason": "New ones"})
    assert "Ended: 2" in ended.text
    assert [row(house, key) for key in keys] == [(True, "New ones")] * 2
    assert mandates(house, clinic.coordinator) == {MandateKind.ERN_COORDINATOR}
    assert client.get("/mandates/end").status_code == 302
