"""Limits on failed logins and tries, also when many come at once."""

from __future__ import annotations

from typing import Any

import pytest

from app.errors import Incomplete
from app.services import limits, logins
from app.services.limits import ATTEMPTS, Limits, TooMany
from tests.moments import at_once
from tests.world import World


def tried(world: World, count: int, work: Any) -> list[str]:
    """What came of so many tries that begin together."""

    def one(_number: int) -> str:
        with world.house.app.app_context():
            try:
                work()
            except TooMany:
                return "too many"
            return "tried"

    return at_once(one, range(count))


def test_of_many_tries_at_once_no_more_than_the_limit_reach_the_password(world: World) -> None:
    found = tried(world, 24, lambda: Limits.of("somebody", "192.0.2.7").begin(None))

    assert found.count("tried") <= ATTEMPTS["pair"]
    assert len(found) == 24


def test_of_many_tries_of_a_person_at_once_no_more_than_the_limit_go_through(world: World) -> None:
    with world.house.app.app_context():
        for _number in range(limits.MOST_TRIES - 2):
            limits.count_try("verification", 7)

    assert tried(world, 12, lambda: limits.count_try("verification", 7)).count("tried") <= 2


def test_a_refused_try_does_not_count_so_nobody_is_locked_out_for_ever(world: World) -> None:
    with world.house.app.app_context():
        for _number in range(ATTEMPTS["pair"]):
            with pytest.raises(Incomplete):
                logins.sign_in("nobody at all", "wrong", "192.0.2.8", "b", {})
        before = world.house.value("SELECT count(*) FROM attempt")
        for _number in range(5):
            with pytest.raises(TooMany):
                logins.sign_in("nobody at all", "wrong", "192.0.2.8", "b", {})

    assert world.house.value("SELECT count(*) FROM attempt") == before == 3 * ATTEMPTS["pair"]


def test_who_was_right_leaves_no_count_behind(world: World) -> None:
    with world.house.app.app_context():
        one = Limits.of("somebody", "192.0.2.9")
        one.begin(None)
        one.forget()
    assert world.house.value("SELECT count(*) FROM attempt") == 0
