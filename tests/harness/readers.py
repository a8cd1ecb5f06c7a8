"""The same table through independent readers, and its source through psql: rows as Postgres text, None for null.

A table is named ("namespace", "table") or "namespace.table"; catalog_db is the path of a SQLite SQL catalog. Rows come
in no order: compare with assert_same_rows.
"""

import atexit
import json
import os
import pathlib
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from typing import Iterable

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.table import Table

from harness.postgres import ThrowawayPostgres
from harness.postgres_text import rows_as_text

Row = tuple[str | None, ...]
TableName = tuple[str, str] | str
COPY_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\"}


def split_name(table: TableName) -> tuple[str, str]:
    return tuple(table.split(".", 1)) if isinstance(table, str) else table


# -- the source

def source_rows(pg: ThrowawayPostgres, table: str, columns: str | Iterable[str] = "*", database: str = "postgres",
                where: str = "true") -> list[Row]:
    """What psql's COPY prints of a table (an SQL name, quoted by the caller; columns likewise)."""
    listed = columns if isinstance(columns, str) else ", ".join(columns)
    return parse_copy_text(pg.psql_raw(f"COPY (SELECT {listed} FROM {table} WHERE {where}) TO STDOUT", database))


def parse_copy_text(text: str) -> list[Row]:
    """Rows of COPY's text format: each ends with a newline."""
    return [tuple(map(_copy_field, line.split("\t"))) for line in text.split("\n")[:-1]]


def _copy_field(field: str) -> str | None:
    if field == r"\N":
        return None
    if "\\" not in field:
        return field
    parts, rest = [], field
    while (at := rest.find("\\")) >= 0:
        parts += [rest[:at], COPY_ESCAPES[rest[at + 1]]]
        rest = rest[at + 2:]
    return "".join(parts) + rest


# -- the lake

def metadata_location(catalog_db: pathlib.Path | str, table: TableName, catalog_name: str = "lake") -> str:
    namespace, name = split_name(table)
    with sqlite3.connect(f"file:{catalog_db}?mode=ro", uri=True) as connection:
        found = connection.execute(
            "SELECT metadata_location FROM iceberg_tables WHERE catalog_name=? AND table_namespace=? AND table_name=?",
            (catalog_name, namespace, name)).fetchone()
    assert found, f"no table {namespace}.{name} in {catalog_db}"
    return found[0]


def load_table(catalog_db: pathlib.Path | str, table: TableName, catalog_name: str = "lake") -> Table:
    """The table through PyIceberg, for looking at snapshots, properties and schema."""
    catalog = SqlCatalog(catalog_name, uri=f"sqlite:///{catalog_db}", init_catalog_tables="false")
    return catalog.load_table(split_name(table))


def pyiceberg_arrow(catalog_db: pathlib.Path | str, table: TableName, snapshot_id: int | None = None,
                    catalog_name: str = "lake") -> pa.Table:
    return load_table(catalog_db, table, catalog_name).scan(snapshot_id=snapshot_id).to_arrow()


def read_pyiceberg(catalog_db: pathlib.Path | str, table: TableName, snapshot_id: int | None = None,
                   catalog_name: str = "lake") -> list[Row]:
    return rows_as_text(pyiceberg_arrow(catalog_db, table, snapshot_id, catalog_name))


def duckdb_connection() -> duckdb.DuckDBPyConnection:
    """With the Iceberg extension out of the Python packages: nothing is downloaded."""
    import duckdb_extension_avro
    import duckdb_extension_iceberg
    connection = duckdb.connect(config={"allow_unsigned_extensions": "true", "autoinstall_known_extensions": "false"})
    for package in (duckdb_extension_avro, duckdb_extension_iceberg):
        (extension,) = pathlib.Path(package.__file__).parent.rglob("*.duckdb_extension")
        connection.execute(f"LOAD '{extension}'")
    connection.execute("SET TimeZone='UTC'")
    return connection


def duckdb_arrow(location: str, snapshot_id: int | None = None, select: str = "*") -> pa.Table:
    at = f", snapshot_from_id => {snapshot_id}" if snapshot_id is not None else ""
    with duckdb_connection() as connection:
        quoted = location.removeprefix("file://").replace("'", "''")
        return connection.execute(f"SELECT {select} FROM iceberg_scan('{quoted}'{at})").to_arrow_table()


def read_duckdb(location: str, snapshot_id: int | None = None) -> list[Row]:
    """location: that of the metadata file (see metadata_location)."""
    return rows_as_text(duckdb_arrow(location, snapshot_id))


