"""No room: the bus, the spool and the warehouse on disks that fill up. Everything waits, says so, and goes on by itself."""

import contextlib
import pathlib
import subprocess

import pytest

from harness.sluice import Sluice
from harness.wait import wait_for
from mirror.mirrored import assert_mirrored, pipeline, states

SQL = "CREATE TABLE a (id bigint PRIMARY KEY, v text); INSERT INTO a SELECT i, 'v' FROM generate_series(1, 1000) i"


@contextlib.contextmanager
def small_disk(folder, size: str):
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "sluice-test", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def elsewhere(sluice: Sluice, **paths: pathlib.Path) -> None:
    """This pipeline has them there, not in its folder."""
    sluice.__class__ = type("Elsewhere", (Sluice,), paths)


def fill(disk, leave: int) -> None:
    """Until only so many bytes are free."""
    stat = subprocess.run(["stat", "-f", "-c", "%a %S", disk], text=True, capture_output=True, check=True).stdout.split()
    free = int(stat[0]) * int(stat[1])
    with (disk / "filler").open("wb") as file:
        file.write(b"\0" * max(free - leave, 0))


def test_the_disk_of_the_bus_is_full(tmp_path) -> None:
    with small_disk(tmp_path / "disk", "200m") as disk, \
            pipeline(tmp_path / "p", SQL, bus={"path": str(disk / "bus")}, settings={"wal_sender_timeout": "5s"}) as (pg, sluice):
        sluice.run_background()
        sluice.caught_up()
        fill(disk, 32 << 20)  # less than the bus keeps in reserve
        pg.psql("INSERT INTO a SELECT i, repeat(md5(i::text), 10) FROM generate_series(2000, 20000) i")
        sluice.wait_for(lambda: sluice.status()["bus"]["full"], 60, "the bus to be full")
        sluice.wait_for(lambda: sluice.log_has("the bus is full, capture pauses: .*disk.*bytes left"), 60)
        # Keepalives go on: the server does not end a stream that it takes for dead, through two of its timeouts.
        sender = "SELECT pid, extract(epoch FROM now() - reply_time) < 9 FROM pg_stat_replication"
        (pid, _) = pg.psql(sender).split("|")
        start = float(pg.psql("SELECT extract(epoch FROM now())"))
        wait_for(lambda: float(pg.psql("SELECT extract(epoch FROM now())")) > start + 11, 30, every=0.5)
        assert pg.psql(sender) == f"{pid}|t", pg.log()[-2000:]
        (disk / "filler").unlink()
        sluice.wait_for(lambda: not sluice.status()["bus"]["full"], 60, "room again")
        sluice.caught_up()
        assert_mirrored(pg, sluice, ["public.a"])


def test_the_disk_of_the_lake_is_full(tmp_path) -> None:
    with small_disk(tmp_path / "disk", "64m") as disk, pipeline(
            tmp_path / "p", SQL, lake={"warehouse": (disk / "lake").as_uri(),
                                       "catalog": {"type": "sql", "uri": f"sqlite:///{disk}/lake/catalog.db", "name": "lake"}}) as (pg, sluice):
        elsewhere(sluice, catalog_db=disk / "lake" / "catalog.db")
        sluice.run_background()
        sluice.caught_up()
        fill(disk, 0)
        pg.psql("UPDATE a SET v = 'second'; INSERT INTO a SELECT i, md5(i::text) FROM generate_series(2000, 9000) i")
        confirmed = pg.psql("SELECT pg_current_wal_insert_lsn()")
        sluice.wait_for(lambda: sluice.log_has("trouble with the lake, trying again: .*No space left"), 60, "the trouble to be said")
        # Postgres does not wait for the lake.
        sluice.wait_for(lambda: pg.psql(f"SELECT confirmed_flush_lsn >= '{confirmed}' FROM pg_replication_slots") == "t", 60)
        (disk / "filler").unlink()
        sluice.caught_up()
        assert states(sluice) == {"public.a": "live"}
        assert_mirrored(pg, sluice, ["public.a"])
        left = sum(path.stat().st_size for path in (disk / "lake").rglob("*") if path.is_file())
        assert left < 4 << 20, "tries that failed leave nothing"


def test_the_disk_of_the_spool_is_full(tmp_path) -> None:
    with small_disk(tmp_path / "disk", "24m") as disk, pipeline(
            tmp_path / "p", SQL, state=str(disk / "state"), settings={"logical_decoding_work_mem": "64kB"}) as (pg, sluice):
        elsewhere(sluice, control_socket=disk / "state" / "control.sock")
        sluice.run_background(env={"PGOPTIONS": "-c logical_decoding_work_mem=64kB"})
        sluice.caught_up()
        fill(disk, 1 << 20)
        with pg.connect(autocommit=False) as open_transaction:
            open_transaction.execute("INSERT INTO a SELECT i, repeat(md5(i::text), 10) FROM generate_series(2000, 60000) i")
            sluice.wait_for(lambda: sluice.log_has("the stream ended .*No space left"), 60, "the trouble to be said")
            (disk / "filler").unlink()
            open_transaction.commit()
        sluice.caught_up()
        assert_mirrored(pg, sluice, ["public.a"])


@pytest.mark.parametrize("limit", ["time", "size"])
def test_a_paused_table_is_given_up_when_the_bus_has_kept_enough(tmp_path, limit: str) -> None:
    bus = {"retention": "1s"} if limit == "time" else {"max_bytes": "160MiB"}
    with pipeline(tmp_path, SQL + "; CREATE TABLE b (id bigint, part int, v text, PRIMARY KEY (id, part))", bus=bus) as (pg, sluice):
        sluice.run_background()
        sluice.caught_up()
        sluice.ok("tables", "pause", "public.a")
        pg.psql("UPDATE a SET v = 'while paused'")
        first = sluice.json("bus", "info")["first_lsn"]
        for part in range(6):  # segments of 64 MiB close one after the other
            # Text that does not compress: hexadecimal digits come down to half.
            pg.psql(f"INSERT INTO b SELECT i, {part}, (SELECT string_agg(md5(random()::text || i || j), '') FROM generate_series(1, 60) j)"
                    " FROM generate_series(1, 30000) i")
            sluice.caught_up()
        sluice.wait_for(lambda: sluice.json("bus", "info")["first_lsn"] != first, 60, "the oldest segment to go")
        # The open segment and those of the last moment: they go one look at the source after the other.
        sluice.wait_for(lambda: sluice.json("bus", "info")["bytes"] < (160 << 20), 60, "the bus to be small again")
        sluice.ok("tables", "resume", "public.a")
        sluice.wait_for(lambda: states(sluice)["public.a"] == "failed", 60, "the table to be given up")
        status = next(one for one in sluice.status()["tables"] if one["name"] == "public.a")
        assert "the bus holds changes from" in status["reason"] and "resync" in status["hint"], status
        assert states(sluice)["public.b"] == "live"
        sluice.ok("tables", "resync", "public.a")
        sluice.wait_for(lambda: states(sluice)["public.a"] == "live", 60)
        sluice.caught_up()
        assert_mirrored(pg, sluice, ["public.a", "public.b"])
