"""Other programs at the lake, and a lake that cannot be written: the table or the program stops with what to do."""

import os
import pathlib
import shutil
import sqlite3

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyiceberg.catalog.sql import SqlCatalog

from harness.readers import load_table, metadata_location
from harness.wait import wait_for
from refusals.place import DONE, FAILED, OPERATOR, TABLES, Place

BOTH = ("public.a", "public.b")
ROW = pa.table({"id": pa.array([9001], pa.int32()), "v": pa.array(["foreign"])},
               schema=pa.schema([pa.field("id", pa.int32(), nullable=False), pa.field("v", pa.string())]))


def foreign(place: Place, change: str) -> None:
    catalog = SqlCatalog("lake", uri=f"sqlite:///{place.sluice.catalog_db}", init_catalog_tables="false")
    table = catalog.load_table(("public", "a"))
    if change == "append":
        table.append(ROW)
    elif change == "delete":
        table.delete("id = 7")
    elif change == "overwrite":
        table.overwrite(ROW)
    elif change == "drop":
        catalog.drop_table(("public", "a"))


@pytest.fixture
def follower(place):
    place.psql(TABLES)
    place.follow()
    return place


@pytest.mark.parametrize("change", ["append", "delete", "overwrite", "drop"])
def test_another_program_changes_a_lake_table_while_running(follower, change: str) -> None:
    foreign(follower, change)
    follower.psql("UPDATE a SET v = 'mine' WHERE id < 20; INSERT INTO b VALUES (2)")
    follower.failed("public.a", "dropped by another program" if change == "drop" else "another program changed the lake table")
    follower.state("public.b", "live")
    assert follower.sluice.cli("wait", "--timeout", "20s").returncode == FAILED
    follower.arrives("public.b")
    follower.sluice.ok("tables", "resync", "public.a")
    follower.goes_on(*BOTH)


@pytest.mark.parametrize("change", ["append", "delete"])
def test_another_program_changed_a_lake_table_while_down(follower, change: str) -> None:
    assert follower.sluice.stop() == DONE
    foreign(follower, change)
    follower.psql("UPDATE a SET v = 'mine' WHERE id < 20; INSERT INTO b VALUES (2)")
    follower.sluice.run_background()
    follower.failed("public.a", f"another program changed the lake table .*operation {change}|overwrite")
    follower.state("public.b", "live")
    follower.sluice.ok("tables", "resync", "public.a")
    follower.goes_on(*BOTH)


def test_a_table_dropped_from_the_lake_while_down_is_copied_again(follower) -> None:
    assert follower.sluice.stop() == DONE
    foreign(follower, "drop")
    follower.psql("DELETE FROM a WHERE id < 20")
    follower.goes_on(*BOTH)


def test_a_lake_table_of_the_name_that_is_not_ours(place) -> None:
    place.psql(TABLES)
    (place.sluice.folder / "lake").mkdir()
    catalog = SqlCatalog("lake", uri=f"sqlite:///{place.sluice.catalog_db}", warehouse=f"file://{place.sluice.folder}/lake")
    catalog.create_namespace("public")
    theirs = catalog.create_table(("public", "a"), ROW.schema)
    theirs.append(ROW)
    place.sluice.run_background()
    place.failed("public.a", "this pipeline did not write", "drop or rename it, or exclude")
    place.state("public.b", "live")
    assert catalog.load_table(("public", "a")).scan().to_arrow().num_rows == 1
    assert place.sluice.stop() == DONE
    place.configure(tables=[{"exclude": "public.a"}, {"include": "public.*"}])
    place.follow()
    place.assert_rows("public.b")


def test_a_catalog_of_another_pipeline(follower) -> None:
    assert follower.sluice.stop() == DONE
    follower.sluice.write_config(follower.server.url(follower.name), "somebody_else",
                                 bus={"path": "./bus2"}, state="./state2")
    follower.refuses(OPERATOR, f"belongs to pipeline {follower.name}, this is somebody_else", "lake: catalog:")
    assert follower.psql("SELECT count(*) FROM pg_replication_slots WHERE slot_name = 'sluice_somebody_else'") == "0"
    follower.configure()
    follower.goes_on(*BOTH)


def lock(place: Place) -> sqlite3.Connection:
    held = sqlite3.connect(place.sluice.catalog_db, isolation_level=None, check_same_thread=False)
    held.execute("BEGIN EXCLUSIVE")
    return held


def files(place: Place) -> int:
    return sum(1 for path in (place.sluice.folder / "lake").rglob("*.parquet") if path.is_file())


