"""kill -9 at seeded moments under load; after each a restart, and the whole lake equals the source: `make chaos`.

Half of the kills hit a program that follows, half one that starts with work behind it; some come during a copy, a
streamed transaction or a server's crash. Real processes are not replayed: the seed repeats the choices, not the race.
"""

import argparse
import pathlib
import random
import re
import shutil
import sys
import tempfile
import threading
import time
import traceback

from harness.postgres import ThrowawayPostgres
from harness.sluice import Sluice
from mirror.load import TABLES, Load, schema
from mirror.mirrored import assert_mirrored, pipeline

ROWS = 20000
FAILURES_MAX = 3
HISTORY = {"all": "10s", "every_minute": "2m", "every_hour": "0s", "every_day": "0s", "max": 20}
CONFIG = {"copy": {"workers": 2}, "memory": "128MiB", "defaults": {"freshness": "200ms", "snapshots": HISTORY}}


def pass_time(seconds: float) -> None:
    """The random moment is the subject here."""
    threading.Event().wait(seconds)


class Life:
    """A mirror that is killed again and again."""

    def __init__(self, pg: ThrowawayPostgres, sluice: Sluice, chance: random.Random):
        self.pg, self.sluice, self.chance = pg, sluice, chance
        self.load = Load(pg, chance.randrange(1 << 30), ROWS)
        self.words = "the first start"

    def start(self) -> None:
        self.load.start()
        self.sluice.run_background()
        self.check()

    def kill(self) -> None:
        """One kill with what goes before it; `words` says what."""
        deed = self.chance.choice([self.nothing, self.nothing, self.resync, self.large, self.crash])
        if self.chance.random() < 0.5:
            assert self.sluice.stop() == 0, self.sluice.log_tail()
            pass_time(self.chance.uniform(0, 0.5))
            self.sluice.run_background()
            moment = self.chance.uniform(0.01, 1.0)
            self.words = f"{deed.__name__}, {moment:.2f} s after its start"
        else:
            moment = self.chance.uniform(0, 2.0)
            self.words = f"{deed.__name__}, after {moment:.2f} s"
        other = threading.Thread(target=deed, daemon=True)
        other.start()
        pass_time(moment)
        # Without its server it does not start; once started it waits for it.
        no_server = deed == self.crash and re.search("^sluice: (connecting to|asking) the source", self.sluice.log_tail(3), re.M)
        assert self.sluice.running() or no_server, self.sluice.log_tail()
        self.sluice.kill()
        other.join()

    def check(self) -> None:
        if not self.sluice.running():
            self.sluice.run_background()
        self.sluice.caught_up(120)
        with self.load.held():
            self.sluice.caught_up(60)
            assert_mirrored(self.pg, self.sluice, TABLES)

    # -- what goes on meanwhile

    def nothing(self) -> None:
        pass

    def resync(self) -> None:
        self.sluice.cli("tables", "resync", self.chance.choice(TABLES))

    def large(self) -> None:
        with self.load.held():
            self.pg.psql("SET logical_decoding_work_mem = '64kB'; BEGIN; UPDATE a SET t = repeat(t, 2) WHERE id <= 5000;"
                         " SAVEPOINT s; UPDATE b SET v = v + 1; ROLLBACK TO s; UPDATE b SET v = v - 1 WHERE id % 3 = 0;"
                         " UPDATE a SET t = 'row' WHERE id <= 5000; COMMIT")

    def crash(self) -> None:
        self.pg.restart(self.chance.choice(["fast", "immediate"]))


def run(kills: int, seed: int, folder: pathlib.Path) -> tuple[int, int]:
    """How many kills passed and failed. A failure leaves its folder, and the next kills get a new mirror."""
    chance = random.Random(seed)
    passed = failed = 0
    while passed + failed < kills and failed < FAILURES_MAX:
        place = folder / f"mirror{failed}"
        with pipeline(place, schema(ROWS, ROWS // 2), settings={"logical_decoding_work_mem": "64kB"}, **CONFIG) as (pg, sluice):
            life = Life(pg, sluice, chance)
            try:
                life.start()
                while passed + failed < kills:
                    start = time.monotonic()
                    life.kill()
                    life.check()
                    passed += 1
                    print(f"kill {passed + failed}: {life.words}: equal ({time.monotonic() - start:.1f} s,"
                          f" {life.load.transactions} transactions)", flush=True)
            except Exception:
                failed += 1
                print(f"kill {passed + failed}: {life.words}: FAILED, seed {seed}, see {place}\n{traceback.format_exc()}", flush=True)
            finally:
                life.load.stop()
        if failed == 0:
            shutil.rmtree(place)
    return passed, failed


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--kills", type=int, default=200)
    arguments.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 30))
    options = arguments.parse_args()
    print(f"==> chaos: {options.kills} kills, seed {options.seed}", flush=True)
    passed, failed = run(options.kills, options.seed, pathlib.Path(tempfile.mkdtemp(prefix="sluice-chaos-")))
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or passed < options.kills else 0


if __name__ == "__main__":
    sys.exit(main())
