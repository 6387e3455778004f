"""A small house with one clinician and two representatives, and its job worker: a fresh process, watched from outside."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import config
from app.models import Person
from app.words import MandateKind, Variant
from tests import factories as make
from tests.bench.grounds import Ground
from tests.houses import House, environment, furnish

WORKER = """
import config
from app import create_app
from app.services import jobs

app = create_app(config.load())
jobs.run_due(app.app_context)
"""
SAMPLES_A_SECOND = 20


class Desk(NamedTuple):
    """The house, and the ids of its people and of its hospital."""

    house: House
    hospital: int
    clinician: int
    writer: int
    decider: int


class Peak(NamedTuple):
    """The most memory of a worker and all processes below it at one moment, in MB.

    ``shared_once`` counts what several of them share once (the sum of their PSS), ``each`` in each (of their RSS).
    """

    shared_once: float
    each: float


def desk(ground: Ground, name: str) -> Desk:
    """A house of its own, with the English text published."""
    house = furnish("sqlite", ground.folder, name, ground.printer)
    with house.system():
        network = make.network()
        hospital = make.hospital("Bench", make.country("GR"))
        clinician, writer, decider = (make.person(who) for who in ("Anna", "Wera", "Dora"))
        make.member(clinician, make.centre(hospital, network))
        for one in (writer, decider):
            make.mandate(one, MandateKind.HOSPITAL_REPRESENTATIVE, hospital=hospital)
        make.consent_text("eu", "en", Variant.ADULT.value)
        return Desk(house, hospital.id, *(_id(one) for one in (clinician, writer, decider)))


def _id(person: Person) -> int:
    return int(person.id)


def work(house: House) -> Peak:
    """Let a fresh worker do what is due, to its end; gives its peak."""
    known = os.environ | environment(house.var)
    process = subprocess.Popen([sys.executable, "-c", WORKER], cwd=config.ROOT, env=known)
    once = each = 0.0
    while process.poll() is None:
        found = [_memory(one) for one in family(process.pid)]
        once, each = max(once, sum(one[0] for one in found)), max(each, sum(one[1] for one in found))
        time.sleep(1 / SAMPLES_A_SECOND)
    if process.returncode:
        raise AssertionError(f"the worker ended with {process.returncode}")
    return Peak(once, each)


def spent(house: House, kind: str) -> float:
    """Seconds from the start to the end of the last job of a kind, as its row says."""
    rows = house.rows(
        "SELECT started_at, finished_at FROM job WHERE kind = :kind AND state = 'done' ORDER BY id", kind=kind
    )
    started, finished = (house.value("SELECT julianday(:at) * 86400", at=at) for at in rows[-1])
    return float(finished - started)


def family(pid: int) -> list[int]:
    """A process and all below it."""
    below: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue  # it has ended meanwhile
        below.setdefault(parent, []).append(int(stat.parent.name))
    found = [pid]
    for one in found:
        found += below.get(one, [])
    return found


def _memory(pid: int) -> tuple[float, float]:
    """PSS and RSS of a process in MB."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0, 0.0
    facts = {line.partition(":")[0]: line.partition(":")[2].split() for line in lines[1:]}
    return tuple(int(facts[name][0]) / 1024 if name in facts else 0.0 for name in ("Pss", "Rss"))  # type: ignore[return-value]
