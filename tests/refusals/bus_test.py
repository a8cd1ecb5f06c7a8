"""Folders in other hands, files of another version, a source that went back: refused before anything is applied."""

import pathlib
import re
import shutil

import pytest

from harness.postgres import NOBODY
from harness.sluice import Sluice
from refusals.place import DONE, FAILED, OPERATOR, TABLES

BOTH = ("public.a", "public.b")
START_OVER = "sluice drop --keep-lake.*resync --all.*sluice run"


@pytest.fixture
def stopped(place):
    place.psql(TABLES)
    place.follow()
    place.psql("UPDATE a SET v = 'second' WHERE id < 50")
    place.sluice.caught_up()
    assert place.sluice.stop() == DONE
    return place


def test_a_bus_of_another_source(stopped) -> None:
    stopped.server.create_database("other_source")
    stopped.server.psql(TABLES, "other_source")
    folder = stopped.sluice.folder / "other"
    with Sluice(folder) as other:
        other.write_config(stopped.server.url("other_source"), "other", bus={"path": str(stopped.sluice.folder / "bus")})
        done = other.cli("run", "--once")
        assert done.returncode == OPERATOR and re.search("sluice: .*bus.*source", done.stderr), done.stderr
        assert "what to do: " in done.stderr
    stopped.goes_on(*BOTH)


def test_the_url_names_another_database(stopped) -> None:
    stopped.server.create_database(f"{stopped.name}_two")
    stopped.server.psql(TABLES, f"{stopped.name}_two")
    stopped.sluice.write_config(stopped.server.url(f"{stopped.name}_two"), stopped.name)
    stopped.refuses(OPERATOR, f"segment .*/bus/p0/.* belongs to source .*, not to", "bus folder of its own")
    shutil.rmtree(stopped.sluice.folder / "bus")
    stopped.refuses(OPERATOR, f"was filled from source .*/{stopped.name} .*this is .*/{stopped.name}_two", START_OVER)
    stopped.configure()
    stopped.starts_over(*BOTH)


def test_a_second_run(stopped) -> None:
    stopped.follow()
    stopped.refuses(OPERATOR, rf"already runs here \(process {stopped.sluice.process.pid}, lock .*state/lock\)", "sluice status", "run")
    stopped.refuses(OPERATOR, "already runs here", "sluice status", "drop", "--yes")
    stopped.goes_on(*BOTH)


def segments(place):
    return sorted((place.sluice.folder / "bus" / "p0").glob("*"))


def damage(path, offset: int, value: bytes) -> None:
    content = bytearray(path.read_bytes())
    content[offset:offset + len(value)] = value
    path.write_bytes(bytes(content))


def test_a_bus_of_an_unknown_version(stopped) -> None:
    (segment,) = segments(stopped)
    kept = segment.read_bytes()
    damage(segment, 8, b"\x63\0\0\0")
    stopped.refuses(OPERATOR, f"{segment.name}.*format 99, this version of sluice reads format 1", "version of sluice", "run")
    segment.write_bytes(kept)
    damage(segment, 0, b"ELSEWISE")
    stopped.refuses(FAILED, f"{segment.name}: the segment header has no magic", "keep the file", "run")
    segment.write_bytes(kept)
    stopped.goes_on(*BOTH)


