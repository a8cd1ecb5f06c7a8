"""S1: the first copy of TPC-H's lineitem, against COPY drained to nothing by as many connections."""

import shutil

from harness.sluice import Sluice
from measure import Running, Usage, folder_bytes, median
from results import Results
from source import BENCH, PROGRAM_CORE, Source, compare

ROWS = 6_000_000
COLUMNS = ("l_orderkey l_partkey l_suppkey l_linenumber l_quantity l_extendedprice l_discount l_tax l_returnflag "
           "l_linestatus l_shipdate l_commitdate l_receiptdate rtrim(l_shipinstruct) rtrim(l_shipmode) l_comment").split()
ROW_TEXT = "concat_ws('|', " + ", ".join(COLUMNS) + ")"


class CopyBench:
    def __init__(self, source: Source, results: Results, pairs: int, scale: float):
        self.source, self.results, self.pairs = source, results, pairs
        self.rows = int(ROWS * scale)

    def run(self) -> None:
        print(f"S1: copy of lineitem, {self.rows:,} rows", flush=True)
        self._fill()
        self.expected = {"lineitem": (ROW_TEXT, self.source.sums("lineitem", ROW_TEXT))}
        for pinned in (True, False):
            self.source.pin(pinned)
            for workers in (1, 2):
                self._pairs(pinned, workers)
        self.source.pin(False)
        self.source.sql("DROP TABLE lineitem")

    def _fill(self) -> None:
        script = (BENCH / "lineitem.sql").read_text().replace(":rows", str(self.rows))
        self.source.sql(script)
        self.blocks = int(self.source.sql("SELECT pg_relation_size('lineitem') / current_setting('block_size')::int"))

    def _pairs(self, pinned: bool, workers: int) -> None:
        drains, copies = [], []
        for _ in range(self.pairs):
            drains.append(self._drain(pinned, workers))
            copies.append(self._copy(pinned, workers))
        name = f"{'pinned' if pinned else 'unpinned'}, {workers} worker{'s' if workers > 1 else ''}"
        ratios = [copy.wall / drain.wall for (copy, _), drain in zip(copies, drains)]
        add = self.results.add
        add("S1", f"{name}: wall / drained COPY", median(ratios), "ratio")
        add("S1", f"{name}: rows per CPU-second", self.rows / median(c.cpu for c, _ in copies) / 1e6, "M rows")
        add("S1", f"{name}: rows per second", self.rows / median(c.wall for c, _ in copies) / 1e6, "M rows")
        add("S1", f"{name}: drained rows per second", self.rows / median(d.wall for d in drains) / 1e6, "M rows")
        add("S1", f"{name}: peak memory", max(c.peak_bytes for c, _ in copies) / 2**20, "MiB")
        add("S1", f"{name}: bytes a row in the lake", median(size for _, size in copies) / self.rows, "bytes")

    def _drain(self, pinned: bool, workers: int) -> Usage:
        ends = [self.blocks * i // workers for i in range(workers)] + [self.blocks + 1]
        select = "SELECT * FROM lineitem WHERE ctid >= '({},0)' AND ctid < '({},0)'"
        copies = [["copy", f"COPY ({select.format(*ends[i:i + 2])}) TO STDOUT (FORMAT binary)"] for i in range(workers)]
        usage, rows = self.source.drain(copies, pinned)
        assert rows == self.rows, f"{rows} rows drained of {self.rows}"
        return usage

    def _copy(self, pinned: bool, workers: int) -> tuple[Usage, int]:
        folder = self.source.scratch / "copy"
        shutil.rmtree(folder, ignore_errors=True)
        sluice = Sluice(folder)
        sluice.write_config(self.source.url, pipeline="bench", copy={"workers": workers})
        core = PROGRAM_CORE if pinned else None
        running = Running([sluice.binary, "run", "-c", sluice.config_file, "--once"], sluice.log_file, core)
        usage = running.finish()
        compare(self.source, sluice.catalog_db, self.expected)
        size = folder_bytes(folder / "lake")
        sluice.ok("drop", "--yes")
        shutil.rmtree(folder)
        return usage, size
