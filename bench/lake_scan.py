"""Seconds of scans of two tables in turns: lake_scan.py duckdb|spark PAIRS TABLE SELECT CATALOG_DB CATALOG_DB. Prints a
JSON list of [first, second]; one pair before them is not counted. Both must give the same answer."""

import contextlib
import json
import sys
import time
from typing import Callable, Iterator

from harness.readers import SparkReader, duckdb_connection, metadata_location, split_name

Scan = Callable[[str], object]


@contextlib.contextmanager
def duckdb_scan(table: str, select: str) -> Iterator[Scan]:
    with duckdb_connection() as connection:
        def scan(catalog_db: str) -> object:
            location = metadata_location(catalog_db, table).removeprefix("file://")
            return connection.execute(f"SELECT {select} FROM iceberg_scan('{location}')").fetchall()
        yield scan


@contextlib.contextmanager
def spark_scan(table: str, select: str) -> Iterator[Scan]:
    name_space, name = split_name(table)
    with SparkReader() as spark:
        yield lambda catalog_db: spark.arrow(catalog_db, f"SELECT {select} FROM lake.`{name_space}`.`{name}`").to_pylist()


def main(engine: str, pairs: str, table: str, select: str, *catalogs: str) -> None:
    turns: list[list[float]] = []
    with {"duckdb": duckdb_scan, "spark": spark_scan}[engine](table, select) as scan:
        for _ in range(int(pairs) + 1):
            times, answers = [], []
            for catalog_db in catalogs:
                begun = time.monotonic()
                answers.append(scan(catalog_db))
                times.append(time.monotonic() - begun)
            assert answers[0] == answers[1], f"{engine} reads {answers[0]} and {answers[1]}"
            turns.append(times)
    print(json.dumps(turns[1:]))


if __name__ == "__main__":
    main(*sys.argv[1:])
