"""S3: 200 small tables and a large one: is a worker idle while there is work, and does the last file end with the last read?

When the COPYs ran is read from the server's log; a file's end is its last write.
"""

import datetime
import pathlib
import re
import shutil

from harness.sluice import Sluice
from measure import IdleCores, Usage, median, run_once
from results import Results
from source import PROGRAM_CORE, Source, compare

WORKERS = 2
COLUMNS = "id, kind, amount, note"
ROW_TEXT = f"concat_ws('|', {COLUMNS})"
# "2026-11-29 11:00:00.123 UTC [17] sluice_bench LOG:  duration: 1.5 ms  statement: BEGIN ...; COPY ..."
COPIED = re.compile(r"^(\S+ \S+) UTC \[(\d+)\] sluice_bench LOG:  duration: ([\d.]+) ms  \w+[^:]*: (?:BEGIN .*; )?COPY ", re.M)


class ManyTables:
    """first copy of 200 tables of 5 K rows and one of 3 M"""

    name = "S3"
    SMALL, SMALL_ROWS, LARGE_ROWS = 200, 5_000, 3_000_000

    def __init__(self, source: Source, results: Results, pairs: int, scale: float):
        self.source, self.results, self.pairs = source, results, pairs
        sizes = {f"small{i}": self.SMALL_ROWS for i in range(max(10, int(self.SMALL * scale)))}
        self.tables = {"large": int(self.LARGE_ROWS * scale), **sizes}
        self.rows = sum(self.tables.values())

    def run(self) -> None:
        print(f"{self.name}: {self.__doc__}", flush=True)
        self._fill()
        self.expected = {table: (ROW_TEXT, self.source.sums(table, ROW_TEXT)) for table in self.tables}
        for pinned in (True, False):
            self.source.pin(pinned)
            self._pairs("pinned" if pinned else "unpinned", pinned)
        self.source.pin(False)
        self.source.sql("".join(f"DROP TABLE {table};" for table in self.tables))

    def _fill(self) -> None:
        for table, rows in self.tables.items():
            self.source.sql(f"""
                CREATE TABLE {table} (id bigint PRIMARY KEY, kind integer NOT NULL, amount numeric(12,2) NOT NULL, note text NOT NULL);
                INSERT INTO {table} SELECT i, i % 97, (i::bigint * 7919 % 1000003) / 100.0, 'item ' || md5(i::text)
                FROM generate_series(1, {rows}) i; VACUUM (FREEZE, ANALYZE) {table}""")
        self.source.sql("CHECKPOINT")
        self.source.pg.reload(log_min_duration_statement="0")

    def _pairs(self, case: str, pinned: bool) -> None:
        drains, copies = [], []
        for _ in range(self.pairs):
            drains.append(self._drain(pinned))
            copies.append(self._copy(pinned))
        usages = [usage for usage, *_ in copies]
        add = self.results.add
        add(self.name, f"{case}: wall / drained COPY", median(usage.wall / drain.wall for usage, drain in zip(usages, drains)), "ratio")
        add(self.name, f"{case}: rows per CPU-second", self.rows / median(usage.cpu for usage in usages) / 1e6, "M rows")
        add(self.name, f"{case}: rows per second", self.rows / median(usage.wall for usage in usages) / 1e6, "M rows")
        add(self.name, f"{case}: drained rows per second", self.rows / median(drain.wall for drain in drains) / 1e6, "M rows")
        add(self.name, f"{case}: last file's end after the last read", median(tail for _, tail, _, _ in copies), "s")
        add(self.name, f"{case}: idle share of the cores until the last read", median(idle for _, _, idle, _ in copies), "of 1")
        add(self.name, f"{case}: share of the workers' time without a read", median(unread for *_, unread in copies), "of 1")
        add(self.name, f"{case}: peak memory", max(usage.peak_bytes for usage in usages) / 2**20, "MiB")

    def _drain(self, pinned: bool) -> Usage:
        """Half of the small tables and half of the large one by each connection."""
        blocks = int(self.source.sql("SELECT pg_relation_size('large') / current_setting('block_size')::int"))
        ends = [0, blocks // 2, blocks + 1]
        small = [table for table in self.tables if table != "large"]
        arguments = []
        for half in range(WORKERS):
            selects = [f"SELECT * FROM large WHERE ctid >= '({ends[half]},0)' AND ctid < '({ends[half + 1]},0)'",
                       *(f"SELECT * FROM {table}" for table in small[half::WORKERS])]
            arguments.append(["copy", *(f"COPY ({select}) TO STDOUT (FORMAT binary)" for select in selects)])
        usage, rows = self.source.drain(arguments, pinned)
        assert rows == self.rows, f"{rows} rows drained of {self.rows}"
        return usage

    def _copy(self, pinned: bool) -> tuple[Usage, float, float, float]:
        """Usage; seconds from the last read to the last file's end; of the time of the reads, the share in which sluice's core (or
        cores) idled, and that in which a worker did not read."""
        folder = self.source.scratch / "many"
        sluice = Sluice(folder)
        sluice.write_config(self.source.url, pipeline="bench", copy={"workers": WORKERS})
        at = len(self.source.pg.log())
        core = PROGRAM_CORE if pinned else None
        with IdleCores(core) as cores:
            usage = run_once(sluice, core)
        reads = _reads(self.source.pg.log()[at:])
        copies = sum(map(len, reads.values()))
        assert copies >= len(self.tables), f"{copies} COPYs in the server's log of {len(self.tables)} tables"
        last_file = max(file.stat().st_mtime for file in _data_files(folder / "lake"))
        compare(self.source, sluice.catalog_db, self.expected)
        sluice.ok("drop", "--yes")
        shutil.rmtree(folder)
        first, last = _from_first_to_last(reads)
        return usage, max(0.0, last_file - last), cores.share(first, last), _unread(reads)


def _reads(log: str) -> dict[str, list[tuple[float, float]]]:
    """session -> begin and end of its COPYs, by time"""
    out: dict[str, list[tuple[float, float]]] = {}
    for at, session, milliseconds in COPIED.findall(log):
        end = datetime.datetime.fromisoformat(at).replace(tzinfo=datetime.timezone.utc).timestamp()
        out.setdefault(session, []).append((end - float(milliseconds) / 1e3, end))
    return {session: sorted(stretches) for session, stretches in out.items()}


def _from_first_to_last(reads: dict[str, list[tuple[float, float]]]) -> tuple[float, float]:
    return min(stretches[0][0] for stretches in reads.values()), max(stretches[-1][1] for stretches in reads.values())


def _unread(reads: dict[str, list[tuple[float, float]]]) -> float:
    """The share of the workers' time without a COPY; one that never read counts whole."""
    first, last = _from_first_to_last(reads)
    read = sum(end - begin for stretches in reads.values() for begin, end in stretches)
    return 1 - read / (WORKERS * (last - first))


def _data_files(lake: pathlib.Path) -> list[pathlib.Path]:
    return list((lake / "public").rglob("data/*.parquet"))
