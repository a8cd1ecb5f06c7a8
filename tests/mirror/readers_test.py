"""The readers at length: every retained snapshot, filters on every column, Spark's own upkeep between commits, and the
command line that `query` prints for Spark."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

from harness.readers import (SparkReader, assert_readers_agree, assert_same_rows, duckdb_connection, load_table,
                             metadata_location, source_rows, spark_jars)
from harness.postgres import ThrowawayPostgres, lsn
from harness.sluice import Sluice
from mirror.mirrored import assert_metadata, assert_mirrored, pipeline, states

KEEP_ALL = {"all": "1h", "max": 300}
SHOP = """
CREATE TABLE orders (id bigint PRIMARY KEY, customer text NOT NULL, amount numeric(12,2), placed timestamptz, note text, tags text[]);
ALTER TABLE orders ALTER note SET STORAGE EXTERNAL;
CREATE TABLE lines (order_id bigint, line int, pieces int, PRIMARY KEY (order_id, line));
INSERT INTO orders SELECT i, 'customer ' || i % 70, i * 1.25, '2024-01-01'::timestamptz + i * interval '1 min',
  CASE WHEN i % 10 = 0 THEN repeat('note ' || i, 600) END, CASE WHEN i % 3 = 0 THEN ARRAY['a', NULL, 'b'] END
FROM generate_series(1, 4000) i;
INSERT INTO lines SELECT i / 3, i % 3, i FROM generate_series(1, 6000) i;
"""
STEPS = [
    "UPDATE orders SET amount = amount + {n} WHERE id % 40 = {n} % 40",
    "DELETE FROM orders WHERE id % 400 = {n}; DELETE FROM lines WHERE order_id % 300 = {n}",
    "INSERT INTO orders SELECT i, 'new', {n}, now(), repeat('fresh', 900), NULL FROM generate_series(10000 + {n} * 50, 10049 + {n} * 50) i",
    "BEGIN; UPDATE orders SET id = id + 1000000 WHERE id % 200 = {n}; UPDATE lines SET line = line + 10 WHERE order_id % 100 = {n}; COMMIT",
    "UPDATE orders SET tags = ARRAY['t{n}'] WHERE id % 10 = 0 AND id % 70 = 0",
    "BEGIN; DELETE FROM orders WHERE id = 5; INSERT INTO orders VALUES (5, 'again {n}', NULL, NULL, NULL, '{{}}'); COMMIT",
]


@pytest.fixture(scope="module")
def spark():
    with SparkReader() as reader:
        yield reader


def snapshot_of(sluice: Sluice, table: str) -> int:
    return load_table(sluice.catalog_db, table).current_snapshot().snapshot_id


def test_every_retained_snapshot_in_every_reader(tmp_path: pathlib.Path, spark: SparkReader) -> None:
    with pipeline(tmp_path, SHOP) as (pg, sluice):
        sluice.write_config(pg.url(), defaults={"freshness": "0ms", "snapshots": KEEP_ALL})
        sluice.run_background()
        sluice.caught_up()
        seen = {}
        for step in range(18):
            pg.psql("TRUNCATE lines; INSERT INTO lines VALUES (1, 1, 1), (2, 1, 1)" if step == 12 else STEPS[step % len(STEPS)].format(n=step + 1))
            sluice.ok("wait")
            for table in ("orders", "lines"):
                seen[table, snapshot_of(sluice, f"public.{table}")] = source_rows(pg, table)
        assert len(seen) > 20
        for (table, snapshot), rows in seen.items():
            name = f"public.{table}"
            assert_readers_agree(rows, sluice.catalog_db, name, snapshot)
            assert_same_rows(rows, spark.read(sluice.catalog_db, name, snapshot), f"{name} at {snapshot} in Spark")
        assert_metadata(sluice)


MEASURED = """
CREATE TABLE measured (id bigint PRIMARY KEY, small smallint, n integer, price numeric(12,2), wide numeric(30,10), ratio double precision,
  tight real, label text, code varchar(20), day date, taken timestamp, moment timestamptz, ok boolean, token uuid, raw bytea);
INSERT INTO measured SELECT i, CASE WHEN i % 11 > 0 THEN i % 300 - 150 END, i * 7919 % 100003 - 50000,
  CASE WHEN i % 13 > 0 THEN (i * 7919 % 2000003 - 1000000) / 100.0 END, (i - 2000) * 12345678901.0123456789,
  CASE i % 50 WHEN 0 THEN 'NaN' WHEN 1 THEN '-Infinity' WHEN 2 THEN '-0' ELSE (i - 2000) / 3.0 END::double precision,
  CASE WHEN i % 7 > 0 THEN (i % 90) / 8.0 END::real,
  CASE WHEN i % 17 > 0 THEN repeat(chr(97 + i % 26), 1 + i % 40) || U&'\\+01F41D' || i END, CASE WHEN i % 5 > 0 THEN 'code-' || i % 400 END,
  date '1969-06-01' + i % 900, timestamp '1899-12-31 23:59:59.5' + i * interval '11 days',
  timestamptz '1999-12-31 23:00+00' + i * interval '37 seconds', i % 3 = 0,
  md5((i % 500)::text)::uuid, CASE WHEN i % 4 > 0 THEN decode(md5(i::text), 'hex') END
