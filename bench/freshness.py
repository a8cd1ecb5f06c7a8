"""How old the lake is, seen from outside: for every row of a table that only grows, the time from its commit, as the server
notes it (track_commit_timestamp), until a look at the catalog first finds a snapshot that holds the row.

The catalog's pointer is looked at every few milliseconds by a process of its own (this file, run as a program). Which
rows a snapshot added is read afterwards from its manifests and data files, by PyIceberg and Arrow (lake_added.py).
"""

import bisect
import contextlib
import dataclasses
import json
import os
import pathlib
import select
import sqlite3
import subprocess
import sys
import time

from lake_metadata import load, location
from source import BENCH, Source

LOOK_SECONDS = 0.005


@dataclasses.dataclass
class Age:
    committed: float  # seconds of the clock
    seconds: float  # until it was visible


def note_commits(source: Source) -> None:
    """Restarts the server, so that it does from now on."""
    source.pg.settings["track_commit_timestamp"] = "on"
    source.pg.restart()


class CatalogWatch:
    """Notes when the pointer of a table moves, until stop()."""

    def __init__(self, catalog_db: pathlib.Path, table: str, output: pathlib.Path):
        self.output = output
        self.process = subprocess.Popen([sys.executable, __file__, catalog_db, table, output], stdin=subprocess.PIPE,
                                        env={**os.environ, "PYTHONPATH": ":".join(sys.path)})

    def stop(self) -> list[tuple[float, int]]:
        """(when, the sequence number that was first seen then), rising."""
        self.process.communicate()
        assert self.process.returncode == 0, "the look at the catalog failed"
        return [tuple(json.loads(line)) for line in self.output.read_text().splitlines()]


def ages(source: Source, catalog_db: pathlib.Path, table: str, key: str, seen: list[tuple[float, int]],
         above: int) -> list[Age]:
    """Of every row whose key is greater than `above`, by commit. The lake must hold them all, and the watch have seen it."""
    committed = {row: at for row, at in _commits(source, table, key, above)}
    moments, numbers = [at for at, _ in seen], [number for _, number in seen]
    found: dict[int, float] = {}
    for number, keys in _added(catalog_db, table, key):
        at = bisect.bisect_left(numbers, number)
        for row in keys:
            if row > above and row not in found:
                assert at < len(moments), f"snapshot {number} of {table} came after the watch"
                found[row] = moments[at]
    assert found.keys() == committed.keys(), (
        f"{table}: {len(committed)} rows were committed above {above}, the lake's snapshots added {len(found)}")
    return sorted((Age(at, found[row] - at) for row, at in committed.items()), key=lambda age: age.committed)


def _commits(source: Source, table: str, key: str, above: int) -> list[tuple[int, float]]:
    lines = source.sql(f"SELECT {key}, extract(epoch FROM pg_xact_commit_timestamp(xmin)) FROM {table} WHERE {key} > {above}")
    return [(int(row), float(at)) for row, at in (line.split("|") for line in lines.splitlines())]


def _added(catalog_db: pathlib.Path, table: str, key: str) -> list[tuple[int, list[int]]]:
    done = subprocess.run([sys.executable, BENCH / "lake_added.py", catalog_db, f"public.{table}", key], text=True,
                          capture_output=True, check=False, env={**os.environ, "PYTHONPATH": str(BENCH.parent / "tests")})
    assert done.returncode == 0, done.stderr[-3000:]
    return [tuple(json.loads(line)) for line in done.stdout.splitlines()]


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _look(catalog_db: str, table: str, output: str) -> None:
    """Until stdin ends, and once more after it."""
    last, more = None, True
    with contextlib.closing(sqlite3.connect(f"file:{catalog_db}?mode=ro", uri=True, timeout=60)) as catalog, \
            open(output, "w") as lines:
        while more:
            more = not select.select([sys.stdin], [], [], LOOK_SECONDS)[0]
            found, now = location(catalog, table), time.time()
            if found != last:
                last = found
                lines.write(json.dumps([now, load(found)["last-sequence-number"]]) + "\n")


if __name__ == "__main__":
    _look(*sys.argv[1:])
