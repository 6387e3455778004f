"""No way round a gate: what waits for a password, a second factor or the policy opens by no other verb and no odd path."""

from __future__ import annotations

from typing import Any

import pytest

from app.gates import GATES
from app.models import Patient
from tests.conftest import Tally
from tests.trust.routes import NOWHERE, Desk, records, routes
from tests.world.names import HALF_INSIDE, LOCKED, ONE_FACTOR

pytestmark = [pytest.mark.t_matrix, pytest.mark.one_database]
AT_GATES = (LOCKED, HALF_INSIDE, ONE_FACTOR, "unaccepted")


@pytest.mark.parametrize("who", AT_GATES)
def test_no_other_verb_opens_a_page_behind_a_gate(world: Any, who: str, tally: Tally) -> None:
    desk = Desk(world)
    client, (gate,) = desk.clients[who], desk.actors[who].roles
    for route in [one for one in routes(world.house.app) if one.verb == "GET" and one.act not in GATES[gate]]:
        with world.house.everything() as session:
            first = [one.keys for one in records(session, route)][:1] if route.table else [()]
        for keys in first:
            address, nowhere = route.address(*keys), route.address(*(NOWHERE for _key in keys))
            for verb in ("HEAD", "PUT"):
                answer = client.open(address, method=verb)
                tally.check(answer.status_code in {302, 307, 400, 403, 405}, f"{verb} {route}: {answer.status_code}")
            said = [client.open(one, method="OPTIONS") for one in (address, nowhere)]
            same = (said[0].status_code, said[0].data) == (said[1].status_code, said[1].data)
            tally.check(same and not said[0].data, f"OPTIONS {route}: {said[0].status_code}")


ODD = ("/static/../{0}", "/{0}?_method=GET", "//{0}", "/./{0}", "/{0};a=b", "/{0}/.css", "/healthz/../{0}", "/%2e/{0}")


@pytest.mark.parametrize("who", AT_GATES)
def test_no_odd_path_opens_a_page_behind_a_gate(world: Any, who: str, tally: Tally) -> None:
    client = world.client(who)
    with world.house.everything() as session:
        key = session.query(Patient.public_id).filter_by(id=world.patients["enrolled"][0]).scalar()
    for path in ("patients/", f"patients/{key}", "people/", "consents/"):
        for odd in ODD:
            for headers in (
                {},
                {"HX-Request": "true"},
                {"Accept": "application/json"},
                {"X-Original-URL": "/static/x"},
            ):
                answer = client.get(odd.format(path), headers=headers)
                told = world.identities["enrolled"].family_name in answer.text
                tally.check(answer.status_code != 200 and not told, f"{odd.format(path)}: {answer.status_code}")
