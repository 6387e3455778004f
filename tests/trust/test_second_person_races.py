"""T-DOUBLE: what a second person decides, decided by two at one moment, happens once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from app.errors import Refusal
from app.models import ConsentForm, Export, db
from app.services import exports, externals
from tests.services.export_words import everybody_releases, run
from tests.services.test_externals import filed, keys
from tests.world import World

pytestmark = pytest.mark.t_double


def together(world: World, *works: tuple[str, Callable[[Any], Any]]) -> list[str]:
    """What came of acts of several people that begin together: done, or the refusal's kind."""
    found: list[str] = []
    gate = threading.Barrier(len(works))

    def one(who: str, work: Callable[[Any], Any]) -> None:
        with world.house.acting(world.people[who]) as actor:
            gate.wait()
            try:
                work(actor)
                found.append("done")
            except Refusal as refused:
                db.session.rollback()
                found.append(type(refused).__name__)

    threads = [threading.Thread(target=one, args=each) for each in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(found, key=lambda word: word != "done")


def test_a_paper_confirmed_and_sent_back_at_one_moment_has_one_answer(world: World) -> None:
    key = filed(world)

    def confirm(actor: Any) -> None:
        form = db.session.get_one(ConsentForm, key)
        externals.confirm(actor, form, confirmed=keys(form), seen=form.version)

    def send_back(actor: Any) -> None:
        form = db.session.get_one(ConsentForm, key)
        externals.send_back(actor, form, reason="Another date", seen=form.version)

    entries = (
        "SELECT count(*) FROM audit_entry WHERE act IN ('consent.confirm', 'consent.send-back') AND outcome = 'done'"
    )
    before = world.house.value(entries)

    found = together(world, ("owner", confirm), ("protection", confirm), ("protection", send_back))

    assert found.count("done") == 1
    assert world.house.value(entries) == before + 1
    state = world.house.value("SELECT state FROM consent_form WHERE id = :id", id=key)
    checked = world.house.value("SELECT checked_by_id FROM consent_form WHERE id = :id", id=key)
    assert (state in {"archived", "sent_back"}, checked is not None) == (True, True)


def test_a_passphrase_read_by_two_windows_at_one_moment_is_shown_once(world: World) -> None:
    key = everybody_releases(world)
    run(world)

    def take(actor: Any) -> None:
        exports.take_passphrase(actor, db.session.get_one(Export, key))

    assert together(world, *[("protection", take)] * 4).count("done") == 1
