"""The server goes while the program cannot take what it sends: it is not held up, and nothing is lost.

A fast shutdown waits until we confirm everything that was sent; pg_ctl gives up after two minutes, and the test with it.
"""

import sqlite3

import pytest

from mirror.load import TABLES, schema
from mirror.mirrored import assert_mirrored, pipeline, states
from mirror.room_test import fill, small_disk


@pytest.mark.parametrize("mode", ["immediate", "fast"])
def test_the_server_goes_while_the_bus_is_full(tmp_path, mode: str) -> None:
    with small_disk(tmp_path / "disk", "200m") as disk, \
            pipeline(tmp_path / "p", schema(3000, 2000), bus={"path": str(disk / "bus")}) as (pg, sluice):
        sluice.run_background()
        sluice.caught_up()
        fill(disk, 32 << 20)  # less than the bus keeps in reserve
        pg.psql("UPDATE a SET t = repeat(md5(t), 10)")
        sluice.wait_for(lambda: sluice.status()["bus"]["full"], 60, "the bus to be full")
        pg.psql("DELETE FROM b WHERE id < 100; UPDATE a SET v = v + 1")
        pg.stop(mode)
        pg.start()
        pg.psql("DELETE FROM b WHERE id < 200")
        (disk / "filler").unlink()
        sluice.caught_up()
        assert_mirrored(pg, sluice, TABLES)
        assert set(states(sluice).values()) == {"live"}


def test_a_fast_shutdown_while_the_lake_is_away_and_decides(tmp_path) -> None:
    """confirm_after: lake, and somebody holds the catalog's lock: nothing can be confirmed."""
    with pipeline(tmp_path, schema(3000, 2000)) as (pg, sluice):
        sluice.write_config(pg.url(), defaults={"freshness": "200ms"}, source={"url": pg.url(), "confirm_after": "lake"})
        sluice.run_background()
        sluice.caught_up()
        held = sqlite3.connect(sluice.catalog_db, isolation_level=None)
        held.execute("BEGIN EXCLUSIVE")
        pg.psql("UPDATE a SET v = v + 1")
        sluice.wait_for(lambda: sluice.log_has("somebody holds the catalog's lock"), 60)
        pg.stop("fast")
        held.close()
        pg.start()
        sluice.caught_up()
        assert_mirrored(pg, sluice, TABLES)


@pytest.mark.parametrize("work", ["idle", "behind it"])
def test_a_fast_shutdown_is_not_held_up(tmp_path, work: str) -> None:
    with pipeline(tmp_path, schema(3000, 2000)) as (pg, sluice):
        sluice.run_background()
        sluice.caught_up()
        if work != "idle":
            pg.psql("UPDATE a SET v = v + 1; DELETE FROM b WHERE id < 100")
        pg.stop("fast")
        pg.start()
        sluice.caught_up()
        assert_mirrored(pg, sluice, TABLES)
