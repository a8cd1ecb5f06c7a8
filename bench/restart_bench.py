"""I1: started again with 100 M keys: the key index mapped, and made from the lake's key columns when the state is gone."""

import pathlib
import shutil

from harness.sluice import Sluice
from measure import Usage, median, run_once
from results import Results
from source import Source

TABLE = "keys"
CHANGES = 10_000  # between two starts


class Restart:
    """a restart with 100 M keys and 10 K updates to catch up with"""

    name = "I1"
    ROWS = 100_000_000

    def __init__(self, source: Source, results: Results, pairs: int, scale: float):
        self.source, self.results, self.pairs = source, results, pairs
        self.rows = int(self.ROWS * scale)
        self.sluice = Sluice(source.scratch / "restart")
        self.turn = 0

    def run(self) -> None:
        print(f"{self.name}: {self.__doc__}", flush=True)
        self.source.sql(f"CREATE TABLE {TABLE} (id bigint NOT NULL, v integer NOT NULL) WITH (fillfactor = 95); "
                        f"INSERT INTO {TABLE} SELECT i, i % 1000 FROM generate_series(1, {self.rows}) i")
        self.source.sql(f"ALTER TABLE {TABLE} ADD PRIMARY KEY (id); VACUUM (FREEZE, ANALYZE) {TABLE}; CHECKPOINT")
        self.sluice.write_config(self.source.url, pipeline="bench")
        self._start()
        turns = [(self._mapped(), self._made_anew()) for _ in range(self.pairs)]
        self.source.compare(self.sluice.catalog_db, {TABLE: "concat_ws('|', id, v)"})
        self._report([one for one, _ in turns], [other for _, other in turns])
        self.sluice.ok("drop", "--yes")
        self.source.sql(f"DROP TABLE {TABLE}")
        shutil.rmtree(self.sluice.folder)

    def _report(self, mapped: list[tuple[Usage, float]], anew: list[Usage]) -> None:
        add, case = self.results.add, f"{self.rows / 1e6:g} M keys"
        add(self.name, f"{case}, index mapped: wall", median(usage.wall for usage, _ in mapped), "s")
        add(self.name, f"{case}, index mapped: share of the index that was kept", min(kept for _, kept in mapped), "of 1")
        add(self.name, f"{case}, index mapped: CPU", median(usage.cpu for usage, _ in mapped), "s")
        add(self.name, f"{case}, state gone: wall", median(usage.wall for usage in anew), "s")
        more = median(usage.cpu for usage in anew) - median(usage.cpu for usage, _ in mapped)
        add(self.name, f"{case}, state gone: keys per CPU-second", self.rows / more / 1e6, "M keys")
        add(self.name, f"{case}, state gone: peak memory", max(usage.peak_bytes for usage in anew) / 2**20, "MiB")

    def _mapped(self) -> tuple[Usage, float]:
        """And how much of the index lies in the same files afterwards."""
        self._change()
        before = self._index_files()
        usage = self._start()
        return usage, sum(size for file, size in self._index_files().items() if file in before) / sum(before.values())

    def _made_anew(self) -> Usage:
        self._change()
        shutil.rmtree(self.sluice.folder / "state")
        return self._start()

    def _change(self) -> None:
        self.turn += 1
        self.source.sql(f"UPDATE {TABLE} SET v = v + 1 WHERE id IN (SELECT 1 + (hashint8extended(i, {self.turn}) & 9223372036854775807) "
                        f"% {self.rows} FROM generate_series(1, {CHANGES}) i)")

    def _start(self) -> Usage:
        return run_once(self.sluice)

    def _index_files(self) -> dict[tuple[pathlib.Path, int], int]:
        """(name, inode) -> bytes"""
        files = [file for file in (self.sluice.folder / "state" / "index").rglob("*") if file.is_file()]
        return {(file, file.stat().st_ino): file.stat().st_size for file in files}
