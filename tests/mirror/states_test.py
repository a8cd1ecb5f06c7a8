"""The life of a table: a changed shape stops it, resync brings it back, pause and resume; the others go on meanwhile."""

import json
import pathlib

import pytest

from harness.readers import read_pyiceberg, source_rows
from mirror.mirrored import assert_mirrored, pipeline, states

SQL = """CREATE TABLE a (id int PRIMARY KEY, v varchar(10)); INSERT INTO a SELECT i, 'v' || i FROM generate_series(1, 1000) i;
         CREATE TABLE b (id int PRIMARY KEY); INSERT INTO b VALUES (1);"""


def table_uuid(sluice, table: str) -> str:
    location = next(one["metadata_location"] for one in sluice.status()["tables"] if one["name"] == table)
    return json.loads(pathlib.Path(location.removeprefix("file://")).read_text())["table-uuid"]


def wait_state(sluice, table: str, state: str) -> None:
    sluice.wait_for(lambda: states(sluice).get(table) == state, 60, f"{table} to be {state}, not {states(sluice)}")


@pytest.mark.parametrize("ddl", ["ADD COLUMN x int DEFAULT 7", "DROP COLUMN v", "RENAME COLUMN v TO w",
                                 "ALTER COLUMN v TYPE int USING 1", "REPLICA IDENTITY FULL"])
def test_a_changed_shape_stops_the_table_until_it_is_copied_again(tmp_path: pathlib.Path, ddl: str) -> None:
    with pipeline(tmp_path, SQL) as (pg, sluice):
        sluice.run_background()
        sluice.caught_up()
        pg.psql("UPDATE a SET v = 'before' WHERE id = 1")
        sluice.caught_up()
        pg.psql(f"ALTER TABLE a {ddl}; INSERT INTO a (id) VALUES (5000); INSERT INTO b VALUES (2)")
        wait_state(sluice, "public.a", "failed")
        failed = next(table for table in sluice.status()["tables"] if table["name"] == "public.a")
        assert "shape" in failed["reason"] and "resync" in failed["hint"], failed
        sluice.wait_for(lambda: states(sluice).get("public.b") == "live", 60)
        assert sluice.cli("wait", "--timeout", "20s").returncode == 1
        # It ends as soon as it sees the failed table; the other one may still be on its way.
        rows = len(source_rows(pg, "b"))
        sluice.wait_for(lambda: len(read_pyiceberg(sluice.catalog_db, "public.b")) == rows, 60, "public.b to arrive")
        assert_mirrored(pg, sluice, ["public.b"])

        sluice.ok("tables", "resync", "public.a")
        wait_state(sluice, "public.a", "live")
        pg.psql("DELETE FROM a WHERE id < 10")
        sluice.caught_up()
        assert_mirrored(pg, sluice, ["public.a", "public.b"])


def test_a_shape_changed_while_the_program_was_down_stops_the_table(tmp_path: pathlib.Path) -> None:
    with pipeline(tmp_path, SQL) as (pg, sluice):
        sluice.ok("run", "--once")
        pg.psql("ALTER TABLE a ADD COLUMN x int DEFAULT 7")
        sluice.run_background()
        wait_state(sluice, "public.a", "failed")
        assert sluice.stop() == 0
        sluice.ok("tables", "resync", "public.a")
        sluice.run_background()
        wait_state(sluice, "public.a", "live")
        sluice.caught_up()
        assert_mirrored(pg, sluice, ["public.a", "public.b"])


def test_a_wider_varchar_and_a_new_index_change_nothing(tmp_path: pathlib.Path) -> None:
    with pipeline(tmp_path, SQL) as (pg, sluice):
        sluice.run_background()
        sluice.caught_up()
        pg.psql("ALTER TABLE a ALTER COLUMN v TYPE varchar(40); CREATE INDEX extra ON a (v); ALTER INDEX extra RENAME TO other;"
                " ANALYZE a; INSERT INTO a VALUES (5000, 'a longer text than before')")
        sluice.caught_up()
        assert set(states(sluice).values()) == {"live"}
        assert_mirrored(pg, sluice, ["public.a", "public.b"])


def test_a_paused_table_waits_and_catches_up(tmp_path: pathlib.Path) -> None:
    with pipeline(tmp_path, SQL) as (pg, sluice):
        sluice.run_background()
        sluice.caught_up()
        sluice.ok("tables", "pause", "public.a")
        pg.psql("DELETE FROM a WHERE id > 500; INSERT INTO b VALUES (3)")
        sluice.caught_up()
        assert states(sluice) == {"public.a": "paused", "public.b": "live"}
        assert_mirrored(pg, sluice, ["public.b"])
        assert sluice.stop() == 0
        sluice.run_background()
        wait_state(sluice, "public.a", "paused")
        sluice.ok("tables", "resume", "public.a")
        wait_state(sluice, "public.a", "live")
        sluice.caught_up()
        assert_mirrored(pg, sluice, ["public.a", "public.b"])


