"""kill -9 at seeded moments, some during the copy, under load and server restarts: afterwards equal, and no row twice."""

import os
import pathlib
import random
import threading
import time

from harness.sluice import Sluice
from mirror.mirrored import assert_mirrored, pipeline

KILLS = int(os.environ.get("SLUICE_KILLS", "10"))
SEED = int(os.environ.get("SLUICE_SEED", "1"))
SQL = """
CREATE TABLE a (id bigint PRIMARY KEY, v int, t text);
CREATE TABLE b (id bigint, part int, v int, PRIMARY KEY (id, part));
INSERT INTO a SELECT i, 0, 'row ' || i FROM generate_series(1, 60000) i;
INSERT INTO b SELECT i, i % 5, 0 FROM generate_series(1, 30000) i;
"""


class Load(threading.Thread):
    """Small transactions over both tables until stopped; reconnects when the server restarts."""

    def __init__(self, pg, seed: int):
        super().__init__(daemon=True)
        self.pg, self.random, self.done = pg, random.Random(seed), threading.Event()
        self.transactions = 0

    def run(self) -> None:
        while not self.done.is_set():
            try:
                with self.pg.connect(autocommit=False) as connection:
                    while not self.done.is_set():
                        self.transaction(connection)
            except Exception:  # the server is being restarted
                self.done.wait(0.1)

    def transaction(self, connection) -> None:
        key = self.random.randint(1, 60000)
        choice = self.random.randint(0, 5)
        with connection.transaction():
            if choice == 0:
                connection.execute("INSERT INTO a SELECT max(id) + 1, 1, 'new' FROM a")
            elif choice == 1:
                connection.execute("DELETE FROM a WHERE id = %s", (key,))
            elif choice == 2:
                connection.execute("UPDATE a SET id = id + 1000000 WHERE id = %s", (key,))
            elif choice == 3:
                connection.execute("DELETE FROM b WHERE id = %s", (key,))
                connection.execute("INSERT INTO b SELECT %s, p, 1 FROM generate_series(1, 3) p ON CONFLICT DO NOTHING", (key,))
            else:
                connection.execute("UPDATE a SET v = v + 1 WHERE id BETWEEN %s AND %s", (key, key + 20))
                connection.execute("UPDATE b SET v = v + 1 WHERE id = %s", (key,))
        self.transactions += 1


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
    with pipeline(tmp_path, SQL, copy={"workers": 2}) as (pg, sluice):
        load = Load(pg, SEED)
        load.start()
        for kill in range(KILLS):
            kill_after(sluice, chance.uniform(0.05, 1.0) if kill < 3 else chance.uniform(0.2, 2.5))
            if kill % 4 == 3:
                pg.restart(chance.choice(["fast", "immediate"]))
        sluice.run_background()
        load.done.set()
        load.join()
        assert load.transactions > 50
        sluice.caught_up(180)
        assert_mirrored(pg, sluice, ["public.a", "public.b"])
        assert sluice.stop() == 0
