"""Data files against their manifest entries: sizes, counts, field ids, physical types, bounds (spec: Appendix A, D)."""

import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from harness.metadata_check.bounds import ColumnFacts, bound_fault
from harness.metadata_check.findings import Findings
from harness.metadata_check.manifests import LiveFile
from harness.metadata_check.schema import DECIMAL, Field, arrow_type, top_level_ids
from harness.metadata_check.storage import Storage, local_path
from harness.metadata_check.table_json import all_fields

ENCODINGS = {"PLAIN", "RLE", "RLE_DICTIONARY", "PLAIN_DICTIONARY", "BIT_PACKED"}  # What every vectorized reader takes.
CODECS = {"ZSTD", "SNAPPY", "GZIP", "UNCOMPRESSED"}


class DataFileChecks:
    def __init__(self, metadata: dict[str, Any], storage: Storage, findings: Findings, read_data: bool):
        self.storage = storage
        self.findings = findings
        self.read_data = read_data
        self.fields = all_fields(metadata)
        self.schema_ids = [top_level_ids(schema) for schema in metadata["schemas"]]
        self.sort_orders = {order["order-id"] for order in metadata["sort-orders"]}

    def check(self, file: LiveFile) -> None:
        parquet = check_size_and_rows(file, self.storage, self.findings)
        self._check_schema(parquet)
        self._check_physical(parquet)
        self._check_layout(parquet, file)
        self.findings.expect((file.entry["sort_order_id"] or 0) in self.sort_orders, "sort_order_id names no order")
        if self.read_data:
            self._check_statistics(parquet, file)

    def _check_schema(self, parquet: pq.ParquetFile) -> None:
        ids = [field_id(column) for column in parquet.schema_arrow]
        self.findings.expect(set(ids) in self.schema_ids and len(set(ids)) == len(ids), f"columns {ids} are those of no schema")
        for column in parquet.schema_arrow:
            self._check_field(column, field_id(column))

    def _check_field(self, column: pa.Field, key: int | None) -> None:
        known = self.fields.get(key, [])
        if not self.findings.expect(known, f"column {column.name}: field id {key} is in no schema"):
            return
        fits = any(column.nullable != field.required and _same_type(column.type, field) for field in known)
        self.findings.expect(fits, f"column {column.name}: {column} does not fit {known}")
        if pa.types.is_list(column.type) or pa.types.is_struct(column.type):
            for index in range(column.type.num_fields):
                child = column.type.field(index)
                self._check_field(child, field_id(child))

    def _check_physical(self, parquet: pq.ParquetFile) -> None:
        for index in range(len(parquet.schema)):
            column = parquet.schema.column(index)
            logical = json.loads(column.logical_type.to_json())
            name = f"column {column.path}"
            if logical.get("Type") == "Decimal":
                self._check_decimal(column, logical["precision"], name)
            if logical.get("Type") == "Time":
                self.findings.expect(not logical["isAdjustedToUTC"], f"{name}: a time that is adjusted to UTC")
            self.findings.expect(column.physical_type != "INT96", f"{name}: INT96")

    def _check_decimal(self, column: pq.ColumnSchema, precision: int, name: str) -> None:
        expected = "INT32" if precision <= 9 else "INT64" if precision <= 18 else "FIXED_LEN_BYTE_ARRAY"
        self.findings.equal(column.physical_type, expected, f"{name}: physical type of decimal({precision})")
        if expected == "FIXED_LEN_BYTE_ARRAY":
            self.findings.equal(column.length, (10**precision - 1).bit_length() // 8 + 1, f"{name}: bytes of decimal({precision})")

    def _check_layout(self, parquet: pq.ParquetFile, file: LiveFile) -> None:
        metadata = parquet.metadata
        offsets, sizes = [], {}
        leaf_ids = _leaf_ids(parquet.schema_arrow)
        for group_index in range(metadata.num_row_groups):
            group = metadata.row_group(group_index)
            offsets.append(_first_page(group.column(0)))
            for index in range(group.num_columns):
                column = group.column(index)
                sizes[leaf_ids[index]] = sizes.get(leaf_ids[index], 0) + column.total_compressed_size
                self.findings.expect(set(column.encodings) <= ENCODINGS, f"encodings {column.encodings}")
                self.findings.expect(column.compression in CODECS, f"codec {column.compression}")
        self.findings.equal(file.entry["split_offsets"] or offsets, offsets, "split_offsets")
        # Sizes below lists and maps may be left out, as all statistics there.
        listed = _as_dict(file.entry["column_sizes"])
        expected = {key: size for key, size in sizes.items() if key in listed or key in set().union(*self.schema_ids)}
        self.findings.equal(listed or expected, expected, "column_sizes")

    def _check_statistics(self, parquet: pq.ParquetFile, file: LiveFile) -> None:
        maps = {name: _as_dict(file.entry[name]) for name in
                ("value_counts", "null_value_counts", "nan_value_counts", "lower_bounds", "upper_bounds")}
        unknown = {key for values in maps.values() for key in values} - self.fields.keys()
        self.findings.expect(not unknown, f"statistics of unknown fields {sorted(unknown)}")
        for column, data in zip(parquet.schema_arrow, self.storage.columns(file.path).columns):
            with self.findings.at(f"column {column.name}"):
                self._check_column(column, data, maps)

    def _check_column(self, column: pa.Field, data: pa.ChunkedArray, maps: dict[str, dict[int, Any]]) -> None:
        """Top-level primitive columns only: statistics below lists and maps are not written."""
        key = field_id(column)
        kinds = [field.type for field in self.fields[key] if _same_type(column.type, field)]
        if not kinds or kinds[0] in ("struct", "list", "map"):
            return
        facts = ColumnFacts(data)
        for name, actual in (("value_counts", facts.values), ("null_value_counts", facts.nulls), ("nan_value_counts", facts.nans)):
            self.findings.equal(maps[name].get(key, actual), actual, name)
        for name, actual, lower in (("lower_bounds", facts.low, True), ("upper_bounds", facts.high, False)):
            if key not in maps[name]:
                continue
            if self.findings.expect(actual is not None, f"{name} of a column without values"):
                fault = bound_fault(kinds[0], maps[name][key], actual, lower)
                self.findings.expect(not fault, f"{name} {fault}")


def check_size_and_rows(file: LiveFile, storage: Storage, findings: Findings) -> pq.ParquetFile:
    findings.equal(file.size, local_path(file.path).stat().st_size, "file_size_in_bytes")
    parquet = storage.parquet(file.path)
    findings.equal(file.records, parquet.metadata.num_rows, "record_count")
    findings.expect(file.records > 0, "a file without rows")
    return parquet


def field_id(field: pa.Field) -> int | None:
    text = (field.metadata or {}).get(b"PARQUET:field_id")
    return int(text) if text is not None else None


def _same_type(kind: pa.DataType, field: Field) -> bool:
    if field.type in ("struct", "list", "map"):
        return {"struct": pa.types.is_struct, "list": pa.types.is_list, "map": pa.types.is_map}[field.type](kind)
    if isinstance(kind, pa.BaseExtensionType):
        return field.type == kind.extension_name.removeprefix("arrow.")
    if field.type == "uuid":
        return False  # Without Parquet's UUID annotation Spark cannot read it.
    return kind == arrow_type(field.type) or bool(DECIMAL.fullmatch(field.type) and str(kind) == str(arrow_type(field.type)))


def _leaf_ids(schema: pa.Schema) -> list[int | None]:
    leaves: list[int | None] = []

    def walk(field: pa.Field) -> None:
        if field.type.num_fields == 0 or isinstance(field.type, pa.BaseExtensionType):
            leaves.append(field_id(field))
        for index in range(field.type.num_fields):
            walk(field.type.field(index))

    for column in schema:
        walk(column)
    return leaves


def _first_page(column: pq.ColumnChunkMetaData) -> int:
    dictionary = column.dictionary_page_offset if column.has_dictionary_page else None
    return min(column.data_page_offset, dictionary) if dictionary else column.data_page_offset


def _as_dict(pairs: list[dict[str, Any]] | None) -> dict[int, Any]:
    return {pair["key"]: pair["value"] for pair in pairs or []}
