"""kill -9 at every named point of the program, each reached by a scenario of its own; then a restart, and the lake equals the source."""

import dataclasses
import re
import signal
from typing import Any, Callable

import pytest

from mirror.load import TABLES
from refusals.place import DONE, Place

SQL = """CREATE TABLE a (id int PRIMARY KEY, v text); INSERT INTO a SELECT i, 'v' || i FROM generate_series(1, 2000) i;
         CREATE TABLE b (id int PRIMARY KEY, v bytea); INSERT INTO b SELECT i FROM generate_series(1, 100) i;"""
# More keys than an index keeps in memory at the smallest budget.
MANY_KEYS = SQL + "INSERT INTO a SELECT i, 'many' FROM generate_series(2001, 300000) i;"
SMALL_MEMORY = {"memory": "64MiB"}
SHORT_HISTORY = {"all": "0s", "every_minute": "0s", "every_hour": "0s", "every_day": "0s", "max": 3}


def touch(place: Place) -> None:
    place.psql("""UPDATE a SET v = v || '+' WHERE id <= 20; INSERT INTO a SELECT max(id) + 1, 'new' FROM a;
                  DELETE FROM a WHERE id = (SELECT max(id) - 7 FROM a); UPDATE b SET id = -id WHERE id % 10 = 3""")


def commit(place: Place) -> None:
    """A cut of its own in the lake, unless the program ends before."""
    touch(place)
    place.sluice.cli("wait", "--timeout", "20s")


def stream(place: Place) -> None:
    """A transaction that comes in pieces, larger than the spool's memory."""
    place.psql("BEGIN; INSERT INTO a SELECT i, repeat(md5(i::text), 8) FROM generate_series(500001, 530000) i;"
               " DELETE FROM a WHERE id > 500100; COMMIT; DELETE FROM a WHERE id > 500000")


def roll_back(place: Place) -> None:
    place.psql("BEGIN; INSERT INTO a SELECT i, repeat(md5(i::text), 8) FROM generate_series(500001, 530000) i; ROLLBACK")
    touch(place)


def fill_a_segment(place: Place) -> None:
    """More than its 64 MiB, of bytes that do not compress."""
    place.psql("INSERT INTO b SELECT i, decode((SELECT string_agg(md5(random()::text || i || j), '') FROM generate_series(1, 100) j), 'hex')"
               " FROM generate_series(10001, 55000) i; DELETE FROM b WHERE id > 10000")
    place.sluice.cli("wait", "--timeout", "30s")


def pause(place: Place) -> None:
    place.sluice.cli("tables", "pause", "public.a")


def resume(place: Place) -> None:
    place.sluice.run_background()
    place.state("public.a", "paused")
    place.sluice.ok("tables", "resume", "public.a")


def kill_at(place: Place, point: str, lead: Callable[[Place], None]) -> None:
    """Starts the program, leads it there again and again until it has ended, and makes sure that it ended there."""
    before = place.sluice.log().count(" is reached")
    program = place.sluice.run_background(env={"SLUICE_FAULT_POINT": point, "PGOPTIONS": "-c logical_decoding_work_mem=64kB"})

    def ended() -> bool:
        if place.sluice.running() and place.sluice.control_socket.exists():
            lead(place)
        return not place.sluice.running()
    try:
        place.sluice.wait_for(ended, 90, f"{point} to be reached")
    finally:
        if place.sluice.running():
            place.sluice.kill()
    assert program.returncode == -signal.SIGKILL, place.sluice.log_tail()
    reached = re.findall("fault point (.*) is reached", place.sluice.log())
    assert reached[before:] == [point.split(":")[0]], place.sluice.log_tail()


def end_unproved(place: Place) -> None:
    kill_at(place, "bus.cut_synced", touch)


@dataclasses.dataclass
class Scenario:
    """`time`: which passage of the point. `first`: it lies in a pipeline's first start; otherwise a mirror is there."""

    lead: Callable[[Place], None] = touch
    time: int = 1
    first: bool = False
    sql: str = SQL
    config: dict[str, Any] = dataclasses.field(default_factory=dict)
    prepare: Callable[[Place], None] = lambda place: None
    after: Callable[[Place], None] = lambda place: None


SCENARIOS = {
    "start.publication_made": Scenario(first=True),
    "start.ledger_claim_written": Scenario(first=True),
    "start.ledger_claimed": Scenario(first=True),
    "start.slot_made": Scenario(first=True),
    "bus.tail_copied": Scenario(prepare=end_unproved),
    "bus.tail_cut": Scenario(),
    "bus.segment_written": Scenario(fill_a_segment),
    "bus.segment_renamed": Scenario(fill_a_segment),
    "bus.record_appended": Scenario(),
    "bus.cut_written": Scenario(),
    "bus.cut_synced": Scenario(),
    "bus.segment_removed": Scenario(fill_a_segment, config={"bus": {"retention": "1s"}}),
    "capture.cut_durable": Scenario(),
    "capture.cut_confirmed": Scenario(),
    "spool.written": Scenario(stream),
    "spool.adopting": Scenario(stream),
    "spool.adopted": Scenario(stream),
    "spool.aborted": Scenario(roll_back),
    "copy.file_written": Scenario(first=True),
    "copy.table_copied": Scenario(first=True),
    "copy.handed_over": Scenario(first=True),
    "merge.file_written": Scenario(),
    "merge.joined": Scenario(first=True),
    "index.run_written": Scenario(first=True, sql=MANY_KEYS, config=SMALL_MEMORY),
    "index.manifest_written": Scenario(first=True, sql=MANY_KEYS, config=SMALL_MEMORY),
    "commit.prepared": Scenario(),
    # The first passage of these is the ledger's claim.
    "commit.metadata_written": Scenario(time=2),
    "commit.row_swapped": Scenario(time=2),
    "commit.committed": Scenario(time=2),
    "commit.metadata_evicted": Scenario(commit),
    "commit.index_published": Scenario(),
    "commit.expired_removed": Scenario(commit, config={"defaults": {"freshness": "0ms", "snapshots": SHORT_HISTORY}}),
    "table.state_remembered": Scenario(pause, after=resume),
}


@pytest.fixture(scope="module")
def listed(server, tmp_path_factory) -> list[str]:
    with Place(server, tmp_path_factory.mktemp("list"), "list") as place:
        return place.sluice.ok("fault-points").split()


def test_every_point_of_the_program_has_a_scenario(listed) -> None:
    assert listed == list(SCENARIOS)


@pytest.mark.parametrize("point", SCENARIOS)
def test_a_kill_there_loses_and_doubles_nothing(server, tmp_path, point: str) -> None:
    scenario = SCENARIOS[point]
    with Place(server, tmp_path, "p_" + point.replace(".", "_")) as place:
        place.configure(**scenario.config)
        place.psql(scenario.sql)
        if not scenario.first:
            place.follow()
            assert place.sluice.stop() == DONE
            touch(place)
        scenario.prepare(place)
        kill_at(place, f"{point}:{scenario.time}", scenario.lead)
        touch(place)
        scenario.after(place)
        place.goes_on(*TABLES)


def test_a_point_that_does_not_exist_is_refused(server, tmp_path) -> None:
    with Place(server, tmp_path, "none") as place:
        place.psql(SQL)
        place.refuses(2, "there is no fault point bus.nowhere", "fault-points", "run", env={"SLUICE_FAULT_POINT": "bus.nowhere"})
