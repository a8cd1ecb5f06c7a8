"""Which rows each snapshot of a table added: lake_added.py CATALOG_DB TABLE KEY. A line a snapshot, oldest first: a JSON list of
its sequence number and the keys in the data files that its manifests add. A compaction adds no rows."""

import json
import sys

import pyarrow.parquet as pq
from pyiceberg.manifest import ManifestContent
from pyiceberg.table import Table
from pyiceberg.table.snapshots import Snapshot

from harness.readers import load_table
from lake_metadata import local_path


def added_keys(table: Table, snapshot: Snapshot, key: str) -> list[int]:
    keys: list[int] = []
    for manifest in snapshot.manifests(table.io):
        if manifest.added_snapshot_id == snapshot.snapshot_id and manifest.content == ManifestContent.DATA:
            for entry in manifest.fetch_manifest_entry(table.io):
                if entry.snapshot_id == snapshot.snapshot_id:
                    keys += keys_of(entry.data_file.file_path, key)
    return keys


def keys_of(location: str, key: str) -> list[int]:
    return pq.ParquetFile(local_path(location)).read(columns=[key]).column(key).to_pylist()


def main(catalog_db: str, name: str, key: str) -> None:
    table = load_table(catalog_db, name)
    for snapshot in sorted(table.metadata.snapshots, key=lambda one: one.sequence_number):
        if snapshot.summary.operation.value != "replace":
            print(json.dumps([snapshot.sequence_number, added_keys(table, snapshot, key)]))


if __name__ == "__main__":
    main(*sys.argv[1:])
