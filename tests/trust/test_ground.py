"""The test ground itself: a house answers, is empty, and its database role owns nothing."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
import time_machine

from app.models import now


def test_a_house_is_empty_and_answers(house: Any) -> None:
    assert house.value("SELECT count(*) FROM patient") == 0
    assert house.visitor().get("/readyz").text == "ready\n"


def test_a_signed_in_person_is_recognised_and_a_reset_forgets(house: Any) -> None:
    from tests.factories import person

    with house.system():
        one = person("Anna").id
    client = house.client_for(one)
    assert client.get("/").status_code == 200
    house.reset()
    assert client.get("/").status_code == 302


def test_whoever_is_put_back_with_a_snapshot_has_not_been_idle(world: Any) -> None:
    with time_machine.travel(now() + dt.timedelta(hours=1), tick=True):
        assert world.client("owner").get("/").status_code == 302  # to the locked screen
        world.house.reset("world")
        assert world.client("owner").get("/").status_code == 200


@pytest.mark.parametrize("dialect", ["postgresql"])
def test_the_role_of_the_application_owns_no_table(house: Any, dialect: str) -> None:
    owners = {row[0] for row in house.rows("SELECT tableowner FROM pg_tables WHERE schemaname = 'public'")}
    assert owners == {"cpms_owner"}
    assert house.value("SELECT current_user") == "cpms_app"
