"""Copies while the source is written to: several snapshots, rows of any size."""

import pathlib
import threading

import psycopg

from mirror.mirrored import assert_mirrored, pipeline, states

TABLES = [f"t{i}" for i in range(6)]
SQL = "".join(f"""CREATE TABLE {table} (id bigint PRIMARY KEY, v text);
                  INSERT INTO {table} SELECT i, md5(i::text) FROM generate_series(1, {3000 * (i + 1)}) i;"""
              for i, table in enumerate(TABLES)) + "CREATE TABLE empty (id int PRIMARY KEY);"


class Writer(threading.Thread):
    """Writes to all tables in every transaction until stopped."""

    def __init__(self, pg):
        super().__init__(daemon=True)
        self.pg, self.done, self.error = pg, threading.Event(), None

    def run(self) -> None:
        try:
            with self.pg.connect() as connection:
                turn = 0
                while not self.done.is_set():
                    turn += 1
                    with connection.transaction():
                        self.write(connection, turn)
        except psycopg.Error as error:
            self.error = error

    @staticmethod
    def write(connection, turn: int) -> None:
        for table in TABLES:
            connection.execute(f"UPDATE {table} SET v = v || %s WHERE id %% 500 = %s", (str(turn), turn % 500))
            connection.execute(f"DELETE FROM {table} WHERE id = %s", (turn * 3,))
            connection.execute(f"INSERT INTO {table} VALUES (%s, 'new')", (10**9 + turn,))

    def stop(self) -> None:
        self.done.set()
        self.join()
        assert self.error is None, self.error


def test_a_snapshot_is_not_held_for_longer_than_configured(tmp_path: pathlib.Path) -> None:
    with pipeline(tmp_path, SQL, copy={"workers": 2, "max_transaction": "1ms"}) as (pg, sluice):
        writer = Writer(pg)
        writer.start()
        sluice.run_background()
        names = [f"public.{table}" for table in (*TABLES, "empty")]
        sluice.wait_for(lambda: [states(sluice).get(name) for name in names] == ["live"] * len(names), 120, "all tables to be live")
        writer.stop()
        sluice.caught_up()
        assert_mirrored(pg, sluice, names)
        begun = [line for line in sluice.log().splitlines() if " tables with 2 workers" in line]
        assert len(begun) >= 3, "one snapshot held for all tables"
        assert sluice.log_has("takes longer than copy.max_transaction")
        pins = pg.psql("SELECT count(*) FROM pg_stat_activity WHERE backend_xmin IS NOT NULL AND state LIKE 'idle in transaction%'")
        assert pins == "0", "a snapshot is still held"


def test_a_row_of_half_the_budget_passes_in_copy_and_stream(tmp_path: pathlib.Path) -> None:
    """Twice: as the program was started, and while it follows; then its key changes, so that it is fetched from the lake."""
    row = "INSERT INTO w SELECT {}, string_agg(md5(i::text), '') FROM generate_series(1, 960000) i;"  # 30 MB
    with pipeline(tmp_path, "CREATE TABLE w (id int PRIMARY KEY, v text);" + row.format(1), memory="64MiB") as (pg, sluice):
        sluice.run_background()
        sluice.caught_up()
        assert_mirrored(pg, sluice, ["public.w"])
        pg.psql(row.format(2))
        sluice.caught_up()
        pg.psql("UPDATE w SET id = 3 WHERE id = 1")
        sluice.caught_up()
        assert states(sluice) == {"public.w": "live"}
        assert_mirrored(pg, sluice, ["public.w"])


def test_more_small_tables_than_are_closed_at_once(tmp_path: pathlib.Path) -> None:
    """Small ones are closed beside the next reads; the large ones among them are not."""
    tables = [f"s{i}" for i in range(30)]
    sql = "".join(f"CREATE TABLE {table} (id bigint PRIMARY KEY, v text); "
                  f"INSERT INTO {table} SELECT i, md5(i::text) FROM generate_series(1, {20_000 if i % 10 == 0 else 10 * i}) i;"
                  for i, table in enumerate(tables))
    with pipeline(tmp_path, sql, copy={"workers": 1}, memory="64MiB") as (pg, sluice):
        sluice.ok("run", "--once")
        assert_mirrored(pg, sluice, [f"public.{table}" for table in tables])
