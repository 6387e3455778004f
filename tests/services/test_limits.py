"""Limits on failed logins and tries, also when many come at once."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from app.errors import Incomplete
from app.services import limits, logins
from app.services.limits import ATTEMPTS, Limits, TooMany
from tests.world import World


def at_once(world: World, count: int, work: Any) -> list[str]:
    """What came of so many tries that begin together."""
    found: list[str] = []
    gate = threading.Barrier(count)

    def one() -> None:
        with world.house.app.app_context():
            gate.wait()
            try:
                found.append(work())
            except TooMany:
                found.append("too many")

    threads = [threading.Thread(target=one) for _number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def test_of_many_tries_at_once_no_more_than_the_limit_reach_the_password(world: World) -> None:
    def work() -> str:
        Limits.of("somebody", "192.0.2.7").begin(None)
        return "tried"

    found = at_once(world, 24, work)

    assert found.count("tried") <= ATTEMPTS["pair"]
    assert len(found) == 24


def test_of_many_tries_of_a_person_at_once_no_more_than_the_limit_go_through(world: World) -> None:
    with world.house.app.app_context():
        for _number in range(limits.MOST_TRIES - 2):
            limits.count_try("verification", 7)

    def work() -> str:
        limits.count_try("verification", 7)
        return "tried"

    assert at_once(world, 12, work).count("tried") <= 2


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
