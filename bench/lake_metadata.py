"""A lake table's metadata file, without the readers' libraries: what run.py imports counts as its children's least memory
(measure.py), so the libraries stay in processes of their own."""

import contextlib
import json
import pathlib
import sqlite3
import urllib.parse


def read_metadata(catalog_db: pathlib.Path, table: str) -> dict:
    """Of a table of the namespace public."""
    with contextlib.closing(sqlite3.connect(f"file:{catalog_db}?mode=ro", uri=True, timeout=60)) as catalog:
        return load(location(catalog, table))


def location(catalog: sqlite3.Connection, table: str) -> str:
    found = catalog.execute("SELECT metadata_location FROM iceberg_tables WHERE table_namespace = 'public' AND table_name = ?",
                            (table,)).fetchone()
    assert found, f"no table public.{table} in the lake"
    return found[0]


def local_path(file_location: str) -> pathlib.Path:
    return pathlib.Path(urllib.parse.unquote(urllib.parse.urlparse(file_location).path))


def load(metadata_location: str) -> dict:
    return json.loads(local_path(metadata_location).read_text())


def current_summary(catalog_db: pathlib.Path, table: str) -> dict[str, str]:
    metadata = read_metadata(catalog_db, table)
    return next(one["summary"] for one in metadata["snapshots"] if one["snapshot-id"] == metadata["current-snapshot-id"])
