"""A source, a running pipeline and the comparison of both, for the tests of this folder."""

import contextlib
import pathlib
import sqlite3
from typing import Any, Iterable, Iterator

from harness import metadata_check
from harness.postgres import ThrowawayPostgres
from harness.readers import assert_readers_agree, load_table, source_rows
from harness.sluice import Sluice


@contextlib.contextmanager
def pipeline(folder: pathlib.Path, sql: str, *, settings: dict[str, str] | None = None,
             **config: Any) -> Iterator[tuple[ThrowawayPostgres, Sluice]]:
    """A server filled by `sql` and a pipeline's folder with its configuration; nothing runs yet."""
    with ThrowawayPostgres(settings) as pg, Sluice(folder) as sluice:
        pg.psql(sql)
        sluice.write_config(pg.url(), **{"defaults": {"freshness": "200ms"}, **config})
        yield pg, sluice


def assert_mirrored(pg: ThrowawayPostgres, sluice: Sluice, tables: Iterable[str], *, spark: bool = False,
                    database: str = "postgres") -> None:
    """Source and lake hold the same rows, by psql's text and by independent readers; the metadata is in order."""
    for table in tables:
        assert_readers_agree(source_rows(pg, table, database=database), sluice.catalog_db, table.replace('"', ""), spark=spark)
    assert_metadata(sluice)


def assert_metadata(sluice: Sluice) -> None:
    """Also while the program commits on: then a file that was listed may be gone a moment later, and what is listed now counts."""
    for _ in range(20):
        before = heads(sluice)
        problems = metadata_check.check_catalog(sluice.catalog_db)
        if not problems or heads(sluice) == before:
            break
    assert not problems, "\n".join(map(str, problems))


def heads(sluice: Sluice) -> list[tuple[str, str, str]]:
    """Every table of the catalog with its metadata file."""
    with contextlib.closing(sqlite3.connect(f"file:{sluice.catalog_db}?mode=ro", uri=True)) as catalog:
        return catalog.execute("SELECT table_namespace, table_name, metadata_location FROM iceberg_tables ORDER BY 1, 2").fetchall()


def unreachable_files(sluice: Sluice, name: str) -> set[str]:
    """Data, delete and manifest files below the table's folder that no retained snapshot names. Its own are all there."""
    table = load_table(sluice.catalog_db, name)
    used = set()
    for snapshot in table.metadata.snapshots:
        used.add(snapshot.manifest_list.removeprefix("file://"))
        for manifest in snapshot.manifests(table.io):
            used.add(manifest.manifest_path.removeprefix("file://"))
            for entry in manifest.fetch_manifest_entry(table.io, discard_deleted=True):
                used.add(entry.data_file.file_path.removeprefix("file://"))
    folder = pathlib.Path(table.location().removeprefix("file://"))
    there = {str(path) for path in folder.rglob("*") if path.suffix in (".parquet", ".avro")}
    assert used <= there
    return there - used


def states(sluice: Sluice) -> dict[str, str]:
    return {table["name"]: table["state"] for table in sluice.status().get("tables", [])}
