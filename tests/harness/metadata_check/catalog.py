"""From the catalog's rows to every file of every retained snapshot."""

import json
import pathlib
import re
import sqlite3
from typing import Any

from harness.metadata_check.data_files import DataFileChecks
from harness.metadata_check.delete_files import DeleteFileChecks
from harness.metadata_check.findings import Findings
from harness.metadata_check.history import check_change, check_parents, check_summary
from harness.metadata_check.manifests import DATA, ManifestChecks, SnapshotFiles
from harness.metadata_check.storage import Storage, local_path
from harness.metadata_check.table_json import check_table_json, is_file_uri

METADATA_NAME = re.compile(r"(\d{5,})-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.metadata\.json")


def assert_catalog_valid(catalog_db: pathlib.Path | str, catalog_name: str = "lake", *, read_data: bool = True) -> None:
    findings = check_catalog(catalog_db, catalog_name, read_data=read_data)
    assert not findings, f"{len(findings)} findings in {catalog_db}:\n" + "\n".join(findings[:40])


def check_catalog(catalog_db: pathlib.Path | str, catalog_name: str = "lake", *, read_data: bool = True) -> list[str]:
    """What is wrong, a line each. read_data: also compares statistics and bounds with the rows of every data file."""
    findings = Findings()
    with sqlite3.connect(f"file:{catalog_db}?mode=ro", uri=True) as connection:
        rows = _table_rows(connection, catalog_name)
        namespaces = {row[0] for row in connection.execute(
            "SELECT namespace FROM iceberg_namespace_properties WHERE catalog_name=?", (catalog_name,))}
    findings.expect(rows, f"no tables under the catalog name {catalog_name!r}")
    for namespace, name, location, previous, kind in rows:
        with findings.at(f"{namespace}.{name}"):
            findings.expect(namespace in namespaces, "its namespace has no row")
            findings.expect(kind in (None, "TABLE"), f"iceberg_type {kind!r}")
            check_table(location, previous, findings, read_data)
    return findings.lines


def check_table(location: str, previous: str | None, findings: Findings, read_data: bool) -> None:
    metadata = read_metadata(location)
    with findings.at("metadata"):
        check_table_json(metadata, findings)
        _check_metadata_files(location, previous, metadata, findings)
        older, complete = _older_versions(metadata)
        check_parents(metadata, older, complete, findings)
    _check_snapshots(metadata, findings, read_data)


def read_metadata(location: str) -> dict[str, Any]:
    return json.loads(local_path(location).read_text())


def referenced_files(catalog_db: pathlib.Path | str, catalog_name: str = "lake") -> set[pathlib.Path]:
    """Every file that some retained snapshot, or the metadata log, of some table needs: all others are orphans."""
    storage, paths = Storage(), set()
    with sqlite3.connect(f"file:{catalog_db}?mode=ro", uri=True) as connection:
        rows = _table_rows(connection, catalog_name)
    for _, _, location, _, _ in rows:
        metadata = read_metadata(location)
        paths |= {location, *(entry["metadata-file"] for entry in metadata.get("metadata-log", []))}
        paths |= {entry["statistics-path"] for entry in metadata.get("statistics", [])}
        for snapshot in metadata.get("snapshots", []):
            manifests = {row["manifest_path"] for row in storage.avro(snapshot["manifest-list"]).records}
            paths |= {snapshot["manifest-list"], *manifests}
            paths |= {entry["data_file"]["file_path"] for manifest in manifests
                      for entry in storage.avro(manifest).records if entry["status"] != 2}
    return {local_path(path) for path in paths}


def _table_rows(connection: sqlite3.Connection, catalog_name: str) -> list[tuple]:
    return connection.execute(
        "SELECT table_namespace, table_name, metadata_location, previous_metadata_location, iceberg_type FROM iceberg_tables "
        "WHERE catalog_name=? ORDER BY 1, 2", (catalog_name,)).fetchall()


def _replaced(previous: str | None, metadata: dict[str, Any]) -> bool:
    """The catalog's entry went from another table to this one, whose log begins with itself."""
    return previous is not None and not metadata.get("metadata-log") and read_metadata(previous)["table-uuid"] != metadata["table-uuid"]


def _check_metadata_files(location: str, previous: str | None, metadata: dict[str, Any], findings: Findings) -> None:
    log = [entry["metadata-file"] for entry in metadata.get("metadata-log", [])]
    if not _replaced(previous, metadata):
        findings.equal(log[-1] if log else None, previous, "the newest entry of metadata-log")
    numbers = []
    for path in [*log, location]:
        findings.expect(is_file_uri(path), f"{path!r} is no absolute file:/// URI")
        findings.expect(local_path(path).exists(), f"{path} of metadata-log is missing")
        match = METADATA_NAME.fullmatch(path.rsplit("/", 1)[-1])
        if findings.expect(match, f"{path} is not named as metadata files are"):
            numbers.append(int(match[1]))
    findings.equal(numbers, list(range(numbers[0], numbers[0] + len(numbers))) if numbers else [], "numbers of the metadata files")
    limit = int(metadata.get("properties", {}).get("write.metadata.previous-versions-max", "100"))
    findings.expect(len(log) <= limit, f"metadata-log has {len(log)} entries, more than {limit}")
    for entry in metadata.get("statistics", []):
        size = local_path(entry["statistics-path"]).stat().st_size
        findings.equal(entry["file-size-in-bytes"], size, "file-size-in-bytes of a statistics file")


def _older_versions(metadata: dict[str, Any]) -> tuple[list[dict[str, Any]], bool]:
    """Previous metadata that can still be read, and whether it begins with the table's creation."""
    log = [entry["metadata-file"] for entry in metadata.get("metadata-log", [])]
    versions = [read_metadata(path) for path in log if local_path(path).exists()]
    first = versions[0] if versions else metadata
    return versions, len(versions) == len(log) and not first.get("metadata-log") and len(first.get("snapshots", [])) <= 1


def _check_snapshots(metadata: dict[str, Any], findings: Findings, read_data: bool) -> None:
    storage = Storage()
    manifests = ManifestChecks(metadata, storage, findings)
    checks = (DataFileChecks(metadata, storage, findings, read_data), DeleteFileChecks(storage, findings))
    snapshots = sorted(metadata.get("snapshots", []), key=lambda snapshot: snapshot["sequence-number"])
    by_id: dict[int, SnapshotFiles] = {}
    checked: set[str] = set()
    for snapshot in snapshots:
        with findings.at(f"snapshot {snapshot['snapshot-id']}"):
            files = by_id[snapshot["snapshot-id"]] = manifests.check(snapshot)
            _check_new_files(files, checked, checks, findings)
            checks[1].check_in(files)
            check_summary(snapshot["summary"], files, findings)
            parent_id = snapshot.get("parent-snapshot-id")
            if parent_id is None or parent_id in by_id:
                check_change(files, by_id.get(parent_id, SnapshotFiles()), findings)


def _check_new_files(files: SnapshotFiles, checked: set[str], checks: tuple, findings: Findings) -> None:
    for path, file in files.live.items():
        if path not in checked:
            checked.add(path)
            with findings.at(path.rsplit("/", 1)[-1]):
                checks[file.content != DATA].check(file)
