"""`sluice audit` beside a running pipeline: silent where source and lake are equal, and finding whatever was corrupted."""

import decimal
import pathlib
import threading
from typing import Any, Callable, Iterator

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from harness.postgres import ThrowawayPostgres
from harness.readers import load_table
from harness.sluice import Sluice
from mirror.mirrored import pipeline
from mirror.types_test import PLAIN, SETUP, rows_sql, table_sql

VICTIM = 1  # the key of the row that is corrupted


def data_file(sluice: Sluice, table: str) -> pathlib.Path:
    """The only data file of a table."""
    files = [task.file.file_path for task in load_table(sluice.catalog_db, table).scan().plan_files()]
    assert len(files) == 1, files
    return pathlib.Path(files[0].removeprefix("file://"))


def rewrite(path: pathlib.Path, change: Callable[[pa.Table], pa.Table]) -> None:
    """The same file with other rows, field ids kept, as if a disk or a program had lied."""
    table = pq.read_table(path)
    changed = change(table)
    assert changed.schema.equals(table.schema, check_metadata=True) and not changed.equals(table)
    pq.write_table(changed, path)


def other_value(value: Any, kind: pa.DataType) -> Any:
    """Another value of the same type, as near as the type allows."""
    if pa.types.is_boolean(kind):
        return not value
    if pa.types.is_integer(kind):
        return value + 1 if value < 0 else value - 1
    if pa.types.is_floating(kind):
        return 1.0000000000000002 if pa.types.is_float64(kind) else 1.0000001192092896
    if pa.types.is_decimal(kind):
        with decimal.localcontext(prec=60):
            step = decimal.Decimal(1).scaleb(-kind.scale)
            return value + step if value < 0 else value - step
    if pa.types.is_string(kind):
        return (value or "") + " "
    if pa.types.is_fixed_size_binary(kind):
        return value[:-1] + bytes([value[-1] ^ 1])
    if pa.types.is_binary(kind):
        return value + b"\0"
    if pa.types.is_list(kind):
        return [*value, None]
    raise AssertionError(f"no other value for {kind}")


def corrupted_cell(column: pa.ChunkedArray, row: int) -> pa.ChunkedArray:
    kind = column.type
    # Times by their number: Python's own types do not reach as far.
    if pa.types.is_temporal(kind):
        raw = pa.int32() if pa.types.is_date32(kind) else pa.int64()
    else:
        raw = kind.storage_type if isinstance(kind, pa.BaseExtensionType) else kind
    values = column.cast(raw).to_pylist()
    values[row] = other_value(values[row], raw)
    return pa.chunked_array([pa.array(values, raw).cast(kind)])


def corrupt(table: pa.Table, column: str) -> pa.Table:
    at = table.schema.get_field_index(column)
    row = pc.index(table["id"], VICTIM).as_py()
    assert row >= 0
    return table.set_column(at, table.schema.field(at), corrupted_cell(table[column], row))


@pytest.fixture(scope="module")
def typed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sluice]:
    folder = tmp_path_factory.mktemp("types")
    with pipeline(folder, SETUP + table_sql("things", PLAIN) + rows_sql("things", PLAIN, VICTIM)) as (_, sluice):
        sluice.run_background()
        sluice.caught_up()
        yield sluice


@pytest.mark.parametrize("column", PLAIN)
def test_one_wrong_value_of_any_type_is_found(typed: Sluice, column: str) -> None:
    path = data_file(typed, "public.things")
    right = path.read_bytes()
    try:
        rewrite(path, lambda table: corrupt(table, column))
        done = typed.cli("audit", "--json", "--show-keys")
        assert done.returncode == 3, done.stdout + done.stderr
        report = typed.json("audit", "--show-keys")
        assert report["equal"] is False
        assert report["tables"][0]["found"] == [{"kind": "differs", "columns": [column], "key": {"id": str(VICTIM)}}]
    finally:
        path.write_bytes(right)
    assert typed.json("audit")["equal"] is True


def test_a_missing_and_an_added_row_are_found_and_keys_are_hidden(tmp_path: pathlib.Path) -> None:
    setup = "CREATE TABLE a (id text PRIMARY KEY, n int); INSERT INTO a SELECT 'secret' || i, i FROM generate_series(1, 500) i;"
    with pipeline(tmp_path, setup) as (_, sluice):
        sluice.run_background()
        sluice.caught_up()
        # One row of the file becomes another's twin: its own is missing, the twin's is there twice.
        rewrite(data_file(sluice, "public.a"),
                lambda table: pa.concat_tables([table.slice(0, 1), table.slice(0, 1), table.slice(2)]))
        done = sluice.cli("audit")
        assert done.returncode == 3, done.stderr
        assert "secret" not in done.stdout + done.stderr
        assert "a row only in the source" in done.stdout and "a row only in the lake" in done.stdout
        hidden = sluice.cli("audit", "--json")
        assert "secret" not in hidden.stdout
        found = sluice.json("audit", "--show-keys")["tables"][0]["found"]
        assert sorted((one["kind"], one["key"]["id"]) for one in found) == [("only_lake", "secret1"), ("only_source", "secret2")]
        last = sluice.status()["tables"][0]["last_audit"]
        assert last["differences"] == 2 and last["rows"] == 500, last


