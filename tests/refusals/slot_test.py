"""Slot and publication in other hands: nothing is lost silently, and the hint leads out."""

import shutil

import pytest

from refusals.place import DONE, FAILED, OPERATOR, TABLES

CHANGE = "INSERT INTO a VALUES (1001, 'x'); DELETE FROM a WHERE id < 50; INSERT INTO b VALUES (2)"
BOTH = ("public.a", "public.b")


@pytest.fixture
def follower(place):
    place.psql(TABLES)
    place.follow()
    return place


@pytest.fixture
def stopped(follower):
    assert follower.sluice.stop() == DONE
    return follower


def test_the_slot_is_dropped_while_running(follower) -> None:
    follower.drop_slot()
    follower.ends(OPERATOR, f"slot {follower.slot} was dropped", "resync")
    follower.psql(CHANGE)
    follower.refuses(OPERATOR, f"slot {follower.slot} is gone", "sluice drop --keep-lake.*resync --all.*sluice run")
    follower.starts_over(*BOTH)


def test_the_slot_is_dropped_while_down(stopped) -> None:
    stopped.drop_slot()
    stopped.psql(CHANGE)
    stopped.refuses(OPERATOR, f"slot {stopped.slot} is gone", "sluice drop --keep-lake.*resync --all.*sluice run")
    stopped.starts_over(*BOTH)


def test_the_slot_is_dropped_and_made_again(stopped) -> None:
    stopped.drop_slot()
    stopped.psql(CHANGE)
    stopped.psql(f"SELECT pg_create_logical_replication_slot('{stopped.slot}', 'pgoutput')")
    stopped.sluice.run_background()
    for table in BOTH:
        stopped.failed(table, "no longer holds the changes")
    assert stopped.sluice.cli("wait").returncode == FAILED
    stopped.sluice.ok("tables", "resync", "--all")
    stopped.goes_on(*BOTH)


def test_the_slot_was_moved_on(stopped) -> None:
    stopped.psql(CHANGE)
    stopped.psql(f"SELECT pg_replication_slot_advance('{stopped.slot}', pg_current_wal_lsn())")
    stopped.sluice.run_background()
    for table in BOTH:
        stopped.failed(table, "no longer holds the changes")
    stopped.sluice.ok("tables", "resync", "--all")
    stopped.goes_on(*BOTH)


def test_the_slot_belongs_to_another_plugin_or_database(place) -> None:
    place.psql(TABLES + f"SELECT pg_create_logical_replication_slot('{place.slot}', 'test_decoding')")
    place.refuses(OPERATOR, f"slot {place.slot} is not ours: another plugin", "source: slot:")
    place.drop_slot()
    place.server.psql(f"SELECT pg_create_logical_replication_slot('{place.slot}', 'pgoutput')")
    place.refuses(OPERATOR, f"slot {place.slot} is not ours: another database", "source: slot:")
    place.configure(source={"slot": "another_name"})
    place.sluice.ok("run", "--once")
    place.assert_mirrored(*BOTH)
    place.psql("SELECT pg_drop_replication_slot('another_name')")


def test_somebody_else_reads_the_slot(stopped) -> None:
    other = stopped.sluice.folder / "other"
    shutil.copytree(stopped.sluice.folder, other, ignore=shutil.ignore_patterns("control.sock"))
    stopped.sluice.run_background()
    stopped.sluice.caught_up()
    reader = type(stopped.sluice)(other)
    (other / "sluice.yaml").write_text((other / "sluice.yaml").read_text().replace(
        str(stopped.sluice.folder), str(other)))
    with reader:  # a second machine with a copy of everything
        reader.run_background()
        problem = reader.wait_for(lambda: reader.control_socket.exists() and reader.status()["source"]["problem"], 60)
        assert f'slot "{stopped.slot}" is active' in problem
        assert reader.stop() == DONE
    stopped.psql(CHANGE)
    stopped.goes_on(*BOTH)


def test_the_publication_is_dropped_while_running(follower) -> None:
    follower.psql(f"DROP PUBLICATION {follower.slot}")
    follower.psql(CHANGE)
    follower.ends(OPERATOR, f'publication "{follower.slot}" does not exist', "resync")
    follower.refuses(OPERATOR, f"publication {follower.slot}", "sluice drop --keep-lake.*resync --all.*sluice run")
    follower.starts_over(*BOTH)


def test_the_publication_is_dropped_while_down(stopped) -> None:
    stopped.psql(f"DROP PUBLICATION {stopped.slot}")
    stopped.psql(CHANGE)
    stopped.refuses(OPERATOR, f"publication {stopped.slot}", "sluice drop --keep-lake.*resync --all.*sluice run")
    stopped.starts_over(*BOTH)


def test_the_publication_is_dropped_and_made_again_while_down(stopped) -> None:
    stopped.psql(f"DROP PUBLICATION {stopped.slot}")
    stopped.psql(CHANGE)
    stopped.psql(f"CREATE PUBLICATION {stopped.slot} FOR TABLE a, b WITH (publish_via_partition_root = true)")
    stopped.refuses(OPERATOR, f'publication "{stopped.slot}" does not exist', "sluice drop --keep-lake.*resync --all.*sluice run")
    stopped.starts_over(*BOTH)


@pytest.mark.parametrize("change", ["DROP TABLE a", "SET TABLE a WHERE (id < 100), b"])
def test_a_table_leaves_the_publication_while_down(stopped, change: str) -> None:
    stopped.psql(f"ALTER PUBLICATION {stopped.slot} {change}")
    stopped.psql(CHANGE)
    if "WHERE" in change:
        stopped.refuses(OPERATOR, "row filter or column list", "ALTER PUBLICATION", "run")
        stopped.psql(f"ALTER PUBLICATION {stopped.slot} SET TABLE a, b")
    stopped.sluice.run_background()
    stopped.failed("public.a", "publication")
    stopped.state("public.b", "live")
    stopped.sluice.ok("tables", "resync", "public.a")
    stopped.goes_on(*BOTH)


def test_a_publication_stops_sending_deletes_while_down(stopped) -> None:
    stopped.psql(f"ALTER PUBLICATION {stopped.slot} SET (publish = 'insert, update')")
    stopped.psql(CHANGE)
    stopped.sluice.run_background()
    for table in BOTH:
        stopped.failed(table, "publication .* did not publish all")
    stopped.sluice.ok("tables", "resync", "--all")
    stopped.goes_on(*BOTH)


def test_a_table_is_dropped_and_made_again_while_down(stopped) -> None:
    stopped.psql("DROP TABLE a; CREATE TABLE a (id int PRIMARY KEY, v text); INSERT INTO a VALUES (5, 'other')")
    stopped.sluice.run_background()
    stopped.failed("public.a", "dropped and made again")
    stopped.state("public.b", "live")
    stopped.sluice.ok("tables", "resync", "public.a")
    stopped.goes_on(*BOTH)
