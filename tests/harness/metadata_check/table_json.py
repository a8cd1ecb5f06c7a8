"""Checks of one metadata.json by itself (spec: Table Metadata Fields, Appendix C)."""

import re
import uuid
from typing import Any

from harness.metadata_check.findings import Findings
from harness.metadata_check.schema import RESERVED_ID, Field, fields_of, is_known_type

REQUIRED = {"format-version": int, "table-uuid": str, "location": str, "last-sequence-number": int, "last-updated-ms": int,
            "last-column-id": int, "schemas": list, "current-schema-id": int, "partition-specs": list,
            "default-spec-id": int, "last-partition-id": int, "sort-orders": list, "default-sort-order-id": int}
NEVER_NULL = {"properties": dict, "snapshots": list, "refs": dict, "snapshot-log": list, "metadata-log": list, "statistics": list,
              "partition-statistics": list}
VERSION_1 = {"schema", "partition-spec"}
RESERVED_PROPERTIES = {"format-version", "uuid", "snapshot-count", "current-snapshot-summary", "current-snapshot-id",
                       "current-snapshot-timestamp-ms", "current-schema", "default-partition-spec", "default-sort-order"}
OPERATIONS = {"append", "replace", "overwrite", "delete"}
TRANSFORM = re.compile(r"identity|year|month|day|hour|void|(bucket|truncate)\[\d+\]")


def check_table_json(metadata: dict[str, Any], findings: Findings) -> None:
    for key, kind in REQUIRED.items():
        findings.expect(type(metadata.get(key)) is kind, f"{key} is {metadata.get(key)!r}, not of {kind.__name__}")
    for key, kind in NEVER_NULL.items():
        findings.expect(isinstance(metadata.get(key, kind()), kind), f"{key} is {metadata.get(key)!r}, not of {kind.__name__}")
    findings.equal(metadata["format-version"], 2, "format-version")
    findings.expect(not VERSION_1 & metadata.keys(), f"fields of version 1: {sorted(VERSION_1 & metadata.keys())}")
    for part in (_check_identity, _check_schemas, _check_specs, _check_sort_orders, _check_snapshots, _check_refs, _check_logs):
        with findings.at(part.__name__.removeprefix("_check_")):
            part(metadata, findings)


def all_fields(metadata: dict[str, Any]) -> dict[int, list[Field]]:
    """Every field that any schema has, by id; a field that changed occurs more than once."""
    fields: dict[int, list[Field]] = {}
    for schema in metadata["schemas"]:
        for field in fields_of(schema):
            fields.setdefault(field.id, []).append(field)
    return fields


def is_file_uri(text: Any) -> bool:
    return isinstance(text, str) and text.startswith("file:///") and "//" not in text[8:] and "/../" not in text


def _check_identity(metadata: dict[str, Any], findings: Findings) -> None:
    findings.equal(str(uuid.UUID(metadata["table-uuid"])), metadata["table-uuid"], "table-uuid")
    location = metadata["location"]
    findings.expect(is_file_uri(location) and not location.endswith("/"), f"location {location!r} is no absolute file:/// URI")
    for key, value in metadata.get("properties", {}).items():
        findings.expect(isinstance(value, str), f"property {key} is no string")
        findings.expect(key not in RESERVED_PROPERTIES, f"property {key} is reserved")


def _check_schemas(metadata: dict[str, Any], findings: Findings) -> None:
    ids = [schema["schema-id"] for schema in metadata["schemas"]]
    findings.expect(len(set(ids)) == len(ids), f"schema ids repeat: {ids}")
    findings.expect(metadata["current-schema-id"] in ids, "current-schema-id names no schema")
    highest = 0
    for schema in metadata["schemas"]:
        findings.equal(schema.get("type"), "struct", "type of a schema")
        highest = max(highest, _check_fields(schema, findings))
    findings.expect(metadata["last-column-id"] >= highest, f"last-column-id {metadata['last-column-id']} is below field id {highest}")


def _check_fields(schema: dict[str, Any], findings: Findings) -> int:
    """Returns the highest id."""
    fields = fields_of(schema)
    by_id = {field.id: field for field in fields}
    findings.expect(len(by_id) == len(fields), f"schema {schema['schema-id']}: field ids repeat")
    names = [field["name"] for field in schema["fields"]]
    findings.expect(len(set(names)) == len(names), f"schema {schema['schema-id']}: names repeat")
    for field in fields:
        findings.expect(0 < field.id <= RESERVED_ID, f"field {field.name}: id {field.id}")
        findings.expect(is_known_type(field.type), f"field {field.name}: type {field.type!r}")
    for key in schema.get("identifier-field-ids", []):
        field = by_id.get(key)
        usable = field and field.required and not field.repeated and not field.optional_above and field.type not in (
            "float", "double", "struct", "list", "map")
        findings.expect(usable, f"identifier field {key} is missing, optional, nested or a float")
    return max(by_id, default=0)