class Load(threading.Thread):
    """Transactions of every kind until stopped."""

    def __init__(self, pg: ThrowawayPostgres):
        super().__init__(daemon=True)
        self.pg, self.ended, self.rounds = pg, threading.Event(), 0

    def run(self) -> None:
        while not self.ended.is_set():
            n = self.rounds
            self.pg.psql(f"""
                BEGIN; UPDATE a SET n = n + 1 WHERE id % 7 = {n % 7};
                INSERT INTO a SELECT 100000 + {n} * 100 + i, i, repeat('y', 20) FROM generate_series(0, 49) i;
                DELETE FROM a WHERE id BETWEEN 100000 + {n} * 100 AND 100000 + {n} * 100 + 9; COMMIT;
                UPDATE a SET id = -id WHERE id BETWEEN 1 + {n % 50} AND 3 + {n % 50};
                INSERT INTO log SELECT 'line ' || i FROM generate_series(1, 20) i;
                UPDATE wide SET n = n + 1 WHERE id % 5 = {n % 5};""")
            if n % 10 == 9:
                self.pg.psql("BEGIN; TRUNCATE scratch; INSERT INTO scratch SELECT i, i FROM generate_series(1, 100) i; COMMIT")
            self.rounds += 1


def test_equal_under_load_again_and_again(tmp_path: pathlib.Path) -> None:
    setup = """
        CREATE TABLE a (id bigint PRIMARY KEY, n int, t text);
        INSERT INTO a SELECT i, i, repeat('x', 30) FROM generate_series(1, 20000) i;
        CREATE TABLE wide (id int PRIMARY KEY, n int, long text, f float8, m money);
        ALTER TABLE wide ALTER long SET STORAGE EXTERNAL;
        INSERT INTO wide SELECT i, 0, repeat(md5(i::text), 200), random() * 1e5, (i / 100.0)::numeric::money FROM generate_series(1, 300) i;
        CREATE TABLE log (line text);
        CREATE TABLE scratch (id int PRIMARY KEY, n int);"""
    tables = [{"include": f"public.{name}"} for name in ("a", "wide", "log", "scratch")]
    with pipeline(tmp_path, setup, tables=tables) as (pg, sluice):
        sluice.run_background()
        sluice.caught_up()
        load = Load(pg)
        load.start()
        reports = []
        try:
            for _ in range(8):
                sluice.wait_for(lambda begun=load.rounds: load.rounds > begun + 2 or not load.is_alive())
                reports.append(sluice.json("audit", "--show-keys"))
        finally:
            load.ended.set()
            load.join()
        for report in reports:
            assert report["equal"], [(table["name"], table["reason"], table["differences"], table["found"][:5])
                                     for table in report["tables"]]
            assert all(table["audited"] and table["rows_source"] == table["rows_lake"] for table in report["tables"]), report
        assert len({report["tables"][0]["cut_lsn"] for report in reports}) > 1
        assert reports[-1]["tables"][0]["rows_source"] > 20000


def test_sampling_named_tables_and_wrong_names(tmp_path: pathlib.Path) -> None:
    setup = """CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a SELECT generate_series(1, 10000);
               CREATE TABLE b (id int PRIMARY KEY);"""
    with pipeline(tmp_path, setup) as (pg, sluice):
        early = sluice.cli("audit")
        assert early.returncode == 2 and "no catalog" in early.stderr, early.stderr
        sluice.run_background()
        sluice.caught_up()
        sampled = sluice.json("audit", "public.a", "--sample", "10")["tables"]
        assert [table["name"] for table in sampled] == ["public.a"] and 500 < sampled[0]["rows_source"] < 2000
        wrong = sluice.cli("audit", "public.nothing")
        assert wrong.returncode == 2 and "public.nothing" in wrong.stderr
        assert sluice.cli("audit", "--repair").returncode == 2
        sluice.ok("tables", "pause", "public.b")
        pg.psql("INSERT INTO a VALUES (0)")
        sluice.caught_up()
        paused = sluice.cli("audit")
        assert paused.returncode == 1 and "not audited" in paused.stdout and "paused" in paused.stdout
        assert sluice.cli("audit", "public.a").returncode == 0


def test_without_a_run_it_says_so_when_the_bus_lacks_the_newest(tmp_path: pathlib.Path) -> None:
    with pipeline(tmp_path, "CREATE TABLE a (id int PRIMARY KEY);") as (pg, sluice):
        sluice.run_background()
        sluice.caught_up()
        sluice.stop()
        pg.psql("INSERT INTO a SELECT generate_series(1, 10)")
        done = sluice.cli("audit")
        assert done.returncode == 1 and "sluice run" in done.stderr, (done.returncode, done.stderr)


def test_differences_beyond_a_thousand_are_counted(tmp_path: pathlib.Path) -> None:
    with pipeline(tmp_path, "CREATE TABLE a (id int PRIMARY KEY, n int); INSERT INTO a SELECT i, i FROM generate_series(1, 1200) i;"
                  ) as (_, sluice):
        sluice.run_background()
        sluice.caught_up()
        rewrite(data_file(sluice, "public.a"),
                lambda table: table.set_column(1, table.schema.field(1), pc.add(table["n"], pa.scalar(1, pa.int32()))))
        report = sluice.json("audit")["tables"][0]
        assert report["differences"] == 1200 and len(report["found"]) == 1000, report["differences"]


def test_more_changes_after_the_cut_than_memory_holds_are_said(tmp_path: pathlib.Path) -> None:
    with pipeline(tmp_path, "CREATE TABLE a (id int PRIMARY KEY, t text);", memory="64MiB", defaults={"freshness": "1h"}) as (pg, sluice):
        sluice.run_background()
        sluice.caught_up()
        pg.psql("INSERT INTO a SELECT i, repeat(md5(i::text), 100) FROM generate_series(1, 6000) i")
        done = sluice.cli("audit")
        assert done.returncode == 1 and "more than 16 MiB of changes follow" in done.stderr, (done.returncode, done.stdout, done.stderr)
        sluice.caught_up()
        assert sluice.cli("audit").returncode == 0