def test_a_damaged_bus(stopped) -> None:
    (segment,) = segments(stopped)
    kept = segment.read_bytes()
    damage(segment, len(kept) // 2, b"\xde\xad\xbe\xef" * 8)
    done = stopped.sluice.cli("run", "--once")
    assert done.returncode in (1, 2) and re.search(f"sluice: .*{segment.name}", done.stderr), done.stderr
    assert "what to do: " in done.stderr and segment.read_bytes()[:64] == kept[:64]
    segment.write_bytes(kept)
    stopped.goes_on(*BOTH)


def test_an_index_of_an_unknown_version_is_made_again(stopped) -> None:
    # Enough keys that some of them leave memory for the disk.
    stopped.psql("INSERT INTO a SELECT i, 'more' FROM generate_series(1000, 1200000) i")
    stopped.follow()
    assert stopped.sluice.stop() == DONE
    manifests = [path for path in (stopped.sluice.folder / "state" / "index").rglob("*") if path.is_file()]
    assert manifests
    for path in manifests:
        damage(path, 0, b"\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f")
    stopped.psql("UPDATE a SET v = 'third' WHERE id BETWEEN 20 AND 80; DELETE FROM a WHERE id > 290")
    stopped.goes_on(*BOTH)


def test_a_state_folder_that_is_gone_or_full_of_rubbish(stopped) -> None:
    state = stopped.sluice.folder / "state"
    shutil.rmtree(state)
    stopped.psql("UPDATE a SET v = 'third' WHERE id BETWEEN 20 AND 80")
    stopped.goes_on(*BOTH)
    assert stopped.sluice.stop() == DONE
    for path in state.rglob("*"):
        if path.is_file():
            path.write_bytes(b"rubbish")
    (state / "spool").mkdir(exist_ok=True)
    (state / "spool" / "stranger").write_text("rubbish")
    stopped.psql("DELETE FROM a WHERE id BETWEEN 20 AND 80")
    stopped.goes_on(*BOTH)


def test_the_bus_is_lost_and_the_lake_had_everything_confirmed(stopped) -> None:
    stopped.configure(source={"confirm_after": "lake"})
    stopped.follow()
    assert stopped.sluice.stop() == DONE
    stopped.psql("UPDATE a SET v = 'third' WHERE id BETWEEN 20 AND 80")
    shutil.rmtree(stopped.sluice.folder / "bus")
    stopped.goes_on(*BOTH)  # the slot still has what the lake lacks


def test_the_bus_is_lost_with_changes_that_only_it_had(stopped) -> None:
    stopped.follow()
    stopped.sluice.ok("tables", "pause", "public.a")
    stopped.psql("UPDATE a SET v = 'third' WHERE id BETWEEN 20 AND 80")
    stopped.psql("INSERT INTO b VALUES (2)")
    stopped.sluice.caught_up()
    assert stopped.sluice.stop() == DONE
    shutil.rmtree(stopped.sluice.folder / "bus")
    stopped.sluice.ok("tables", "resume", "public.a")
    stopped.sluice.run_background()
    stopped.failed("public.a", "no longer holds the changes")
    stopped.sluice.ok("tables", "resync", "--all")
    stopped.goes_on(*BOTH)


def backup(place, folder: pathlib.Path) -> None:
    """A copy of the server's files; the program follows from then on."""
    place.server.stop()
    shutil.copytree(place.server.data, folder, symlinks=True)
    place.server.start()
    place.follow()


def roll_back(place, folder: pathlib.Path) -> None:
    """The server as it was at the backup; the program is down."""
    place.sluice.caught_up()
    assert place.sluice.stop() == DONE
    place.server.stop()
    shutil.rmtree(place.server.data)
    shutil.copytree(folder, place.server.data, symlinks=True)
    for path in [place.server.data, *place.server.data.rglob("*")]:
        shutil.chown(path, NOBODY, NOBODY)
    place.server.start()


def refuses_all_of_it(place, message: str, hint: str) -> None:
    before = heads(place)
    place.refuses(OPERATOR, message, hint)
    assert heads(place) == before, "nothing was applied"
    place.starts_over(*BOTH)


def heads(place) -> list[int]:
    return [table["snapshot_id"] for table in place.sluice.status()["tables"]]


@pytest.mark.parametrize("newer", [False, True])
def test_the_source_was_rolled_back(stopped, tmp_path, newer: bool) -> None:
    """newer: it has written past what was mirrored since, so that positions alone do not tell."""
    backup(stopped, tmp_path / "copy")
    for i in range(20):
        stopped.psql(f"UPDATE a SET v = 'gone {i}' WHERE id < 200")
    roll_back(stopped, tmp_path / "copy")
    if newer:
        for i in range(40):
            stopped.psql(f"UPDATE a SET v = 'another history {i}' WHERE id < 150")
        refuses_all_of_it(stopped, "another history|rolled back", "resync")
    else:
        refuses_all_of_it(stopped, "WAL ends at .* before .* already mirrored: it was rolled back", START_OVER)


def test_the_source_was_rolled_back_over_a_quiet_time(stopped, tmp_path) -> None:
    """Nothing mirrored was committed since the backup, so only what it commits anew can tell; that ends where cuts were closed."""
    backup(stopped, tmp_path / "copy")
    end = stopped.psql("SELECT pg_switch_wal(); SELECT pg_logical_emit_message(true, 'test', 'x'); SELECT pg_switch_wal();"
                       " SELECT pg_current_wal_insert_lsn()").splitlines()[-1]
    roll_back(stopped, tmp_path / "copy")
    stopped.psql("UPDATE a SET v = 'another history' WHERE id < 150")
    assert stopped.psql(f"SELECT pg_current_wal_insert_lsn() < '{end}'::pg_lsn") == "t", "it would be past the last cut"
    stopped.psql("SELECT pg_switch_wal(); SELECT pg_logical_emit_message(true, 'test', 'x'); SELECT pg_switch_wal();"
                 " SELECT pg_logical_emit_message(true, 'test', 'x'); SELECT pg_switch_wal(); SELECT pg_logical_emit_message(true, 'test', 'x')")
    refuses_all_of_it(stopped, "another history", "resync")
