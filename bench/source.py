"""The server that a benchmark measures against: throwaway, sized so that nothing waits for a disk, pinned where asked."""

import os
import pathlib
import subprocess
import sys

from harness.postgres import BINARIES, ThrowawayPostgres
from measure import Running, Usage

BENCH = pathlib.Path(__file__).parent
DATABASE = "bench"
SERVER_CORE = 0
PROGRAM_CORE = 1
SETTINGS = {"shared_buffers": "2GB", "max_wal_size": "32GB", "checkpoint_timeout": "1h", "autovacuum": "off",
            "maintenance_work_mem": "1GB", "synchronous_commit": "off"}


class Source:
    """Use as a context manager. `programs` is the folder that `drain` is built in."""

    def __init__(self, programs: pathlib.Path, scratch: pathlib.Path):
        self.programs = programs
        self.scratch = scratch
        self.pg = ThrowawayPostgres(SETTINGS)

    def __enter__(self) -> "Source":
        self.pg.start()
        self.pg.create_database(DATABASE)
        return self

    def __exit__(self, *_: object) -> None:
        self.pg.cleanup()

    @property
    def url(self) -> str:
        return self.pg.url(DATABASE)

    def sql(self, text: str) -> str:
        return self.pg.psql(text, DATABASE)

    def pin(self, pinned: bool) -> None:
        """The server's processes to one core, or to all; those it starts later inherit it."""
        cores = {SERVER_CORE} if pinned else set(range(os.cpu_count() or 1))
        postmaster = int((self.pg.data / "postmaster.pid").read_text().split()[0])
        children = pathlib.Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
        for pid in [postmaster, *map(int, children)]:
            os.sched_setaffinity(pid, cores)

    def drain(self, arguments: list[list[str]], pinned: bool) -> tuple[Usage, int]:
        """Drains run at once, one a list of arguments: what they cost and the rows they saw."""
        running = [Running([self.programs / "drain", mode, self.pg.port, DATABASE, *rest],
                           self.scratch / f"drain{i}.txt", PROGRAM_CORE if pinned else None)
                   for i, (mode, *rest) in enumerate(arguments)]
        usages = [one.finish() for one in running]
        rows = sum(int(one.output.read_text().split()[0]) for one in running)
        return sum(usages[1:], usages[0]), rows

    def pgbench(self, *arguments: object) -> None:
        subprocess.run([BINARIES / "pgbench", "-h", "127.0.0.1", "-p", str(self.pg.port), "-U", "postgres", "-n",
                        *map(str, arguments), DATABASE], check=True, capture_output=True)

    def sums(self, table: str, row_text: str) -> str:
        """Count and checksum of a table, of a text that Postgres and DuckDB make alike of a row."""
        return self.sql(f"SELECT count(*), sum(('x' || substr(md5({row_text}), 1, 8))::bit(32)::bigint) FROM {table}")

    def compare(self, catalog_db: pathlib.Path, tables: dict[str, str]) -> None:
        """tables: table -> row text. The source must be at rest and the lake have caught up."""
        compare(self, catalog_db, {table: (text, self.sums(table, text)) for table, text in tables.items()})


def lake_sums(catalog_db: pathlib.Path, tables: dict[str, str]) -> list[str]:
    pairs = [word for table, row_text in tables.items() for word in (f"public.{table}", row_text)]
    done = subprocess.run([sys.executable, BENCH / "lake_sums.py", catalog_db, *pairs], text=True,
                          capture_output=True, check=False,
                          env={**os.environ, "PYTHONPATH": str(BENCH.parent / "tests")})
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.splitlines()


def compare(source: Source, catalog_db: pathlib.Path, expected: dict[str, tuple[str, str]]) -> None:
    """expected: table -> (row text, the source's sums). A figure of a run whose lake differs does not count."""
    found = lake_sums(catalog_db, {table: row_text for table, (row_text, _) in expected.items()})
    for (table, (_, sums)), line in zip(expected.items(), found, strict=True):
        assert line == sums, f"{table}: the source has count|checksum {sums}, DuckDB reads {line} in the lake"
