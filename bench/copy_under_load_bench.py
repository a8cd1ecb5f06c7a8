"""C7: a copy while TPC-B goes on: nothing missing or twice, and how old the other tables get meanwhile."""

import shutil
import time

import tpcb
from copy_bench import Trips
from freshness import CatalogWatch, ages, note_commits, percentile
from harness.sluice import Sluice
from live_drain import carried
from results import Results
from source import BENCH, Source

SHARE = 0.25  # of what the machine carries beside a discarding reader
LOAD_SECONDS_MAX = 1800
HISTORY = "pgbench_history"


class CopyUnderLoad:
    """everything copied under load, then a table of 3 M rows once more while the others are followed"""

    name = "C7"
    ROWS = 3_000_000
    CALIBRATION_SECONDS = 10

    def __init__(self, source: Source, results: Results, pairs: int, scale: float):
        self.source, self.results = source, results
        self.branches = tpcb.branches_at(scale)
        self.rows = int(self.ROWS * scale)
        self.sluice = Sluice(source.scratch / "under-load")
        self.tables = {**tpcb.TABLES, Trips.table: Trips.row_text()}

    def run(self) -> None:
        print(f"{self.name}: {self.__doc__}", flush=True)
        note_commits(self.source)
        tpcb.fill(self.source, self.branches)
        self.source.sql((BENCH / "trips.sql").read_text().replace(":rows", str(self.rows)))
        self.source.sql(f"CREATE PUBLICATION calibration FOR TABLE {', '.join(tpcb.TABLES)}")
        rate = SHARE * carried(self.source, "calibration", self.branches, self.CALIBRATION_SECONDS)
        self.source.sql("DROP PUBLICATION calibration")
        with tpcb.Load(self.source, self.branches, LOAD_SECONDS_MAX, rate) as load:
            first = self._copy_everything()
            before = int(self.source.sql("SELECT max(hid) FROM pgbench_history"))
            watch = CatalogWatch(self.sluice.catalog_db, HISTORY, self.sluice.folder / "seen.txt")
            begun, ended = self._copy_again()
            assert load.running(), "the load ended before the copy"
            load.stop()
        self.sluice.caught_up(600)
        seen = watch.stop()
        assert self.sluice.stop() == 0, self.sluice.log_tail()
        found = ages(self.source, self.sluice.catalog_db, HISTORY, "hid", seen, before)
        self.source.compare(self.sluice.catalog_db, self.tables)
        meanwhile = [age.seconds for age in found if begun <= age.committed <= ended]
        self._report(rate, first, ended - begun, meanwhile)
        self.sluice.ok("drop", "--yes")
        tpcb.drop(self.source)
        self.source.sql(f"DROP TABLE {Trips.table}; DROP FUNCTION draw")
        shutil.rmtree(self.sluice.folder)

    def _copy_everything(self) -> float:
        self.sluice.write_config(self.source.url, pipeline="bench", defaults={"freshness": "250ms"})
        begun = time.monotonic()
        self.sluice.run_background()
        self.sluice.wait_for(self.sluice.control_socket.exists, 60, "the program to answer")
        self.sluice.wait_for(lambda: self._live(*self.tables), 1200, "all tables to be live")
        return time.monotonic() - begun

    def _copy_again(self) -> tuple[float, float]:
        """When it was ordered, and when the table was followed again."""
        copies, begun = self._copies(), time.time()
        self.sluice.ok("tables", "resync", f"public.{Trips.table}")
        self.sluice.wait_for(lambda: self._copies() > copies and self._live(Trips.table), 1200, "the table to be live again")
        return begun, time.time()

    def _copies(self) -> int:
        return self.sluice.log().count(f"copied public.{Trips.table}")

    def _live(self, *tables: str) -> bool:
        states = {table["name"]: table["state"] for table in self.sluice.json("status")["tables"]}
        return all(states.get(f"public.{table}") == "live" for table in tables)

    def _report(self, rate: float, first: float, again: float, meanwhile: list[float]) -> None:
        add, case = self.results.add, "copy under load"
        add(self.name, f"{case}: transactions per second meanwhile", rate / 1e3, "K")
        add(self.name, f"{case}: first copy of everything", first, "s")
        add(self.name, f"{case}: second copy", again, "s")
        add(self.name, f"{case}: freshness p50", percentile(meanwhile, 0.5), "s")
        add(self.name, f"{case}: freshness p99", percentile(meanwhile, 0.99), "s")
        add(self.name, f"{case}: freshness, largest", max(meanwhile), "s")
