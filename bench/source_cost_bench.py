"""C6: what the source pays: TPC-B transactions a second beside sluice, a reader that discards, and nobody, in turns."""

import shutil

import tpcb
from harness.sluice import Sluice
from live_drain import LiveDrain
from measure import median, pin_process
from results import Results
from source import PROGRAM_CORE, SERVER_CORE, Source


class SourceCost:
    """pgbench's transactions a second; server and clients on one core, the reader on the other"""

    name = "C6"
    SECONDS = 10

    def __init__(self, source: Source, results: Results, pairs: int, scale: float):
        self.source, self.results, self.pairs = source, results, pairs
        self.branches = tpcb.branches_at(scale)
        self.seconds = max(3, self.SECONDS * scale)
        self.sluice = Sluice(source.scratch / "cost")

    def run(self) -> None:
        print(f"{self.name}: {self.__doc__}", flush=True)
        tpcb.fill(self.source, self.branches)
        self.sluice.write_config(self.source.url, pipeline="bench")
        self.sluice.ok("run", "--once", seconds=600)
        self.source.pin(True)
        turns = [(self._alone(), self._discarded(), self._followed()) for _ in range(self.pairs)]
        self.source.pin(False)
        self.source.compare(self.sluice.catalog_db, tpcb.TABLES)
        add = self.results.add
        alone, discarded, followed = zip(*turns)
        for who, found in (("no reader", alone), ("discarding reader", discarded), ("sluice", followed)):
            add(self.name, f"pinned: transactions per second, {who}", median(found) / 1e3, "K")
        add(self.name, "pinned: TPS / TPS beside a discarding reader",
            median(with_us / without for with_us, without in zip(followed, discarded)), "ratio")
        add(self.name, "pinned: TPS / TPS without a reader",
            median(with_us / without for with_us, without in zip(followed, alone)), "ratio")
        self.sluice.ok("drop", "--yes")
        tpcb.drop(self.source)
        shutil.rmtree(self.sluice.folder)

    def _alone(self) -> float:
        self.source.sql("VACUUM pgbench_branches, pgbench_tellers")
        with tpcb.Load(self.source, self.branches, self.seconds, core=SERVER_CORE, plain=True) as load:
            return load.finish().per_second

    def _discarded(self) -> float:
        with LiveDrain(self.source, "sluice_bench", PROGRAM_CORE):
            return self._alone()

    def _followed(self) -> float:
        self.sluice.run_background()
        pin_process(self.sluice.process.pid, PROGRAM_CORE)
        self.sluice.caught_up(300)
        pin_process(self.sluice.process.pid, PROGRAM_CORE)  # threads that were just being started
        found = self._alone()
        self.sluice.caught_up(300)
        assert self.sluice.stop() == 0, self.sluice.log_tail()
        return found
