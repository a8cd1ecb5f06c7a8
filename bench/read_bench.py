"""R1: what deletes cost a reader: a scan of a table with 10 % of its rows updated, against the same rows freshly copied."""

import json
import os
import shutil
import subprocess
import sys

from harness.sluice import Sluice
from lake_metadata import current_summary, read_metadata
from measure import median
from results import Results
from source import BENCH, Source

TABLE = "read"
ROW_TEXT = "concat_ws('|', id, kind, amount, note, (extract(epoch FROM changed))::bigint)"
EVERY_COLUMN = "count(*) AS n, sum(id) AS i, sum(kind) AS k, sum(amount) AS a, max(note) AS t, CAST(max(changed) AS string) AS c"
ENGINES = {"duckdb": "DuckDB", "spark": "Spark"}


class ReadAmplification:
    """a scan of 3 M rows, a tenth of them updated in 1, 10 and 100 commits"""

    name = "R1"
    ROWS = 3_000_000
    COMMITS = (1, 10, 100)

    def __init__(self, source: Source, results: Results, pairs: int, scale: float):
        self.source, self.results, self.pairs = source, results, pairs
        self.rows = int(self.ROWS * scale)

    def run(self) -> None:
        print(f"{self.name}: {self.__doc__}", flush=True)
        self.source.sql(f"""
            CREATE TABLE {TABLE} (id bigint PRIMARY KEY, kind integer NOT NULL, amount numeric(12,2) NOT NULL,
                                  note varchar(40) NOT NULL, changed timestamptz NOT NULL) WITH (fillfactor = 70);
            INSERT INTO {TABLE} SELECT i, i % 97, (i::bigint * 7919 % 1000003) / 100.0, 'item ' || md5(i::text),
                                     timestamptz '2026-01-01 00:00+00' + i * interval '1 second'
            FROM generate_series(1, {self.rows}) i;
            VACUUM (FREEZE, ANALYZE) {TABLE}; CHECKPOINT""")
        for commits in self.COMMITS:
            with Sluice(self.source.scratch / "updated") as updated, Sluice(self.source.scratch / "fresh") as fresh:
                self._update(updated, commits)
                self._copy(fresh, "fresh")
                self._scan(commits, updated, fresh)
                for sluice in (updated, fresh):
                    sluice.ok("drop", "--yes")
                    shutil.rmtree(sluice.folder)
        self.source.sql(f"DROP TABLE {TABLE}")

    def _copy(self, sluice: Sluice, pipeline: str) -> None:
        sluice.write_config(self.source.url, pipeline=pipeline)
        sluice.ok("run", "--once", seconds=600)
        self.source.compare(sluice.catalog_db, {TABLE: ROW_TEXT})

    def _update(self, sluice: Sluice, commits: int) -> None:
        """Every row belongs to one of ten times as many groups; a commit takes one of them."""
        self._copy(sluice, "updated")
        sluice.run_background()
        sluice.caught_up(300)
        for commit in range(commits):
            self.source.sql(f"UPDATE {TABLE} SET amount = amount + 1, changed = changed + interval '1 day' "
                            f"WHERE (hashint8(id) & 2147483647) % {10 * commits} = {commit}")
            sluice.ok("wait", "--timeout", "300s", seconds=330)
        assert sluice.stop() == 0, sluice.log_tail()
        made = len(read_metadata(sluice.catalog_db, TABLE)["snapshots"]) - 1
        assert made >= commits, f"{made} commits, {commits} wanted"
        self.source.compare(sluice.catalog_db, {TABLE: ROW_TEXT})

    def _scan(self, commits: int, updated: Sluice, fresh: Sluice) -> None:
        summary = current_summary(updated.catalog_db, TABLE)
        case = f"{commits} commit{'s' if commits > 1 else ''}"
        add = self.results.add
        for engine, word in ENGINES.items():
            turns = self._turns(engine, updated, fresh)
            add(self.name, f"{case}: scan / freshly written, {word}", median(one / other for one, other in turns), "ratio")
            add(self.name, f"{case}: scan, {word}", median(one for one, _ in turns), "s")
        for words, key in (("files with rows", "total-data-files"), ("files with deletes", "total-delete-files")):
            add(self.name, f"{case}: {words}", int(summary[key]), "files")

    def _turns(self, engine: str, updated: Sluice, fresh: Sluice) -> list[list[float]]:
        done = subprocess.run([sys.executable, BENCH / "lake_scan.py", engine, str(self.pairs), f"public.{TABLE}", EVERY_COLUMN,
                               updated.catalog_db, fresh.catalog_db], text=True, capture_output=True, check=False,
                              env={**os.environ, "PYTHONPATH": str(BENCH.parent / "tests")})
        assert done.returncode == 0, done.stderr[-3000:]
        return json.loads(done.stdout.splitlines()[-1])