def _check_specs(metadata: dict[str, Any], findings: Findings) -> None:
    specs = metadata["partition-specs"]
    findings.expect(metadata["default-spec-id"] in [spec["spec-id"] for spec in specs], "default-spec-id names no spec")
    sources = all_fields(metadata)
    highest = 999
    for spec in specs:
        ids = [field["field-id"] for field in spec["fields"]]
        findings.expect(len(set(ids)) == len(ids) and all(key >= 1000 for key in ids), f"spec {spec['spec-id']}: field ids {ids}")
        highest = max([highest, *ids])
        for field in spec["fields"]:
            findings.expect(field["source-id"] in sources, f"partition field {field['name']}: no source {field['source-id']}")
            findings.expect(TRANSFORM.fullmatch(field["transform"]), f"transform {field['transform']!r}")
    findings.expect(metadata["last-partition-id"] >= highest, f"last-partition-id {metadata['last-partition-id']} is below {highest}")


def _check_sort_orders(metadata: dict[str, Any], findings: Findings) -> None:
    orders = {order["order-id"]: order["fields"] for order in metadata["sort-orders"]}
    findings.expect(metadata["default-sort-order-id"] in orders, "default-sort-order-id names no order")
    findings.expect(orders.get(0, []) == [], "order 0 has fields")
    findings.expect(0 in orders, "order 0 is missing")


def _check_snapshots(metadata: dict[str, Any], findings: Findings) -> None:
    snapshots = metadata.get("snapshots", [])
    ids = [snapshot["snapshot-id"] for snapshot in snapshots]
    sequence_numbers = [snapshot["sequence-number"] for snapshot in snapshots]
    findings.expect(len(set(ids)) == len(ids), "snapshot ids repeat")
    findings.expect(len(set(sequence_numbers)) == len(ids), "sequence numbers of snapshots repeat")
    schema_ids = {schema["schema-id"] for schema in metadata["schemas"]}
    by_id = dict(zip(ids, snapshots))
    for snapshot in snapshots:
        with findings.at(str(snapshot["snapshot-id"])):
            _check_snapshot(snapshot, metadata, schema_ids, findings)
            _check_against_parent(snapshot, by_id.get(snapshot.get("parent-snapshot-id")), findings)


def _check_snapshot(snapshot: dict[str, Any], metadata: dict[str, Any], schema_ids: set[int], findings: Findings) -> None:
    findings.expect(0 < snapshot["snapshot-id"] < 2**63, "snapshot-id is no positive 63-bit number")
    findings.expect(snapshot.get("parent-snapshot-id", 0) is not None, "parent-snapshot-id is null instead of absent")
    findings.expect(0 < snapshot["sequence-number"] <= metadata["last-sequence-number"],
                    f"sequence-number {snapshot['sequence-number']} above last-sequence-number {metadata['last-sequence-number']}")
    findings.expect(snapshot["timestamp-ms"] <= metadata["last-updated-ms"], "timestamp-ms is after last-updated-ms")
    findings.expect("manifests" not in snapshot, "field `manifests` of version 1")
    findings.expect(is_file_uri(snapshot["manifest-list"]), f"manifest-list {snapshot['manifest-list']!r} is no absolute file:/// URI")
    findings.expect(snapshot.get("schema-id") in schema_ids, f"schema-id {snapshot.get('schema-id')} names no schema")
    summary = snapshot["summary"]
    findings.expect(all(isinstance(value, str) for value in summary.values()), "summary holds values that are no strings")
    findings.expect(summary.get("operation") in OPERATIONS, f"operation {summary.get('operation')!r}")


def _check_against_parent(snapshot: dict[str, Any], parent: dict[str, Any] | None, findings: Findings) -> None:
    if parent:
        findings.expect(parent["sequence-number"] < snapshot["sequence-number"], "sequence-number is not above the parent's")
        findings.expect(parent["timestamp-ms"] <= snapshot["timestamp-ms"], "timestamp-ms is before the parent's")


def _check_refs(metadata: dict[str, Any], findings: Findings) -> None:
    ids = {snapshot["snapshot-id"] for snapshot in metadata.get("snapshots", [])}
    refs, current = metadata.get("refs", {}), metadata.get("current-snapshot-id")
    findings.expect(not ids or "main" in refs, "there are snapshots but no ref `main`")
    if "main" in refs:
        findings.equal(refs["main"]["type"], "branch", "type of `main`")
        findings.equal(current, refs["main"]["snapshot-id"], "current-snapshot-id")
    else:
        findings.equal(current, -1, "current-snapshot-id of a table without snapshots")
    for name, ref in refs.items():
        findings.expect(ref["snapshot-id"] in ids, f"ref {name} names snapshot {ref['snapshot-id']}, which does not exist")
        findings.expect(ref["type"] in ("branch", "tag"), f"ref {name} has type {ref['type']!r}")


def _check_logs(metadata: dict[str, Any], findings: Findings) -> None:
    log = metadata.get("snapshot-log", [])
    ids = {snapshot["snapshot-id"] for snapshot in metadata.get("snapshots", [])}
    for entry in log:
        findings.expect(entry["snapshot-id"] in ids, f"snapshot-log names {entry['snapshot-id']}, which does not exist")
    if metadata.get("current-snapshot-id") in ids:
        findings.expect(log and log[-1]["snapshot-id"] == metadata["current-snapshot-id"], "snapshot-log does not end with the current snapshot")
    for name in ("snapshot-log", "metadata-log"):
        times = [entry["timestamp-ms"] for entry in metadata.get(name, [])]
        findings.expect(times == sorted(times), f"{name} goes back in time")
        findings.expect(not times or times[-1] <= metadata["last-updated-ms"], f"{name} ends after last-updated-ms")
