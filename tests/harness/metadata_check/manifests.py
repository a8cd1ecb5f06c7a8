"""Manifest lists and manifests of every retained snapshot (spec: Manifests, Manifest Lists, Sequence Number Inheritance)."""

import dataclasses
import json
from typing import Any

from harness.metadata_check.avro_spec import MANIFEST, MANIFEST_LIST, MANIFEST_LIST_MAY_LACK, MANIFEST_MAY_LACK, header_faults
from harness.metadata_check.findings import Findings
from harness.metadata_check.storage import AvroFile, Storage
from harness.metadata_check.table_json import is_file_uri

EXISTING, ADDED, DELETED = 0, 1, 2
DATA, POSITION_DELETES = 0, 1


@dataclasses.dataclass(frozen=True)
class LiveFile:
    """A content file as a snapshot sees it, with what it inherits from its manifest."""
    path: str
    content: int
    spec_id: int
    snapshot_id: int
    sequence_number: int
    file_sequence_number: int
    entry: dict[str, Any] = dataclasses.field(compare=False, hash=False, repr=False)  # data_file

    @property
    def records(self) -> int:
        return self.entry["record_count"]

    @property
    def size(self) -> int:
        return self.entry["file_size_in_bytes"]

    def partition(self) -> tuple:
        return tuple(self.entry["partition"].items())


@dataclasses.dataclass
class SnapshotFiles:
    """What a snapshot holds, and what its own manifests say it changed."""
    live: dict[str, LiveFile] = dataclasses.field(default_factory=dict)
    added: dict[str, LiveFile] = dataclasses.field(default_factory=dict)
    removed: dict[str, LiveFile] = dataclasses.field(default_factory=dict)
    kept: dict[str, LiveFile] = dataclasses.field(default_factory=dict)  # EXISTING in manifests of this snapshot


