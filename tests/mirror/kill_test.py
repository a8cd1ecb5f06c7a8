"""kill -9 at seeded moments, some during the copy, under load and server restarts: afterwards equal, and no row twice."""

import os
import pathlib
import random
import threading
import time

from harness.sluice import Sluice
from mirror.load import TABLES, Load, schema
from mirror.mirrored import assert_mirrored, pipeline

KILLS = int(os.environ.get("SLUICE_KILLS", "10"))
SEED = int(os.environ.get("SLUICE_SEED", "1"))


def kill_after(sluice: Sluice, seconds: float) -> None:
    """The random moment is the test's subject, so this does wait for a time."""
    sluice.run_background()
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and sluice.running():
        threading.Event().wait(min(0.05, max(deadline - time.monotonic(), 0.001)))
    assert sluice.running(), sluice.log_tail()
    sluice.kill()


def test_nothing_is_lost_or_doubled_by_kills(tmp_path: pathlib.Path) -> None:
    chance = random.Random(SEED)
    with pipeline(tmp_path, schema(), copy={"workers": 2}) as (pg, sluice):
        load = Load(pg, SEED)
        load.start()
        for kill in range(KILLS):
            kill_after(sluice, chance.uniform(0.05, 1.0) if kill < 3 else chance.uniform(0.2, 2.5))
            if kill % 4 == 3:
                pg.restart(chance.choice(["fast", "immediate"]))
        sluice.run_background()
        load.stop()
        assert load.transactions > 50
        sluice.caught_up(180)
        assert_mirrored(pg, sluice, TABLES)
        assert sluice.stop() == 0
