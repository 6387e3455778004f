"""T-CRASH for exports: a worker killed half-way through the file leaves no export, and the next one makes it whole."""

from __future__ import annotations

import datetime as dt
import os
import signal
import subprocess
import sys
import time
from typing import Any

import pytest

import config
from app.models import Job, now
from tests.houses import environment
from tests.services.export_words import everybody_releases, fetched, opened, passphrase, run, state

pytestmark = [pytest.mark.t_crash, pytest.mark.one_database]

WORKER = """
import os, signal, sys
from pathlib import Path

import config
from app import commands, create_app
from app.outside.storage import LocalStore
from app.services import jobs


class Dying:
    def __init__(self, content):
        self.content, self.reads = content, 0

    def read(self, size):
        self.reads += 1
        if self.reads == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return self.content.read(size)


class Store(LocalStore):
    def put(self, content, *rest):
        return super().put(Dying(content), *rest)


app = create_app(config.load())
object.__setattr__(app.extensions["premises"], "store", Store(Path(sys.argv[1])))
jobs.run_due(app.app_context)
"""


def test_a_worker_killed_half_way_leaves_no_export_and_the_next_makes_it(world: Any) -> None:
    house, key = world.house, everybody_releases(world)
    settings = house.app.config["SETTINGS"]
    names = ("DATABASE_URL", "DATABASE_OWNER_URL")
    urls = {name: settings[name].replace("postgresql+psycopg:", "postgresql:") for name in names}
    known = os.environ | environment(house.var, **urls)
    command = [sys.executable, "-c", WORKER, str(house.var / "files")]

    died = subprocess.run(command, cwd=config.ROOT, env=known, check=False, timeout=120)

    assert died.returncode == -signal.SIGKILL
    (half,) = (house.var / "files").glob(".*.part")
    assert state(world, key) == "making"
    with house.everything() as session:  # its lease runs out
        session.connection(execution_options={"writes": True})
        jobs = Job.__table__
        late = now() - dt.timedelta(days=1)
        session.execute(jobs.update().where(jobs.c.state == "running").values(lease_until=late))
        session.commit()
    run(world)
    assert state(world, key) == "to_fetch"
    assert "manifest.json" in opened(fetched(world, key), passphrase(world, key))
    old = time.time() - 7200
    os.utime(half, (old, old))
    said = house.app.test_cli_runner().invoke(args=["fsck", "--repair"]).output
    assert f"partial {half.name}: a half-written file is left behind (repaired)" in said
    assert not half.exists()