class SparkReader:
    """A Spark session in a process of its own: 5 to 15 s to start, so make one a test file. Use as a context manager."""

    def __init__(self) -> None:
        self._scratch = tempfile.TemporaryDirectory(prefix="sluice-spark-")
        self._lock = threading.Lock()
        environment = {**os.environ, "SPARK_SCRATCH": self._scratch.name, "PYTHONPATH": str(pathlib.Path(__file__).parents[1])}
        environment.setdefault("SPARK_JARS", _jars_folder())
        self._log = tempfile.TemporaryFile("w+")
        self._process = subprocess.Popen([sys.executable, "-m", "harness.spark_server"], stdin=subprocess.PIPE,
                                         stdout=subprocess.PIPE, stderr=self._log, text=True, env=environment)

    def __enter__(self) -> "SparkReader":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.stdin.close()
        self._process.wait(timeout=60)
        self._scratch.cleanup()

    def arrow(self, catalog_db: pathlib.Path | str, sql: str, catalog_name: str = "lake") -> pa.Table:
        """The result of a query. AssertionError with Spark's message when it fails."""
        with self._lock, tempfile.TemporaryDirectory(dir=self._scratch.name) as folder:
            self._ask({"catalog_db": str(catalog_db), "catalog_name": catalog_name, "sql": sql, "folder": folder})
            return pq.read_table(folder)

    def execute(self, catalog_db: pathlib.Path | str, sql: str, catalog_name: str = "lake") -> None:
        """A statement that changes something (for tests with foreign writers)."""
        with self._lock:
            self._ask({"catalog_db": str(catalog_db), "catalog_name": catalog_name, "sql": sql})

    def read(self, catalog_db: pathlib.Path | str, table: TableName, snapshot_id: int | None = None,
             catalog_name: str = "lake") -> list[Row]:
        name = ".".join("`" + part.replace("`", "``") + "`" for part in (catalog_name, *split_name(table)))
        at = f" VERSION AS OF {snapshot_id}" if snapshot_id is not None else ""
        return rows_as_text(self.arrow(catalog_db, f"SELECT * FROM {name}{at}", catalog_name))

    def _ask(self, request: dict) -> None:
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            self._log.seek(0)
            raise AssertionError(f"Spark died:\n{self._log.read()[-4000:]}")
        answer = json.loads(line)
        assert "error" not in answer, f"{request['sql']}: {answer['error']}"


def _jars_folder() -> str:
    tools = pathlib.Path(__file__).resolve().parents[2] / "tools"
    return subprocess.run([tools / "env.sh", "jars"], text=True, capture_output=True, check=True).stdout.strip()


def spark_jars() -> list[pathlib.Path]:
    """What Spark reads Iceberg tables in SQLite catalogs with."""
    return sorted(pathlib.Path(os.environ.get("SPARK_JARS") or _jars_folder()).glob("*.jar"))


_shared_spark: SparkReader | None = None


def read_spark(catalog_db: pathlib.Path | str, table: TableName, snapshot_id: int | None = None,
               catalog_name: str = "lake") -> list[Row]:
    """Through one Spark session that this test process shares and that ends with it."""
    global _shared_spark
    if _shared_spark is None:
        _shared_spark = SparkReader()
        atexit.register(_shared_spark.__exit__)
    return _shared_spark.read(catalog_db, table, snapshot_id, catalog_name)


# -- comparing

def assert_same_rows(expected: Iterable[Row], actual: Iterable[Row], what: str = "rows") -> None:
    """Equal as multisets; otherwise says which rows are missing and which are too many (ten of each)."""
    missing, extra = Counter(expected), Counter(actual)
    if missing == extra:
        return
    missing, extra = missing - extra, extra - missing
    lines = [f"{what}: {missing.total()} missing, {extra.total()} too many"]
    lines += [f"  missing: {row!r}" for row in list(missing)[:10]] + [f"  extra:   {row!r}" for row in list(extra)[:10]]
    raise AssertionError("\n".join(lines))


def assert_readers_agree(expected: Iterable[Row], catalog_db: pathlib.Path | str, table: TableName,
                         snapshot_id: int | None = None, *, spark: bool = False, catalog_name: str = "lake") -> None:
    """PyIceberg, DuckDB and, where asked, Spark see exactly these rows."""
    expected = list(expected)
    assert_same_rows(expected, read_pyiceberg(catalog_db, table, snapshot_id, catalog_name), f"{table} in PyIceberg")
    location = metadata_location(catalog_db, table, catalog_name)
    assert_same_rows(expected, read_duckdb(location, snapshot_id), f"{table} in DuckDB")
    if spark:
        assert_same_rows(expected, read_spark(catalog_db, table, snapshot_id, catalog_name), f"{table} in Spark")