FROM generate_series(1, 4000) i;
"""
# Written so that Postgres, DuckDB and Spark read them alike.
FILTERS = [
    "small = 7", "small < -100", "small IS NULL", "n BETWEEN -10 AND 400", "n IN (1, 7919, -42081)", "price = 79.19", "price < -9000",
    "price IS NULL", "price > 9999.98", "wide < -24000000000000", "wide = 12345678901.0123456789", "ratio > 600", "ratio < -660.5",
    "ratio = 0", "ratio >= -1 AND ratio <= 1", "tight = 0.125", "tight IS NULL", "label LIKE 'zz%'", "label LIKE 'a%'", "label IS NULL",
    "label > 'zzzzzzzz'", "code = 'code-399'", "code IN ('code-1', 'nowhere')", "code IS NULL", "day = DATE '1970-01-01'",
    "day < DATE '1969-06-03'", "taken < TIMESTAMP '1900-02-01 00:00:00'", "taken >= TIMESTAMP '2020-01-01 00:00:00'",
    "moment <= TIMESTAMP '2000-01-01 00:00:00'", "moment > TIMESTAMP '2000-01-02 17:00:00'", "ok", "NOT ok", "id = 4000", "id > 99999",
    "id BETWEEN 1990 AND 2010",
]


def test_filters_find_what_a_full_scan_finds(tmp_path: pathlib.Path, spark: SparkReader) -> None:
    """Wrong bounds lose rows silently: files are small here, so that most of them are skipped."""
    with pipeline(tmp_path, MEASURED) as (pg, sluice):
        sluice.run_background()
        sluice.caught_up()
        for part in range(6):
            pg.psql(f"UPDATE measured SET n = n + 1, code = code || 'x' WHERE id % 60 = {part}; DELETE FROM measured WHERE id % 97 = {part}")
            sluice.ok("wait")
        location = metadata_location(sluice.catalog_db, "public.measured").removeprefix("file://")
        found = 0
        with duckdb_connection() as duckdb:
            for where in FILTERS:
                expected = sorted(int(line) for line in pg.psql(
                    f"SET TimeZone = 'UTC'; SELECT id FROM measured WHERE {where}").splitlines() if line != "SET")
                found += len(expected)
                duck = where.replace("TIMESTAMP", "TIMESTAMPTZ") if where.startswith("moment") else where
                rows = duckdb.execute(f"SELECT id FROM iceberg_scan('{location}') WHERE {duck} ORDER BY id").fetchall()
                assert [row[0] for row in rows] == expected, f"DuckDB: {where}"
                table = spark.arrow(sluice.catalog_db, f"SELECT id FROM lake.public.measured WHERE {where}")
                assert sorted(table["id"].to_pylist()) == expected, f"Spark: {where}"
        assert found > 5000
        assert_mirrored(pg, sluice, ["public.measured"])


UPKEEP = {
    "compaction": "CALL lake.system.rewrite_data_files(table => 'public.orders', options => map('rewrite-all', 'true'))",
    "position deletes": "CALL lake.system.rewrite_position_delete_files(table => 'public.orders', options => map('rewrite-all', 'true'))",
    "manifests": "CALL lake.system.rewrite_manifests('public.orders')",
    "expiry": "CALL lake.system.expire_snapshots(table => 'public.orders', older_than => TIMESTAMP '2100-01-01 00:00:00', retain_last => 2)",
}


def change_and_compare(pg: ThrowawayPostgres, sluice: Sluice, step: int) -> None:
    for sql in STEPS:
        pg.psql(sql.format(n=step))
        sluice.ok("wait")
    assert states(sluice) == {"public.orders": "live", "public.lines": "live"}, sluice.log_tail()
    # Without the metadata check: what Spark writes is its own affair.
    assert_readers_agree(source_rows(pg, "orders"), sluice.catalog_db, "public.orders")


def test_spark_looks_after_our_table_between_commits(tmp_path: pathlib.Path, spark: SparkReader) -> None:
    with pipeline(tmp_path, SHOP) as (pg, sluice):
        sluice.write_config(pg.url(), defaults={"freshness": "0ms", "snapshots": KEEP_ALL})
        sluice.run_background()
        sluice.caught_up()
        change_and_compare(pg, sluice, 1)
        for step, (what, call) in enumerate(UPKEEP.items(), 2):
            before = snapshot_of(sluice, "public.orders")
            spark.execute(sluice.catalog_db, call)
            if what != "expiry":
                assert snapshot_of(sluice, "public.orders") != before, what
            change_and_compare(pg, sluice, step)
            assert_same_rows(source_rows(pg, "orders"), spark.read(sluice.catalog_db, "public.orders"), f"after {what}, in Spark")
        assert sluice.stop() == 0
        spark.execute(sluice.catalog_db, UPKEEP["compaction"])  # while the program is down
        sluice.run_background()
        sluice.caught_up()
        change_and_compare(pg, sluice, 9)


def test_an_idle_table_that_spark_compacted_goes_on_after_restarts(tmp_path: pathlib.Path, spark: SparkReader) -> None:
    """The bus no longer goes back to its own last commit; the ledger says that it stands where the others do."""
    wide = "CREATE TABLE wide (id int PRIMARY KEY, v text);"
    with pipeline(tmp_path, SHOP + wide, bus={"retention": "1s"}) as (pg, sluice):
        sluice.run_background()
        sluice.caught_up()
        begin = sluice.json("bus", "info")["last_lsn"]
        spark.execute(sluice.catalog_db, UPKEEP["compaction"])
        assert sluice.stop() == 0
        sluice.run_background()  # its head is Spark's from here on, and the ledger lists that
        sluice.caught_up()
        for part in range(3):  # a segment of the bus each
            pg.psql(f"INSERT INTO wide SELECT i, repeat(md5(i::text), 1000) FROM generate_series({part * 2100 + 1}, {part * 2100 + 2100}) i")
            sluice.caught_up()
        sluice.wait_for(lambda: lsn(sluice.json("bus", "info")["first_lsn"]) > lsn(begin), 60, "the bus to be trimmed")
        assert sluice.stop() == 0
        sluice.run_background()
        sluice.caught_up()
        pg.psql(STEPS[0].format(n=1))
        sluice.caught_up()
        assert_readers_agree(source_rows(pg, "orders"), sluice.catalog_db, "public.orders")


def test_a_rollback_by_hand_is_made_good(tmp_path: pathlib.Path, spark: SparkReader) -> None:
    """The table goes on from the marks of the snapshot that it was rolled back to."""
    with pipeline(tmp_path, SHOP) as (pg, sluice):
        sluice.write_config(pg.url(), defaults={"freshness": "0ms", "snapshots": KEEP_ALL})
        sluice.run_background()
        sluice.caught_up()
        old = snapshot_of(sluice, "public.orders")
        change_and_compare(pg, sluice, 1)
        spark.execute(sluice.catalog_db, f"CALL lake.system.rollback_to_snapshot('public.orders', {old})")
        change_and_compare(pg, sluice, 3)


def in_the_readme(sluice: Sluice) -> str:
    text = (pathlib.Path(__file__).parents[2] / "README.md").read_text()
    return text.split("```sh\n# Spark\n")[1].split("```")[0].replace("/srv/lake", str(sluice.folder / "lake"))


def by_the_program(sluice: Sluice) -> str:
    return json.loads(sluice.ok("query", "public.orders", "--for", "spark", "--json"))["snippet"]


@pytest.mark.parametrize("printed", [in_the_readme, by_the_program])
def test_the_command_line_for_spark_works_as_printed(tmp_path: pathlib.Path, printed) -> None:
    with pipeline(tmp_path, "CREATE TABLE orders (id int PRIMARY KEY, v text); INSERT INTO orders VALUES (1, 'one bee')") as (_, sluice):
        sluice.ok("run", "--once")
        command = printed(sluice)
        packages = next(word for word in command.split() if word.startswith("org.apache.iceberg:"))
        names = {path.name for path in spark_jars()}
        for package in packages.split(","):
            _, artifact, version = package.split(":")
            assert f"{artifact}-{version}.jar" in names, "the version that all tests read with"
        # The same packages as files that are there: nothing is downloaded in a test.
        local = command.replace(f"--packages {packages}", f"--jars {','.join(map(str, spark_jars()))} "
                                "--conf spark.driver.bindAddress=127.0.0.1 --conf spark.driver.host=127.0.0.1 --conf spark.ui.enabled=false")
        path = f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}"
        done = subprocess.run(["bash", "-c", local], text=True, capture_output=True, timeout=180, cwd=tmp_path, check=False,
                              env={**os.environ, "PATH": path})
        assert done.returncode == 0, done.stderr[-3000:]
        assert "1\tone bee" in done.stdout
