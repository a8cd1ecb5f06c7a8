"""A commit that waits for a synchronous standby is in the stream long before anybody sees it: a copy that starts meanwhile
does not see it either, and finds it on the bus however long that takes."""

import contextlib
import pathlib
import shutil
import subprocess
from typing import Iterator

from harness.postgres import BINARIES, ThrowawayPostgres, lsn
from harness.sluice import Sluice
from mirror.mirrored import assert_mirrored, pipeline, states

SQL = """CREATE TABLE a (id int PRIMARY KEY, v text); INSERT INTO a SELECT i, 'v' || i FROM generate_series(1, 1000) i;
         CREATE TABLE b (id int PRIMARY KEY, v text);"""
LOCAL = "SET synchronous_commit = local; "  # does not wait
SEGMENT = 64 << 20  # of the bus


@contextlib.contextmanager
def hidden_commit(pg: ThrowawayPostgres, sluice: Sluice) -> Iterator[None]:
    """A row with id 5000, in the stream, that nobody sees until the end."""
    pg.reload(synchronous_standby_names="nobody")
    hidden = subprocess.Popen([BINARIES / "psql", "-Xqd", pg.url(), "-c", "INSERT INTO a VALUES (5000, 'hidden')"])
    try:
        sluice.wait_for(lambda: pg.psql("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'") == "1", 60, "a hidden commit")
        sluice.caught_up()
        yield
    finally:
        pg.reload(synchronous_standby_names="")
        hidden.wait(60)


def test_a_commit_that_stays_hidden_is_not_lost_to_a_copy(tmp_path: pathlib.Path) -> None:
    with pipeline(tmp_path, SQL, bus={"retention": "1s"}) as (pg, sluice):
        sluice.run_background()
        sluice.caught_up()
        with hidden_commit(pg, sluice):
            # The bus fills some segments, all of them merged and older than it has to keep.
            for i in range(4):
                pg.psql(LOCAL + f"INSERT INTO b SELECT i, repeat(md5(i::text), 1000) FROM generate_series({i * 2100 + 1}, {i * 2100 + 2100}) i")
                sluice.caught_up()
            written = sluice.json("bus", "info")["last_lsn"]
            sluice.wait_for(lambda: lsn(sluice.status()["bus"]["last_lsn"]) >= lsn(written), 60, "the bus to be trimmed as far as it may")
            size = sluice.json("bus", "info")["bytes"]
            assert size > 3 * SEGMENT, "the hidden commit was trimmed, or the test writes too little"
            sluice.ok("tables", "resync", "public.a")
            pg.psql(LOCAL + "UPDATE a SET v = 'seen' WHERE id < 10")
            sluice.wait_for(lambda: states(sluice)["public.a"] == "live", 60, "the new copy to be live")
        sluice.caught_up()
        assert pg.psql("SELECT v FROM a WHERE id = 5000") == "hidden"
        assert_mirrored(pg, sluice, ["public.a", "public.b"])
        # Nothing holds the bus any more.
        sluice.wait_for(lambda: sluice.status()["bus"]["bytes"] < 3 * SEGMENT, 60, "the bus to be trimmed")


def test_a_bus_made_anew_does_not_lose_what_the_slot_does_not_send_again(tmp_path: pathlib.Path) -> None:
    with pipeline(tmp_path, SQL) as (pg, sluice):
        sluice.run_background()
        sluice.caught_up()
        with hidden_commit(pg, sluice):
            confirmed = lsn(sluice.json("bus", "info")["last_lsn"])
            slot = "SELECT confirmed_flush_lsn FROM pg_replication_slots"
            sluice.wait_for(lambda: lsn(pg.psql(slot)) >= confirmed, 60, "the hidden commit to be confirmed")
            assert sluice.stop() == 0
            shutil.rmtree(sluice.folder / "bus")
            sluice.ok("tables", "resync", "--all")
            sluice.run_background()
            sluice.wait_for(lambda: sluice.log_has("may be a commit that waits for a standby"), 60, "the program to wait")
        sluice.caught_up()
        assert pg.psql("SELECT v FROM a WHERE id = 5000") == "hidden"
        assert_mirrored(pg, sluice, ["public.a", "public.b"])