class ManifestChecks:
    """check() walks one snapshot; manifests that several snapshots share are checked once."""

    def __init__(self, metadata: dict[str, Any], storage: Storage, findings: Findings):
        self.metadata = metadata
        self.storage = storage
        self.findings = findings
        self.specs = {spec["spec-id"]: spec for spec in metadata["partition-specs"]}
        self.sequence_numbers = {s["snapshot-id"]: s["sequence-number"] for s in metadata.get("snapshots", [])}
        self.rows: dict[str, dict[str, Any]] = {}  # manifest path -> its row, the same in every list

    def check(self, snapshot: dict[str, Any]) -> SnapshotFiles:
        files = SnapshotFiles()
        avro = self.storage.avro(snapshot["manifest-list"])
        with self.findings.at("manifest list"):
            self._check_list_header(avro, snapshot)
            self._check_order(avro.records, snapshot["snapshot-id"])
        for row in avro.records:
            with self.findings.at(f"manifest {row['manifest_path'].rsplit('/', 1)[-1]}"):
                if row["manifest_path"] not in self.rows:
                    self._check_manifest(row)
                self.findings.equal(row, self.rows.setdefault(row["manifest_path"], row), "the manifest's row in this list")
                self._collect(row, snapshot["snapshot-id"], files)
        return files

    def _check_list_header(self, avro: AvroFile, snapshot: dict[str, Any]) -> None:
        for fault in header_faults(avro.schema, "manifest_file", MANIFEST_LIST, MANIFEST_LIST_MAY_LACK, set()):
            self.findings.add(f"header: {fault}")
        expected = {"snapshot-id": str(snapshot["snapshot-id"]), "sequence-number": str(snapshot["sequence-number"]),
                    "format-version": "2", "parent-snapshot-id": str(snapshot.get("parent-snapshot-id", "null"))}
        for key, value in expected.items():
            self.findings.equal(avro.metadata.get(key), value, f"header key {key}")

    def _check_order(self, rows: list[dict[str, Any]], snapshot_id: int) -> None:
        for content in (DATA, POSITION_DELETES):
            own = [row["added_snapshot_id"] == snapshot_id for row in rows if row["content"] == content]
            self.findings.expect(own == sorted(own, reverse=True), "carried manifests stand before new ones")
        paths = [row["manifest_path"] for row in rows]
        self.findings.expect(len(set(paths)) == len(paths), "a manifest is listed twice")
        for row in rows:
            alive = row["added_files_count"] + row["existing_files_count"]
            self.findings.expect(alive or row["added_snapshot_id"] == snapshot_id, f"{row['manifest_path']} is carried without live entries")

    def _check_manifest(self, row: dict[str, Any]) -> None:
        avro = self.storage.avro(row["manifest_path"])
        self.findings.expect(is_file_uri(row["manifest_path"]), f"{row['manifest_path']!r} is no absolute file:/// URI")
        self.findings.equal(row["manifest_length"], avro.size, "manifest_length")
        self._check_manifest_header(avro, row)
        self._check_counts(avro.records, row)
        self._check_partitions(avro.records, row)
        expected = self.sequence_numbers.get(row["added_snapshot_id"], row["sequence_number"])
        self.findings.equal(row["sequence_number"], expected, "sequence_number")
        for entry in avro.records:
            with self.findings.at(entry["data_file"]["file_path"].rsplit("/", 1)[-1]):
                self._check_entry(entry, row)

    def _check_manifest_header(self, avro: AvroFile, row: dict[str, Any]) -> None:
        spec = self.specs[row["partition_spec_id"]]
        partition_ids = {field["field-id"] for field in spec["fields"]}
        for fault in header_faults(avro.schema, "manifest_entry", MANIFEST, MANIFEST_MAY_LACK, partition_ids):
            self.findings.add(f"header: {fault}")
        header = avro.metadata
        expected = {"partition-spec-id": str(spec["spec-id"]), "format-version": "2",
                    "content": "data" if row["content"] == DATA else "deletes"}
        for key, value in expected.items():
            self.findings.equal(header.get(key), value, f"header key {key}")
        self.findings.equal(json.loads(header["partition-spec"]), spec["fields"], "header key partition-spec")
        schemas = {schema["schema-id"]: schema for schema in self.metadata["schemas"]}
        schema = json.loads(header["schema"])
        self.findings.equal(header.get("schema-id"), str(schema.get("schema-id")), "header key schema-id")
        known = schemas.get(schema.get("schema-id"))
        self.findings.equal(schema["fields"], known and known["fields"], "header key schema")

    def _check_counts(self, entries: list[dict[str, Any]], row: dict[str, Any]) -> None:
        for status, name in ((ADDED, "added"), (EXISTING, "existing"), (DELETED, "deleted")):
            records = [entry["data_file"]["record_count"] for entry in entries if entry["status"] == status]
            self.findings.equal(row[f"{name}_files_count"], len(records), f"{name}_files_count")
            self.findings.equal(row[f"{name}_rows_count"], sum(records), f"{name}_rows_count")
        numbers = [_inherited(entry, row)[0] for entry in entries if entry["status"] != DELETED]
        self.findings.equal(row["min_sequence_number"], min(numbers, default=row["sequence_number"]), "min_sequence_number")

    def _check_partitions(self, entries: list[dict[str, Any]], row: dict[str, Any]) -> None:
        fields = self.specs[row["partition_spec_id"]]["fields"]
        summaries = row["partitions"] or []
        if not self.findings.equal(len(summaries), len(fields), "number of partition summaries"):
            return
        for field, summary in zip(fields, summaries):
            values = [entry["data_file"]["partition"][field["name"]] for entry in entries]
            self.findings.equal(summary["contains_null"], None in values, f"contains_null of {field['name']}")
            empty = all(value is None or value != value for value in values)
            self.findings.equal(summary["lower_bound"] is None, empty, f"absence of bounds of {field['name']}")

    def _check_entry(self, entry: dict[str, Any], row: dict[str, Any]) -> None:
        expect, file = self.findings.expect, entry["data_file"]
        expect(is_file_uri(file["file_path"]), f"path {file['file_path']!r} is no absolute file:/// URI")
        expect(file["file_path"].startswith(self.metadata["location"] + "/"), "path is outside the table's location")
        self.findings.equal(file["file_format"].upper(), "PARQUET", "file_format")
        self.findings.equal(file["content"] == DATA, row["content"] == DATA, "content kind equal to the manifest's")
        expect(file["content"] in (DATA, POSITION_DELETES), f"content {file['content']}: equality deletes are not used here")
        numbers = (entry["sequence_number"], entry["file_sequence_number"])
        if entry["status"] == ADDED:
            self.findings.equal(entry["snapshot_id"] or row["added_snapshot_id"], row["added_snapshot_id"], "snapshot_id of an ADDED entry")
            expect(numbers[1] in (None, row["sequence_number"]), f"file_sequence_number {numbers[1]} of an ADDED entry")
        else:
            expect(None not in numbers, "sequence numbers are not explicit")
        if entry["status"] == DELETED:
            self.findings.equal(entry["snapshot_id"], row["added_snapshot_id"], "snapshot_id of a DELETED entry")
        expect(entry["status"] in (EXISTING, ADDED, DELETED), f"status {entry['status']}")
        expect(_inherited(entry, row)[0] <= row["sequence_number"], "sequence_number above the manifest's")

    def _collect(self, row: dict[str, Any], snapshot_id: int, files: SnapshotFiles) -> None:
        own = row["added_snapshot_id"] == snapshot_id
        for entry in self.storage.avro(row["manifest_path"]).records:
            file = _live_file(entry, row)
            if entry["status"] == DELETED:
                if own:
                    self._put(files.removed, file, "is removed twice")
                continue
            self._put(files.live, file, "is live twice")
            if own:
                (files.added if entry["status"] == ADDED else files.kept)[file.path] = file

    def _put(self, files: dict[str, LiveFile], file: LiveFile, fault: str) -> None:
        self.findings.expect(file.path not in files, f"{file.path.rsplit('/', 1)[-1]} {fault}")
        files[file.path] = file


def _inherited(entry: dict[str, Any], row: dict[str, Any]) -> tuple[int, int]:
    data, file = entry["sequence_number"], entry["file_sequence_number"]
    return (row["sequence_number"] if data is None else data, row["sequence_number"] if file is None else file)


def _live_file(entry: dict[str, Any], row: dict[str, Any]) -> LiveFile:
    data_number, file_number = _inherited(entry, row)
    snapshot_id = row["added_snapshot_id"] if entry["snapshot_id"] is None else entry["snapshot_id"]
    file = entry["data_file"]
    return LiveFile(file["file_path"], file["content"], row["partition_spec_id"], snapshot_id, data_number, file_number, file)
