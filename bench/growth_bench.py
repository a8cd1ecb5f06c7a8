"""G1: does the cost of a row grow? CPU of a copied row and of an update with few and many rows, tables and commits.

What a run costs by itself is taken off, as the goal is about rows: of a copy that of a table with one row, of updates that
of `run --once` with nothing to do, each measured in the same turn.
"""

import abc
import shutil
from typing import Callable

from harness.sluice import Sluice
from lake_metadata import current_summary, read_metadata
from measure import Usage, median, run_once
from results import Results
from source import BENCH, Source

UPDATE_BATCH = 10
STRIDE = 7919  # a prime: no row comes twice in one call, as long as there are more rows than updates
# Ten rows of a table a transaction, the tables in turn.
TOUCH = f"""
CREATE PROCEDURE touch(tables text[], ids bigint, times integer) LANGUAGE plpgsql AS $$
DECLARE start bigint := floor(random() * ids);
BEGIN
  FOR i IN 0 .. times - 1 LOOP
    EXECUTE format('UPDATE %I SET l_quantity = l_quantity + 1 WHERE id = ANY ($1)', tables[1 + i % cardinality(tables)])
      USING ARRAY(SELECT 1 + ((i / cardinality(tables) * {UPDATE_BATCH} + k) * {STRIDE}::bigint + start) % ids
                  FROM generate_series(1, {UPDATE_BATCH}) k);
    COMMIT;
  END LOOP;
END $$"""
COLUMNS = ("l_orderkey l_partkey l_suppkey l_linenumber l_quantity l_extendedprice l_discount l_tax l_returnflag l_linestatus "
           "l_shipdate l_commitdate l_receiptdate rtrim(l_shipinstruct) rtrim(l_shipmode) l_comment").split()
ROW_TEXT = f"concat_ws('|', id, {', '.join(COLUMNS)})"


class Mirrored:
    """Some tables in a pipeline of their own."""

    def __init__(self, source: Source, name: str, tables: list[str]):
        self.source, self.name, self.tables = source, name, tables
        self.sluice = Sluice(source.scratch / name)

    def copy(self) -> Usage:
        """From nothing; what was there is dropped."""
        if self.sluice.config_file.exists():
            self.drop()
            self.sluice.folder.mkdir()
        self.sluice.write_config(self.source.url, pipeline=self.name,
                                 tables=[{"include": f"public.{table}"} for table in self.tables])
        return self.start()

    def start(self) -> Usage:
        return run_once(self.sluice)

    def compare(self) -> None:
        self.source.compare(self.sluice.catalog_db, {table: ROW_TEXT for table in self.tables})

    def drop(self) -> None:
        self.sluice.ok("drop", "--yes")
        shutil.rmtree(self.sluice.folder)


class Growth(abc.ABC):
    name = "G1"
    UPDATES = 500_000

    def __init__(self, source: Source, results: Results, pairs: int, scale: float):
        self.source, self.results, self.pairs, self.scale = source, results, pairs, scale
        self.updates = max(1000, int(self.UPDATES * scale))

    @abc.abstractmethod
    def measure(self) -> None: ...

    def run(self) -> None:
        print(f"{self.name}: {self.__doc__}", flush=True)
        self.source.sql(TOUCH)
        self.measure()
        self.source.sql("DROP PROCEDURE touch")

    def fill(self, table: str, rows: int) -> None:
        """lineitem's rows again and again under a key of their own, of which the index knows little."""
        if self.source.sql("SELECT to_regclass('lineitem') IS NULL") == "t":
            self.source.sql((BENCH / "lineitem.sql").read_text().replace(":rows", str(max(1000, int(1_000_000 * self.scale)))))
            self.source.sql("ALTER TABLE lineitem DROP CONSTRAINT lineitem_pkey")
            self.source.sql("DROP FUNCTION draw")
        self.source.sql(f"""
            CREATE TABLE {table} (id bigint NOT NULL, LIKE lineitem) WITH (fillfactor = 90);
            INSERT INTO {table} SELECT row_number() OVER (), l.* FROM lineitem l, generate_series(1, {rows} / (SELECT count(*) FROM lineitem) + 1)
            LIMIT {rows};
            ALTER TABLE {table} ADD PRIMARY KEY (id); VACUUM (FREEZE, ANALYZE) {table}""")

    def compare_sizes(self, what: str, small: Mirrored, large: Mirrored, rows: Callable[[Mirrored], int]) -> tuple[float, float]:
        """Copies in turns, then updates in turns; by how many CPU seconds the large one was dearer for as many rows."""
        self.fill("nearly_empty", 1)
        empty = Mirrored(self.source, "nearly_empty", ["nearly_empty"])
        copied = [self._copy_costs(empty, [(one, rows(one)) for one in (small, large)]) for _ in range(self.pairs)]
        empty.drop()
        self.source.sql("DROP TABLE nearly_empty")
        self._report(f"copy, {what}", copied)
        updated = [[self._update_cost(one, rows(one)) for one in (small, large)] for _ in range(self.pairs)]
        for one in (small, large):
            one.compare()
            one.drop()
        self._report(f"updates, {what}", updated)
        return (median(b - a for a, b in copied) * rows(small), median(b - a for a, b in updated) * self.updates)

    def _copy_costs(self, empty: Mirrored, sizes: list[tuple[Mirrored, int]]) -> list[float]:
        """CPU seconds a row."""
        own = empty.copy().cpu
        out = []
        for one, rows in sizes:
            out.append((one.copy().cpu - own) / rows)
            found = sum(int(current_summary(one.sluice.catalog_db, table)["total-records"]) for table in one.tables)
            assert found == rows, f"{found} rows copied of {rows}"
        return out

    def _update_cost(self, one: Mirrored, rows: int) -> float:
        idle = one.start().cpu
        self.source.sql(f"CALL touch(ARRAY{one.tables}, {rows // len(one.tables)}, {self.updates // UPDATE_BATCH})")
        return (one.start().cpu - idle) / self.updates

    def _report(self, case: str, turns: list[list[float]]) -> None:
        self.results.add(self.name, f"{case}: cost per row, large / small", median(large / small for small, large in turns), "ratio")
        for word, costs in zip(("small", "large"), zip(*turns)):
            self.results.add(self.name, f"{case}: CPU per row, {word}", 1e9 * median(costs), "ns")


