"""Somebody at the source keeps a table locked: everything else goes on, and the table too once the lock is gone."""

import contextlib
import pathlib
from typing import Iterator

from harness.postgres import ThrowawayPostgres
from harness.readers import read_pyiceberg
from harness.sluice import Sluice
from mirror.mirrored import assert_mirrored, pipeline, states

SQL = """CREATE TABLE a (id int PRIMARY KEY, v int); CREATE INDEX a_v ON a (v); INSERT INTO a SELECT i, i FROM generate_series(1, 1000) i;
         CREATE TABLE b (id int PRIMARY KEY); INSERT INTO b VALUES (1); CREATE TABLE c (id int PRIMARY KEY);"""


@contextlib.contextmanager
def holding(pg: ThrowawayPostgres, sql: str) -> Iterator[int]:
    """A transaction that stays open behind `sql`; its pid."""
    with pg.connect(autocommit=False, application_name="forgotten") as session:
        session.execute(sql)
        yield session.info.backend_pid
        session.rollback()


def wait_state(sluice: Sluice, table: str, state: str, seconds: float = 60) -> None:
    sluice.wait_for(lambda: states(sluice).get(table) == state, seconds, f"{table} to be {state}, not {states(sluice)}")


def wait_rows(sluice: Sluice, table: str, rows: int) -> None:
    sluice.wait_for(lambda: len(read_pyiceberg(sluice.catalog_db, table)) == rows, 60, f"{rows} rows of {table}")


def waits_for_a_lock(pg: ThrowawayPostgres, statement: str) -> bool:
    return pg.psql("SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'sluice%' AND wait_event_type = 'Lock'"
                   f" AND query LIKE '{statement}%'") != "0"


def is_whole(pg: ThrowawayPostgres, sluice: Sluice, *tables: str) -> None:
    """The first of them was locked."""
    wait_state(sluice, tables[0], "live")
    sluice.caught_up()
    assert_mirrored(pg, sluice, tables)


def test_an_order_to_copy_a_locked_table_again_holds_up_nobody(tmp_path: pathlib.Path) -> None:
    with pipeline(tmp_path, SQL) as (pg, sluice):
        sluice.run_background()
        sluice.caught_up()
        with holding(pg, "LOCK TABLE a") as pid:
            sluice.ok("tables", "resync", "public.a", seconds=40)
            sluice.wait_for(lambda: sluice.log_has(rf"copying public\.a again: .*public\.a is locked by pid {pid} \(forgotten\)"))
            pg.psql("INSERT INTO b VALUES (2)")
            wait_rows(sluice, "public.b", 2)
            # Nobody writes to it, so only the look for changed shapes sees that.
            pg.psql("ALTER TABLE c ADD COLUMN x int")
            wait_state(sluice, "public.c", "failed", 120)
            assert states(sluice) == {"public.a": "copying", "public.b": "live", "public.c": "failed"}
        wait_state(sluice, "public.a", "live")
        sluice.ok("tables", "resync", "public.c")
        wait_state(sluice, "public.c", "live")
        sluice.caught_up()
        assert_mirrored(pg, sluice, ["public.a", "public.b", "public.c"])


def test_the_other_tables_are_copied_while_one_is_locked(tmp_path: pathlib.Path) -> None:
    with pipeline(tmp_path, SQL) as (pg, sluice):
        sluice.ok("run", "--once")
        sluice.ok("tables", "resync", "--all")
        with holding(pg, "LOCK TABLE a") as pid:
            sluice.run_background()
            # All three are planned under one snapshot, which serves the other two.
            for table in ("public.b", "public.c"):
                wait_state(sluice, table, "live")
            sluice.wait_for(lambda: sluice.log_has(rf"copying public\.a again: .*public\.a is locked by pid {pid} "))
            assert states(sluice)["public.a"] == "copying"
        is_whole(pg, sluice, "public.a", "public.b", "public.c")


def test_a_start_and_the_stream_wait_for_no_lock(tmp_path: pathlib.Path) -> None:
    with pipeline(tmp_path, SQL) as (pg, sluice):
        sluice.ok("run", "--once")
        pg.psql("DELETE FROM a WHERE id > 500; INSERT INTO b VALUES (2)")
        with holding(pg, "LOCK TABLE a"):
            sluice.run_background()
            # In a new stream, which looks up each table that it meets.
            sluice.caught_up()
            assert set(states(sluice).values()) == {"live"}
        assert_mirrored(pg, sluice, ["public.a", "public.b"])


def test_a_table_that_cannot_be_published_for_a_lock_is_an_error_that_says_who_holds_it(tmp_path: pathlib.Path) -> None:
    with pipeline(tmp_path, SQL) as (pg, sluice):
        sluice.run_background()
        sluice.caught_up()
        pg.psql("DROP TABLE a; CREATE TABLE a (id int PRIMARY KEY, v int)")
        with holding(pg, "LOCK TABLE a") as pid:
            refused = sluice.cli("tables", "resync", "public.a", seconds=40)
            assert refused.returncode == 1, refused
            assert f"public.a is locked by pid {pid} (forgotten)" in refused.stderr, refused.stderr
            assert f"pg_terminate_backend({pid})" in refused.stderr and "try again" in refused.stderr, refused.stderr
            pg.psql("INSERT INTO b VALUES (2)")
            wait_rows(sluice, "public.b", 2)
        sluice.ok("tables", "resync", "public.a")
        wait_state(sluice, "public.a", "live")
        pg.psql("INSERT INTO a VALUES (1, 1)")
        sluice.caught_up()
        assert_mirrored(pg, sluice, ["public.a", "public.b"])


def test_a_stop_does_not_wait_for_a_lock(tmp_path: pathlib.Path) -> None:
    with pipeline(tmp_path, SQL) as (pg, sluice):
        sluice.run_background()
        sluice.caught_up()
        # Held is an index, which only the copy itself needs: it would wait for a minute.
        with holding(pg, "REINDEX INDEX a_v"):
            sluice.ok("tables", "resync", "public.a", seconds=40)
            sluice.wait_for(lambda: waits_for_a_lock(pg, "BEGIN%COPY"), 60, "the copy to wait for the lock")
            assert sluice.stop(30) == 0
        sluice.run_background()
        is_whole(pg, sluice, "public.a", "public.b")
