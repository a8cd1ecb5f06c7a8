"""Three readers return one table alike, at the head and at an older snapshot, and Postgres prints the same."""

import datetime as dt
from decimal import Decimal

import pyarrow as pa
import pytest
from pyiceberg.catalog.sql import SqlCatalog

from harness.postgres import PsqlError, ThrowawayPostgres
from harness.readers import (assert_same_rows, metadata_location, parse_copy_text, read_duckdb, read_pyiceberg, read_spark,
                             source_rows)

COLUMNS = {"id": "bigint", "flag": "boolean", "small": "integer", "ratio": "double precision", "real": "real",
           "price": "numeric(12,3)", "day": "date", "at": "timestamp", "at_zone": "timestamptz", "name": "text",
           "raw": "bytea", "tags": "text[]"}


def sample() -> pa.Table:
    schema = pa.schema([
        ("id", pa.int64()), ("flag", pa.bool_()), ("small", pa.int32()), ("ratio", pa.float64()), ("real", pa.float32()),
        ("price", pa.decimal128(12, 3)), ("day", pa.date32()), ("at", pa.timestamp("us")),
        ("at_zone", pa.timestamp("us", "UTC")), ("name", pa.string()), ("raw", pa.binary()), ("tags", pa.list_(pa.string()))])
    moment = dt.datetime(1961, 4, 12, 6, 7, 0, 120)
    return pa.Table.from_pylist([
        {"id": 1, "flag": True, "small": -1, "ratio": float("nan"), "real": 0.1, "price": Decimal("-0.050"),
         "day": dt.date(1, 1, 1), "at": moment, "at_zone": moment.replace(tzinfo=dt.timezone.utc), "name": "",
         "raw": b"\x00\xff", "tags": ["a b", None, ""]},
        {"id": 2, "flag": False, "small": 2**31 - 1, "ratio": -0.0, "real": 1e20, "price": Decimal("123456789.123"),
         "day": dt.date(9999, 12, 31), "at": dt.datetime(2026, 1, 1), "name": "tab\t\\N\nnew", "raw": b"", "tags": []},
        {"id": 3}], schema)


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lake")
    catalog = SqlCatalog("lake", uri=f"sqlite:///{folder}/catalog.db", warehouse=folder.as_uri())
    catalog.create_namespace("shop")
    table = catalog.create_table("shop.Odd name", sample().schema)
    table.append(sample().slice(0, 2))
    table.append(sample().slice(2))
    return folder / "catalog.db", table


@pytest.fixture(scope="module")
def expected():
    """The same rows out of Postgres, into which they were written as Python values."""
    with ThrowawayPostgres() as pg:
        pg.psql("CREATE TABLE t (" + ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items()) + ")")
        with pg.connect() as connection:
            connection.execute("SET timezone = 'UTC'")
            for row in sample().to_pylist():
                connection.execute(f"INSERT INTO t VALUES ({', '.join(['%s'] * len(COLUMNS))})", list(row.values()))
        yield source_rows(pg, "t")


def test_all_readers_print_the_head_as_postgres_does(lake, expected):
    catalog_db, _ = lake
    table = ("shop", "Odd name")
    assert_same_rows(expected, read_pyiceberg(catalog_db, table))
    assert_same_rows(expected, read_duckdb(metadata_location(catalog_db, table)))
    assert_same_rows(expected, read_spark(catalog_db, table))


def test_all_readers_go_back_to_an_older_snapshot(lake, expected):
    catalog_db, table = lake
    first = table.history()[0].snapshot_id
    before = [row for row in expected if row[0] != "3"]
    assert_same_rows(before, read_pyiceberg(catalog_db, "shop.Odd name", first))
    assert_same_rows(before, read_duckdb(metadata_location(catalog_db, "shop.Odd name"), first))
    assert_same_rows(before, read_spark(catalog_db, "shop.Odd name", first))


def test_a_query_that_spark_refuses_does_not_end_its_session(lake, expected):
    catalog_db, _ = lake
    with pytest.raises(AssertionError, match="TABLE_OR_VIEW_NOT_FOUND"):
        read_spark(catalog_db, "shop.missing")
    assert_same_rows(expected, read_spark(catalog_db, "shop.Odd name"))


def test_rows_that_differ_are_named():
    with pytest.raises(AssertionError, match="1 missing, 2 too many"):
        assert_same_rows([("1", None)], [("1", "x"), ("1", "x")])
    with pytest.raises(AssertionError, match="0 missing, 1 too many"):
        assert_same_rows([("1",)], [("1",), ("1",)])


def test_copy_text_is_unescaped():
    assert parse_copy_text("a\\tb\t\\N\t\n\\\\N\tx\ty\n") == [("a\tb", None, ""), ("\\N", "x", "y")]
    assert parse_copy_text("") == []
    assert parse_copy_text("\n") == [("",)]


def test_a_failing_statement_is_an_error_and_a_crashed_server_comes_back():
    with ThrowawayPostgres() as pg:
        with pytest.raises(PsqlError, match="division by zero"):
            pg.psql("SELECT 1/0")
        pg.psql("CREATE TABLE kept AS SELECT 1 AS id")
        pg.restart("immediate")
        assert pg.psql("SELECT count(*) FROM kept") == "1"
        assert pg.psql("SHOW wal_level") == "logical"
        folder = pg.folder
    assert not folder.exists()
