"""What waits for a minute and then says so: an order while the lake answers nobody, a copy behind somebody's lock."""

import contextlib
import sqlite3

from mirror.mirrored import assert_mirrored, pipeline, states

SQL = """CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a SELECT generate_series(1, 1000);
         CREATE TABLE b (id int PRIMARY KEY); INSERT INTO b SELECT generate_series(1, 1000);"""


def test_an_order_that_cannot_be_carried_out_now_stays_queued(tmp_path) -> None:
    with pipeline(tmp_path, SQL) as (pg, sluice):
        sluice.run_background()
        sluice.caught_up()
        with contextlib.closing(sqlite3.connect(sluice.catalog_db, isolation_level=None)) as catalog:
            catalog.execute("BEGIN EXCLUSIVE")
            pg.psql("INSERT INTO a VALUES (5000)")
            sluice.wait_for(lambda: sluice.log_has("locked"), 60, "the commit to meet the lock")
            refused = sluice.cli("tables", "pause", "public.b")
            assert refused.returncode != 0 and "the order stays queued" in refused.stderr, refused.stderr
            assert states(sluice)["public.b"] == "live"
            catalog.execute("ROLLBACK")
        sluice.wait_for(lambda: states(sluice)["public.b"] == "paused", 60, "the order to be carried out")
        sluice.caught_up()
        assert_mirrored(pg, sluice, ["public.a"])


def test_a_locked_table_is_copied_when_it_is_free(tmp_path) -> None:
    with pipeline(tmp_path, SQL) as (pg, sluice):
        with pg.connect(autocommit=False) as session:
            session.execute("LOCK TABLE b IN ACCESS EXCLUSIVE MODE")
            sluice.run_background()
            sluice.wait_for(lambda: sluice.log_has("lock timeout"), 120, "the copy to give the lock up")
            assert states(sluice)["public.b"] != "live"
        sluice.wait_for(lambda: states(sluice) == {"public.a": "live", "public.b": "live"}, 120, "both tables to be live")
        sluice.caught_up()
        assert_mirrored(pg, sluice, ["public.a", "public.b"])
