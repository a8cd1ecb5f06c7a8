"""The process stands still, or another takes its place."""

import shutil
import signal
import sqlite3

import pytest

from harness.sluice import Sluice
from mirror.load import TABLES, Load, schema
from refusals.place import DONE, OPERATOR, Place, assert_error


@pytest.fixture
def small(place):
    place.psql(schema(3000, 2000))
    return place


@pytest.mark.parametrize("moment", ["idle", "load"])
def test_stopped_for_longer_than_the_server_waits(small, moment: str) -> None:
    process = small.sluice.run_background(env={"PGOPTIONS": "-c wal_sender_timeout=1s"})
    small.sluice.caught_up()
    load = Load(small.server, 5, 3000, small.name)
    if moment == "load":
        load.start()
        small.sluice.wait_for(lambda: load.transactions > 100)
    gone = small.server.log().count("terminating walsender process due to replication timeout")
    process.send_signal(signal.SIGSTOP)
    try:
        small.psql("UPDATE a SET v = v + 1 WHERE id < 1000; DELETE FROM b WHERE id < 50")
        small.sluice.wait_for(lambda: small.server.log().count("terminating walsender process due to replication timeout") > gone, 60)
    finally:
        process.send_signal(signal.SIGCONT)
    if moment == "load":
        load.stop()
    small.goes_on(*TABLES)
    assert small.sluice.process is process and small.sluice.running()


def another_machine(place: Place) -> Sluice:
    """The configuration, and copies of bus and state, in a folder of their own; the lake is the same."""
    folder = place.sluice.folder.with_name(place.sluice.folder.name + "-other")
    folder.mkdir()
    for name in ("bus", "state"):
        shutil.copytree(place.sluice.folder / name, folder / name, ignore=shutil.ignore_patterns("control.sock"))
    shutil.copy(place.sluice.config_file, folder)
    other = Sluice(folder)
    other.__class__ = type("Other", (Sluice,), {"catalog_db": place.sluice.catalog_db})
    return other


def test_a_copy_of_the_state_on_another_machine_takes_over(small) -> None:
    small.follow()
    small.psql("UPDATE a SET v = v + 1 WHERE id < 1000")
    small.sluice.caught_up()
    with another_machine(small) as other:
        other.run_background()
        # The older one finds the ledger taken at its next commit, and ends before it changes anything.
        other.wait_for(lambda: other.control_socket.exists(), 60)
        small.psql("DELETE FROM b WHERE id < 50")
        assert small.sluice.wait_exit(60) == OPERATOR, small.sluice.log_tail()
        assert_error(small.sluice.log(), "taken over", "only one")
        # Its bus may have confirmed what the other one's lacks: that is said, not passed over.
        outcome = other.wait_for(lambda: "streams" if connected(other) else "says so" if not other.running() else "", 60)
        if outcome == "says so":
            assert_error(other.log(), "beyond .* that we hold", "resync")
            other.ok("tables", "resync", "--all")
            other.run_background()
        other.caught_up()
        small.sluice, first = other, small.sluice
        small.assert_mirrored(*TABLES)
        assert other.stop() == DONE
        small.sluice = first


def connected(sluice: Sluice) -> bool:
    return sluice.running() and sluice.status()["source"].get("connected", False)


def test_the_older_one_commits_nothing_more(small) -> None:
    small.follow()
    process = small.sluice.process
    process.send_signal(signal.SIGSTOP)
    try:
        with another_machine(small) as other:
            small.psql(f"SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = '{small.slot}'")
            other.run_background()
            small.psql("UPDATE a SET v = v + 1 WHERE id < 1000")
            other.caught_up()
            assert other.stop() == DONE
            heads = catalog_rows(small)
            process.send_signal(signal.SIGCONT)
            small.psql("UPDATE a SET v = v + 1 WHERE id < 10")
            assert small.sluice.wait_exit(60) == OPERATOR, small.sluice.log_tail()
            assert catalog_rows(small) == heads, "the older one changed the lake"
            other.run_background()
            other.caught_up()
            small.sluice, first = other, small.sluice
            small.assert_mirrored(*TABLES)
            small.sluice = first
    finally:
        process.kill()


def catalog_rows(place: Place) -> list:
    with sqlite3.connect(f"file:{place.sluice.catalog_db}?mode=ro", uri=True) as catalog:
        return catalog.execute("SELECT * FROM iceberg_tables ORDER BY 1, 2, 3").fetchall()
