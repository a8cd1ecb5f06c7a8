"""The Avro schemas of manifest lists and manifests as the specification fixes them, and a comparison with a file's header.

Each line: field id, name, type, whether the column is optional (a union with null). Written from spec "Manifest Lists"
and "Manifests", v2 columns.
"""

from typing import Any

MANIFEST_LIST = {
    500: ("manifest_path", "string", False), 501: ("manifest_length", "long", False),
    502: ("partition_spec_id", "int", False), 517: ("content", "int", False), 515: ("sequence_number", "long", False),
    516: ("min_sequence_number", "long", False), 503: ("added_snapshot_id", "long", False),
    504: ("added_files_count", "int", False), 505: ("existing_files_count", "int", False),
    506: ("deleted_files_count", "int", False), 512: ("added_rows_count", "long", False),
    513: ("existing_rows_count", "long", False), 514: ("deleted_rows_count", "long", False),
    507: ("partitions", "array<508 record>", True), 519: ("key_metadata", "bytes", True),
    509: ("contains_null", "boolean", False), 518: ("contains_nan", "boolean", True),
    510: ("lower_bound", "bytes", True), 511: ("upper_bound", "bytes", True),
}
MANIFEST_LIST_MAY_LACK = {519, 518}

MANIFEST = {
    0: ("status", "int", False), 1: ("snapshot_id", "long", True), 3: ("sequence_number", "long", True),
    4: ("file_sequence_number", "long", True), 2: ("data_file", "record", False), 134: ("content", "int", False),
    100: ("file_path", "string", False), 101: ("file_format", "string", False), 102: ("partition", "record", False),
    103: ("record_count", "long", False), 104: ("file_size_in_bytes", "long", False),
    108: ("column_sizes", "map<117 int, 118 long>", True), 109: ("value_counts", "map<119 int, 120 long>", True),
    110: ("null_value_counts", "map<121 int, 122 long>", True), 137: ("nan_value_counts", "map<138 int, 139 long>", True),
    125: ("lower_bounds", "map<126 int, 127 bytes>", True), 128: ("upper_bounds", "map<129 int, 130 bytes>", True),
    131: ("key_metadata", "bytes", True), 132: ("split_offsets", "array<133 long>", True),
    135: ("equality_ids", "array<136 int>", True), 140: ("sort_order_id", "int", True),
    143: ("referenced_data_file", "string", True),
}
MANIFEST_MAY_LACK = {131, 135, 140, 143}
PARTITION_IDS_FROM = 1000


def header_faults(schema: dict[str, Any], root_name: str, expected: dict, may_lack: set[int], partition_ids: set[int]) -> list[str]:
    """What is wrong with the schema in an Avro header. partition_ids: the fields of the manifest's partition spec."""
    faults = [] if schema.get("name") == root_name else [f"record name {schema.get('name')!r}, not {root_name!r}"]
    found: dict[int, tuple[str, str, bool]] = {}
    _collect(schema, found, faults)
    partition = {key for key in found if key >= PARTITION_IDS_FROM}
    if partition != partition_ids:
        faults.append(f"partition fields {sorted(partition)}, the spec has {sorted(partition_ids)}")
    faults += [f"partition field {key} is not optional" for key in partition if not found[key][2]]
    for key, described in found.items():
        if key not in partition and expected.get(key) != described:
            faults.append(f"field {key} is {described}, not {expected.get(key)}")
    return faults + [f"field {key} {expected[key][0]} is missing" for key in expected if key not in found and key not in may_lack]


def _collect(record: dict[str, Any], found: dict[int, tuple[str, str, bool]], faults: list[str]) -> None:
    for field in record["fields"]:
        field_id = field.get("field-id")
        if type(field_id) is not int:
            faults.append(f"field {field['name']}: field-id {field_id!r} is no JSON integer")
            continue
        kind, optional = _without_null(field["type"])
        if optional and not (field["type"][0] == "null" and "default" in field and field["default"] is None):
            faults.append(f"field {field_id}: optional without null first and as default")
        if field_id in found:
            faults.append(f"field id {field_id} occurs twice")
        found[field_id] = (field["name"], _describe(kind, faults), optional)
        nested = kind.get("items") if isinstance(kind, dict) and kind["type"] == "array" else kind
        if isinstance(nested, dict) and nested.get("type") == "record" and kind.get("logicalType") != "map":
            _collect(nested, found, faults)


def _without_null(kind: Any) -> tuple[Any, bool]:
    if isinstance(kind, list):
        (other,) = [branch for branch in kind if branch != "null"]
        return other, "null" in kind
    return kind, False


def _describe(kind: Any, faults: list[str]) -> str:
    if isinstance(kind, str):
        return kind
    if kind["type"] != "array":
        return kind["type"]
    if kind.get("logicalType") == "map":
        pairs = {field["name"]: field for field in kind["items"]["fields"]}
        name = "k{}_v{}".format(pairs["key"].get("field-id"), pairs["value"].get("field-id"))
        if kind["items"]["name"] != name:
            faults.append(f"map record is named {kind['items']['name']!r}, not {name!r}")
        return "map<" + ", ".join(f"{pairs[part].get('field-id')} {pairs[part]['type']}" for part in ("key", "value")) + ">"
    items = kind["items"]
    return f"array<{kind.get('element-id')} {items if isinstance(items, str) else items['type']}>"