class RowsGrowth(Growth):
    """1 M and 30 M rows"""

    SMALL, LARGE = 1_000_000, 30_000_000

    def measure(self) -> None:
        sizes = {f"rows{name}": max(1000, int(rows * self.scale)) for name, rows in (("small", self.SMALL), ("large", self.LARGE))}
        for table, rows in sizes.items():
            self.fill(table, rows)
        pipelines = [Mirrored(self.source, table, [table]) for table in sizes]
        self.compare_sizes("1 M to 30 M rows", *pipelines, lambda one: sizes[one.name])
        self.source.sql(f"DROP TABLE {', '.join(sizes)}")


class TablesGrowth(Growth):
    """3 M rows in 1 and in 300 tables"""

    ROWS, TABLES = 3_000_000, 300

    def measure(self) -> None:
        count = max(3, int(self.TABLES * self.scale))
        each = max(100, int(self.ROWS * self.scale) // count)
        many = [f"part{i}" for i in range(count)]
        self.fill("whole", each * count)
        for table in many:
            self.fill(table, each)
        small, large = Mirrored(self.source, "whole", ["whole"]), Mirrored(self.source, "parts", many)
        what = f"1 to {count} tables"
        for deed, more in zip(("copy", "updates"), self.compare_sizes(what, small, large, lambda one: each * count)):
            self.results.add(self.name, f"{deed}, {what}: CPU that each further table adds", 1e3 * more / (count - 1), "ms")
        self.source.sql(f"DROP TABLE whole, {', '.join(many)}")


class CommitsGrowth(Growth):
    """a commit of 100 updates among the first and after 3,000"""

    ROWS, COMMITS = 1_000_000, 3_000
    FIRST, WINDOW = 10, 100

    def measure(self) -> None:
        commits = max(60, int(self.COMMITS * self.scale))
        window = min(self.WINDOW, commits // 4)
        self.rows = max(1000, int(self.ROWS * self.scale))
        self.fill("committed", self.rows)
        self.one = Mirrored(self.source, "committed", ["committed"])
        self.one.copy()
        # A wait for commits that the server has not flushed is another matter than the cost of a commit.
        self.source.pg.reload(synchronous_commit="on")
        self.one.sluice.run_background()
        self.one.sluice.caught_up(300)
        self._commit(self.FIRST)
        first = self._commit(window)
        self._commit(commits - self.FIRST - 2 * window)
        last = self._commit(window)
        assert self.one.sluice.stop() == 0, self.one.sluice.log_tail()
        made = read_metadata(self.one.sluice.catalog_db, "committed")["last-sequence-number"]
        assert made >= commits, f"{made} commits of {commits}"
        self.one.compare()
        case = f"commits, {self.FIRST} to {commits}"
        self._report(case, [[first, last]])
        self.one.drop()
        self.source.sql("DROP TABLE committed")

    def _commit(self, times: int) -> float:
        """CPU seconds an update."""
        pid = self.one.sluice.process.pid
        before = Usage.of(pid).cpu
        for _ in range(times):
            self.source.sql(f"CALL touch(ARRAY['committed'], {self.rows}, 10)")
            self.one.sluice.ok("wait", "--timeout", "300s", seconds=330)
        return (Usage.of(pid).cpu - before) / (times * 10 * UPDATE_BATCH)