def test_a_locked_catalog_is_waited_for(follower) -> None:
    before = files(follower)
    held = lock(follower)
    follower.psql("UPDATE a SET v = 'later' WHERE id < 100")
    follower.sluice.wait_for(lambda: len(follower.sluice.log().split("somebody holds the catalog's lock")) > 3, 60,
                             "the trouble to be said")
    assert follower.sluice.status()["source"]["connected"]
    held.close()
    follower.goes_on(*BOTH)
    # A commit or two leave three each (rows, deletes, ledger); so would each of the three tries that failed.
    assert files(follower) <= before + 8, "tries that failed leave no files"


def test_a_locked_catalog_at_the_start(follower) -> None:
    assert follower.sluice.stop() == DONE
    held = lock(follower)
    follower.refuses(FAILED, "catalog.db: somebody holds the catalog's lock", "fuser", "run")
    follower.refuses(FAILED, "somebody holds the catalog's lock", "fuser", "status")
    held.close()
    follower.goes_on(*BOTH)


def test_a_catalog_that_is_none(follower) -> None:
    assert follower.sluice.stop() == DONE
    kept = follower.sluice.catalog_db.with_suffix(".kept")
    shutil.move(follower.sluice.catalog_db, kept)
    follower.sluice.catalog_db.write_text("this is no database, but long enough to be looked at " * 30)
    follower.refuses(OPERATOR, "catalog.db: the file is not a SQLite database", "lake.catalog.uri", "run")
    follower.sluice.catalog_db.unlink()
    sqlite3.connect(follower.sluice.catalog_db).execute("CREATE TABLE iceberg_tables (other text)")
    follower.refuses(OPERATOR, "not an Iceberg catalog", "lake.catalog.uri", "run")
    shutil.move(kept, follower.sluice.catalog_db)
    follower.goes_on(*BOTH)


def metadata_file(place: Place) -> pathlib.Path:
    return pathlib.Path(metadata_location(place.sluice.catalog_db, "public.a").removeprefix("file://"))


def manifest_list(place: Place) -> pathlib.Path:
    return pathlib.Path(load_table(place.sluice.catalog_db, "public.a").current_snapshot().manifest_list.removeprefix("file://"))


def fails_until_it_is_whole(place: Place, damaged: pathlib.Path, whole: bytes) -> None:
    place.failed("public.a", damaged.name, "restore|resync")
    place.arrives("public.b")
    damaged.write_bytes(whole)
    assert place.sluice.stop() == DONE
    place.goes_on(*BOTH)


