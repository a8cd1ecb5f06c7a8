"""C1: TPC-B that goes on at parts of what the machine carries beside a reader that discards; how old the lake is then."""

import shutil

import tpcb
from chaos.trend import trend
from freshness import Age, CatalogWatch, ages, note_commits, percentile
from harness.sluice import Sluice
from harness.wait import wait_for
from live_drain import carried
from measure import Usage, median
from results import Results
from source import Source

SHARES = (0.25, 0.5, 0.8)
FRESHNESS = "250ms"
GROWTH_FLOOR = 0.1  # seconds; less is no growth


class Steady:
    """steady TPC-B at 25, 50 and 80 % of what a discarding reader keeps up with"""

    name = "C1"
    SECONDS = 60
    CALIBRATIONS = 3

    def __init__(self, source: Source, results: Results, pairs: int, scale: float):
        self.source, self.results = source, results
        self.branches = tpcb.branches_at(scale)
        self.seconds = max(6, self.SECONDS * scale)
        self.sluice = Sluice(source.scratch / "steady")

    def run(self) -> None:
        print(f"{self.name}: {self.__doc__}, {self.seconds:.0f} s each", flush=True)
        note_commits(self.source)
        tpcb.fill(self.source, self.branches)
        self.sluice.write_config(self.source.url, pipeline="bench", defaults={"freshness": FRESHNESS})
        self.sluice.ok("run", "--once", seconds=600)
        most = median(carried(self.source, "sluice_bench", self.branches, self.seconds / 3)
                      for _ in range(self.CALIBRATIONS))
        self.results.add(self.name, "written beside a discarding reader", most / 1e3, "K transactions/s")
        for share in SHARES:
            self._steady(share, most)
        self.source.compare(self.sluice.catalog_db, tpcb.TABLES)
        self.sluice.ok("drop", "--yes")
        tpcb.drop(self.source)
        shutil.rmtree(self.sluice.folder)

    def _steady(self, share: float, most: float) -> None:
        # A program of its own for each, so that its CPU is that of this load.
        before = int(self.source.sql("SELECT coalesce(max(hid), 0) FROM pgbench_history"))
        self.sluice.run_background()
        self.sluice.caught_up(300)
        watch = CatalogWatch(self.sluice.catalog_db, "pgbench_history", self.sluice.folder / "seen.txt")
        with tpcb.Load(self.source, self.branches, self.seconds, share * most) as load:
            written = load.finish()
        self.sluice.caught_up(300)
        seen = watch.stop()
        usage = self._stop()
        found = ages(self.source, self.sluice.catalog_db, "pgbench_history", "hid", seen, before)
        self._report(f"{share:.0%}", written, usage, found)

    def _stop(self) -> Usage:
        usage = Usage.of(self.sluice.process.pid)
        assert self.sluice.stop() == 0, self.sluice.log_tail()
        return usage

    def _report(self, case: str, written: tpcb.Written, usage: Usage, found: list[Age]) -> None:
        seconds = [age.seconds for age in found]
        add = self.results.add
        add(self.name, f"{case}: transactions per second", written.per_second / 1e3, "K")
        add(self.name, f"{case}: freshness p50", percentile(seconds, 0.5), "s")
        add(self.name, f"{case}: freshness p99", percentile(seconds, 0.99), "s")
        add(self.name, f"{case}: freshness, largest", max(seconds), "s")
        growth = trend([(age.committed - found[0].committed, age.seconds) for age in found], GROWTH_FLOOR)
        add(self.name, f"{case}: growth of the median age", growth.last - growth.first, "s")
        changes = tpcb.CHANGES * written.transactions
        add(self.name, f"{case}: changes per CPU-second", changes / usage.cpu / 1e3, "K changes")
        add(self.name, f"{case}: peak memory", usage.peak_bytes / 2**20, "MiB")
