"""The server removes WAL that the slot still needs (max_slot_wal_keep_size): said once, and nothing is damaged."""

import signal

import pytest

from refusals.place import OPERATOR, TABLES

SERVER = {"max_slot_wal_keep_size": "1MB", "min_wal_size": "32MB", "max_wal_size": "32MB", "wal_keep_size": "0"}
BOTH = ("public.a", "public.b")
WAY_OUT = "sluice drop --keep-lake.*resync --all.*sluice run"


def lose_the_slot(place) -> None:
    """Fills WAL segments and lets checkpoints remove them until the server gives the slot up."""
    for _ in range(60):
        place.psql("SELECT pg_logical_emit_message(false, 'filler', repeat('x', 4000000)) FROM generate_series(1, 5);"
                   " SELECT pg_switch_wal(); CHECKPOINT")
        if place.psql(f"SELECT wal_status FROM pg_replication_slots WHERE slot_name = '{place.slot}'") == "lost":
            return
    raise AssertionError("the server keeps the slot")


@pytest.fixture
def lost(place):
    place.psql(TABLES)
    place.follow()
    assert place.sluice.stop() == 0
    place.psql("INSERT INTO a VALUES (1001, 'x'); DELETE FROM a WHERE id < 50; INSERT INTO b VALUES (2)")
    lose_the_slot(place)
    return place


def test_a_slot_lost_while_down_is_refused_and_the_lake_stays(lost) -> None:
    before = lost.sluice.status()["tables"]
    lost.refuses(OPERATOR, f"slot {lost.slot} is lost.*max_slot_wal_keep_size", WAY_OUT)
    lost.refuses(OPERATOR, f"slot {lost.slot} is lost", WAY_OUT)
    assert lost.sluice.status()["tables"] == before
    lost.starts_over(*BOTH)


def test_a_slot_lost_while_the_program_is_held_up_ends_it(place) -> None:
    place.psql(TABLES)
    place.follow()
    place.server.reload(wal_sender_timeout="1s")
    stopped = place.sluice.process
    stopped.send_signal(signal.SIGSTOP)  # SIGSTOP: it confirms nothing
    try:
        lose_the_slot(place)
    finally:
        stopped.send_signal(signal.SIGCONT)
    place.ends(OPERATOR, f"slot {place.slot} is lost.*max_slot_wal_keep_size", WAY_OUT)
    place.refuses(OPERATOR, f"slot {place.slot} is lost", WAY_OUT)
    place.psql("INSERT INTO a VALUES (1001, 'x'); DELETE FROM a WHERE id < 50")
    place.starts_over(*BOTH)
