"""S1, S2, S4: the first copy of one table, against COPY drained to nothing by as many connections."""

import shutil

from harness.sluice import Sluice
from measure import Usage, folder_bytes, median, run_once
from results import Results
from source import BENCH, PROGRAM_CORE, Source, compare


class CopyBench:
    """One table: its script, its rows, and a row's text that Postgres and DuckDB make alike."""

    name, table, full_rows = "", "", 0
    columns: list[str] = []
    kind = ""  # which of several of that name
    bound = "drained COPY"
    pinnings = (True, False)

    def __init__(self, source: Source, results: Results, pairs: int, scale: float):
        self.source, self.results, self.pairs, self.url = source, results, pairs, source.url
        self.rows = int(self.full_rows * scale)

    @classmethod
    def row_text(cls) -> str:
        return f"concat_ws('|', {', '.join(cls.columns)})"

    def run(self) -> None:
        print(f"{self.name}: copy of {self.table}, {self.rows:,} rows{' over ' + self.kind if self.kind else ''}", flush=True)
        self._fill()
        row_text = self.row_text()
        self.expected = {self.table: (row_text, self.source.sums(self.table, row_text))}
        for pinned in self.pinnings:
            self.source.pin(pinned)
            for workers in (1, 2):
                self._pairs(pinned, workers)
        self.source.pin(False)
        self.source.sql(f"DROP TABLE {self.table}; DROP FUNCTION IF EXISTS draw")

    def _fill(self) -> None:
        script = (BENCH / f"{self.table}.sql").read_text().replace(":rows", str(self.rows))
        self.source.sql(script)
        self.blocks = int(self.source.sql(
            f"SELECT pg_relation_size('{self.table}') / current_setting('block_size')::int"))

    def _pairs(self, pinned: bool, workers: int) -> None:
        drains, copies = [], []
        for _ in range(self.pairs):
            drains.append(self._drain(pinned, workers))
            copies.append(self._copy(pinned, workers))
        place = "pinned" if pinned else "unpinned"
        where = ", ".join(filter(None, [self.kind, place, f"{workers} worker{'s' if workers > 1 else ''}"]))
        ratios = [copy.wall / drain.wall for (copy, _), drain in zip(copies, drains)]
        add = self.results.add
        add(self.name, f"{where}: {'time' if self.kind else 'wall'} / {self.bound}", median(ratios), "ratio")
        add(self.name, f"{where}: rows per CPU-second", self.rows / median(c.cpu for c, _ in copies) / 1e6, "M rows")
        add(self.name, f"{where}: rows per second", self.rows / median(c.wall for c, _ in copies) / 1e6, "M rows")
        add(self.name, f"{where}: drained rows per second", self.rows / median(d.wall for d in drains) / 1e6, "M rows")
        add(self.name, f"{where}: peak memory", max(c.peak_bytes for c, _ in copies) / 2**20, "MiB")
        add(self.name, f"{where}: bytes a row in the lake", median(size for _, size in copies) / self.rows, "bytes")

    def _drain(self, pinned: bool, workers: int) -> Usage:
        copies = [["copy", f"COPY ({select}) TO STDOUT (FORMAT binary)"] for select in self._selects(workers)]
        usage, rows = self.source.drain(copies, pinned)
        assert rows == self.rows, f"{rows} rows drained of {self.rows}"
        return usage

    def _selects(self, workers: int) -> list[str]:
        ends = [self.blocks * i // workers for i in range(workers)] + [self.blocks + 1]
        return [f"SELECT * FROM {self.table} WHERE ctid >= '({ends[i]},0)' AND ctid < '({ends[i + 1]},0)'" for i in range(workers)]

    def _copy(self, pinned: bool, workers: int) -> tuple[Usage, int]:
        folder = self.source.scratch / "copy"
        shutil.rmtree(folder, ignore_errors=True)
        sluice = Sluice(folder)
        sluice.write_config(self.url, pipeline="bench", copy={"workers": workers})
        usage = run_once(sluice, PROGRAM_CORE if pinned else None)
        compare(self.source, sluice.catalog_db, self.expected)
        size = folder_bytes(folder / "lake")
        sluice.ok("drop", "--yes")
        shutil.rmtree(folder)
        return usage, size


class LineItem(CopyBench):
    name, table, full_rows = "S1", "lineitem", 6_000_000
    columns = ("l_orderkey l_partkey l_suppkey l_linenumber l_quantity l_extendedprice l_discount l_tax l_returnflag "
               "l_linestatus l_shipdate l_commitdate l_receiptdate rtrim(l_shipinstruct) rtrim(l_shipmode) l_comment").split()


class Trips(CopyBench):
    name, table, full_rows = "S2", "trips", 5_000_000
    columns = ["id", "vendor", "picked_up", "dropped_off", "passengers", "rate", "flag", "from_zone", "to_zone", "payment",
               # Doubles of hundredths: the two print some of them in different words.
               *(f"round({name} * 100)::bigint" for name in ("distance", "fare", "extra", "tax", "tip", "tolls", "surcharge",
                                                             "total", "congestion", "airport"))]


class Documents(CopyBench):
    name, table, full_rows = "S4", "documents", 100_000
    columns = ["id", "body::text"]