def test_metadata_that_cannot_be_read_at_the_start_stops_that_table_only(follower) -> None:
    assert follower.sluice.stop() == DONE
    damaged = metadata_file(follower)
    whole = damaged.read_bytes()
    damaged.write_bytes(whole[:len(whole) // 2])
    follower.psql("UPDATE a SET v = 'mine' WHERE id < 20; INSERT INTO b VALUES (2)")
    follower.sluice.run_background()
    fails_until_it_is_whole(follower, damaged, whole)


def test_metadata_damaged_while_running_is_whole_again_with_the_next_commit(follower) -> None:
    damaged = metadata_file(follower)
    whole = damaged.read_bytes()
    damaged.write_bytes(whole[:100])
    follower.psql("UPDATE a SET v = 'mine' WHERE id < 20; INSERT INTO b VALUES (2)")
    follower.sluice.wait_for(lambda: metadata_file(follower) != damaged, 30, "the next commit")
    follower.arrives("public.a")
    follower.arrives("public.b")
    damaged.write_bytes(whole)  # the log of what was current before still names it
    follower.goes_on(*BOTH)


@pytest.mark.parametrize("damage", ["gone", "other bytes"])
def test_a_manifest_list_that_cannot_be_read_stops_that_table_only(follower, damage: str) -> None:
    assert follower.sluice.stop() == DONE
    damaged = manifest_list(follower)
    whole = damaged.read_bytes()
    if damage == "gone":
        damaged.unlink()
    else:
        damaged.write_bytes(b"Obj\x01" + bytes(len(whole)))
    follower.psql("UPDATE a SET v = 'mine' WHERE id < 20; INSERT INTO b VALUES (2)")
    follower.sluice.run_background()
    fails_until_it_is_whole(follower, damaged, whole)


def test_a_data_file_that_is_gone_stops_that_table_only(follower) -> None:
    follower.psql("ALTER TABLE a ADD COLUMN wide text; ALTER TABLE a ALTER wide SET STORAGE EXTERNAL; UPDATE a SET wide = repeat(v, 4000)")
    follower.sluice.ok("tables", "resync", "public.a")
    follower.goes_on(*BOTH)
    for path in (follower.sluice.folder / "lake" / "public").glob("a*/data/*.parquet"):
        path.unlink()
    follower.psql("UPDATE a SET v = 'its wide value is in a file that is gone' WHERE id = 3; INSERT INTO b VALUES (2)")
    follower.failed("public.a", "parquet", "resync")
    follower.arrives("public.b")
    follower.sluice.ok("tables", "resync", "public.a")
    follower.goes_on(*BOTH)


def verified(path: pathlib.Path) -> pq.ParquetFile:
    return pq.ParquetFile(path, page_checksum_verification=True)


def flip_last_bit_of(column: str, path: pathlib.Path) -> bool:
    """Of the column's last page. False: the file has no such column."""
    chunks = verified(path).metadata.row_group(0)
    for i in range(chunks.num_columns):
        chunk = chunks.column(i)
        if chunk.path_in_schema != column:
            continue
        first = chunk.dictionary_page_offset or chunk.data_page_offset
        content = bytearray(path.read_bytes())
        content[first + chunk.total_compressed_size - 1] ^= 1
        path.write_bytes(content)
        return True
    return False


def test_a_bit_that_flipped_in_a_data_file_stops_that_table_only(follower) -> None:
    follower.psql("ALTER TABLE a ADD COLUMN wide text; ALTER TABLE a ALTER wide SET STORAGE EXTERNAL; UPDATE a SET wide = repeat(v, 4000)")
    follower.sluice.ok("tables", "resync", "public.a")
    follower.goes_on(*BOTH)
    follower.psql("UPDATE a SET v = 'its wide value is read from the lake' WHERE id = 3; DELETE FROM a WHERE id = 4")
    follower.goes_on(*BOTH)
    files = list((follower.sluice.folder / "lake").rglob("*.parquet"))
    assert len(files) >= 5, "data, deletes and ledger"
    for path in files:
        verified(path).read()
    damaged = [path for path in files if flip_last_bit_of("wide", path)]
    assert damaged
    for path in damaged:
        with pytest.raises(OSError, match="CRC"):
            verified(path).read()
    follower.psql("UPDATE a SET v = 'and so are all of these' WHERE id > 100; INSERT INTO b VALUES (2)")
    follower.failed("public.a", "|".join(path.name for path in damaged), "resync")
    follower.arrives("public.b")
    follower.sluice.ok("tables", "resync", "public.a")
    follower.goes_on(*BOTH)


def obeying_modes(place: Place) -> None:
    """Root ignores modes: the program runs without that privilege."""
    if os.geteuid() != 0:
        return
    program = place.sluice.folder / "obeying_modes"
    program.write_text(f'#!/bin/sh\nexec setpriv --bounding-set=-dac_override,-dac_read_search --inh-caps=-all {place.sluice.binary} "$@"\n')
    program.chmod(0o755)
    place.sluice.binary = program


def test_a_warehouse_that_cannot_be_written(place) -> None:
    place.psql(TABLES)
    obeying_modes(place)
    lake = place.sluice.folder / "lake"
    lake.mkdir(mode=0o555)
    place.refuses(OPERATOR, "lake.*[Pp]ermission denied|cannot be opened for writing", "right to (write|make)")
    lake.chmod(0o755)
    place.follow()
    place.assert_mirrored(*BOTH)

    for folder in (lake / "public", lake / "public" / "a", lake / "public" / "a" / "data"):
        folder.chmod(0o555)
    place.psql("UPDATE a SET v = 'no place' WHERE id < 10")
    place.ends(OPERATOR, "lake/public/a/.*[Pp]ermission denied", "right to write")
    for folder in (lake / "public", lake / "public" / "a", lake / "public" / "a" / "data"):
        folder.chmod(0o755)
    place.goes_on(*BOTH)


@pytest.mark.parametrize("folder", ["bus", "state"])
def test_a_folder_that_cannot_be_written(place, folder: str) -> None:
    place.psql(TABLES)
    obeying_modes(place)
    (place.sluice.folder / folder).mkdir(mode=0o555)
    place.refuses(OPERATOR, f"{folder}.*[Pp]ermission denied", "write")
    (place.sluice.folder / folder).chmod(0o755)
    place.goes_on(*BOTH)
    wait_for(lambda: place.sluice.stop() == DONE, 60)