def test_a_live_table_is_copied_again_and_followed(tmp_path: pathlib.Path) -> None:
    with pipeline(tmp_path, SQL) as (pg, sluice):
        sluice.run_background()
        sluice.caught_up()
        for again in range(3):
            pg.psql(f"UPDATE a SET v = 'before' WHERE id = {again + 1}")
            sluice.ok("tables", "resync", "public.a")
            # In the stream's own connection, which has met the table already: while the copy runs and after it.
            for change in range(20):
                pg.psql(f"UPDATE a SET v = 'n{change}' WHERE id % 20 = {change}; DELETE FROM a WHERE id = {900 + again * 20 + change}")
            wait_state(sluice, "public.a", "live")
            pg.psql(f"INSERT INTO a VALUES ({7000 + again}, 'after')")
            sluice.caught_up()
            assert_mirrored(pg, sluice, ["public.a", "public.b"])
            indexes = [path.name for path in (sluice.folder / "state" / "index").iterdir()]
            assert len(indexes) == 2, f"a copy leaves the older index behind: {indexes}"


def test_an_order_to_copy_again_outlives_a_crash(tmp_path: pathlib.Path) -> None:
    with pipeline(tmp_path, SQL) as (pg, sluice):
        sluice.run_background()
        sluice.caught_up()
        before = table_uuid(sluice, "public.a")
        # No new session, so no snapshot to copy from: the copy cannot begin before the crash.
        pg.psql("ALTER DATABASE postgres ALLOW_CONNECTIONS false", "template1")
        sluice.ok("tables", "resync", "public.a")
        sluice.kill()
        pg.psql("ALTER DATABASE postgres ALLOW_CONNECTIONS true", "template1")
        assert states(sluice) == {"public.a": "planned", "public.b": "live"}
        assert table_uuid(sluice, "public.a") == before
        pg.psql("UPDATE a SET v = 'later' WHERE id < 10; INSERT INTO b VALUES (9)")
        sluice.run_background()
        wait_state(sluice, "public.a", "live")
        sluice.caught_up()
        assert table_uuid(sluice, "public.a") != before, "the table was not copied again"
        assert_mirrored(pg, sluice, ["public.a", "public.b"])


def test_a_refused_order_to_copy_again_changes_nothing(tmp_path: pathlib.Path) -> None:
    with pipeline(tmp_path, SQL + "CREATE ROLE mirror LOGIN REPLICATION; GRANT SELECT ON a, b TO mirror;"
                                  " CREATE PUBLICATION sluice_test FOR TABLE a, b WITH (publish_via_partition_root = true);"
                                  " CREATE PUBLICATION sluice_test_append WITH (publish = 'insert, truncate',"
                                  " publish_via_partition_root = true);") as (pg, sluice):
        sluice.write_config(pg.url(user="mirror"), defaults={"freshness": "200ms"})
        sluice.run_background()
        sluice.caught_up()
        pg.psql("ALTER PUBLICATION sluice_test SET TABLE b")
        refused = sluice.cli("tables", "resync", "public.a")
        assert refused.returncode != 0 and "publication" in refused.stderr, refused.stderr
        assert states(sluice) == {"public.a": "live", "public.b": "live"}


def test_a_table_that_was_left_out_for_a_while_is_not_followed_on(tmp_path: pathlib.Path) -> None:
    with pipeline(tmp_path, SQL) as (pg, sluice):
        sluice.run_background()
        sluice.caught_up()
        assert sluice.stop() == 0
        everything = sluice.config_file.read_text()
        sluice.write_config(pg.url(), defaults={"freshness": "200ms"}, tables=[{"exclude": "public.a"}, {"include": "public.*"}])
        sluice.run_background()
        pg.psql("INSERT INTO a VALUES (5000, 'unseen'); INSERT INTO b VALUES (5)")
        sluice.caught_up()
        assert sluice.stop() == 0
        assert states(sluice) == {"public.a": "removed", "public.b": "live"}
        sluice.config_file.write_text(everything)
        sluice.run_background()
        wait_state(sluice, "public.a", "failed")
        sluice.ok("tables", "resync", "public.a")
        wait_state(sluice, "public.a", "live")
        sluice.caught_up()
        assert_mirrored(pg, sluice, ["public.a", "public.b"])


def test_only_what_is_paused_is_resumed(tmp_path: pathlib.Path) -> None:
    """Without a run too: a failed table would be followed on over what it lacks."""
    with pipeline(tmp_path, SQL) as (pg, sluice):
        sluice.run_background()
        sluice.caught_up()
        assert sluice.stop() == 0
        pg.psql("DROP TABLE a; CREATE TABLE a (id int PRIMARY KEY, v varchar(10))")
        sluice.run_background()
        wait_state(sluice, "public.a", "failed")
        assert sluice.stop() == 0
        for order, why in (("resume", "not paused"), ("pause", "not live")):
            refused = sluice.cli("tables", order, "public.a")
            assert refused.returncode == 2 and why in refused.stderr, refused.stderr
        assert states(sluice)["public.a"] == "failed"
        sluice.ok("tables", "pause", "public.b")
        sluice.ok("tables", "resume", "public.b")
