"""The metadata check accepts what PyIceberg and Spark write, and finds each of many faults put into Spark's tables."""

import contextlib
import json
import re
import sqlite3
import subprocess
import sys
from typing import Any, Callable

import fastavro
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyiceberg.catalog.sql import SqlCatalog

from harness.metadata_check import check_catalog, referenced_files
from harness.metadata_check.catalog import read_metadata
from harness.metadata_check.storage import AvroFile, local_path
from harness.readers import SparkReader, metadata_location
from harness.readers_test import sample

# Where the two reference writers differ from what we ask of ours; everything else holds for them, too.
ALLOWED = {
    "no schema-id in manifests": r"header key schema-id is None",
    "PyIceberg: list of long": r"field 135 is \('equality_ids', 'array<136 long>'",
    "PyIceberg: null on an empty table": r"current-snapshot-id of a table without snapshots is None",
    "Java: one slash": r"'file:/[^/].*is no absolute file:/// URI",
    "Spark: required where the query had no nulls": r"not null> does not fit \[Field\(.*required=False",
}


def unexpected(findings: list[str]) -> list[str]:
    return [line for line in findings if not any(re.search(pattern, line) for pattern in ALLOWED.values())]


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    """Tables of Spark: `files` (partitioned, a delete file for each data file), `tiers` (delete files over several)."""
    folder = tmp_path_factory.mktemp("lake")
    database = folder / "catalog.db"
    SqlCatalog("lake", uri=f"sqlite:///{database}", warehouse=folder.as_uri()).create_namespace("shop")
    properties = "'format-version'='2', 'write.delete.mode'='merge-on-read', 'write.update.mode'='merge-on-read'"
    with SparkReader() as spark:
        for name, columns, extra, granularity in (
                ("files", "id bigint NOT NULL, v string, p decimal(20,2), d double, r float, dt date, at timestamp, b binary, "
                 "tags array<string>, s struct<a:int,b:string>", "PARTITIONED BY (bucket(2, id))", "file"),
                ("tiers", "id bigint NOT NULL, v string", "", "partition")):
            spark.execute(database, f"CREATE TABLE lake.shop.{name} ({columns}) USING iceberg {extra} "
                          f"LOCATION '{folder.as_uri()}/shop/{name}' "
                          f"TBLPROPERTIES ({properties}, 'write.delete.granularity'='{granularity}')")
        spark.execute(database, """INSERT INTO lake.shop.files
            SELECT id, concat('välue-', repeat(cast(id AS string), 12)), id * 1.5, id / 3, id, date'1969-12-31',
                   timestamp'2020-01-01 00:00:00', cast('abcdefghijklmnopqrstuvwxyz' AS binary), array('a', null), struct(1, 'x')
            FROM range(1000)""")
        spark.execute(database, "DELETE FROM lake.shop.files WHERE id % 10 = 3")
        spark.execute(database, "UPDATE lake.shop.files SET v = 'new', d = double('nan') WHERE id < 50")
        spark.execute(database, "INSERT INTO lake.shop.files (id) VALUES (5000)")
        spark.execute(database, "INSERT INTO lake.shop.tiers SELECT id, 'x' FROM range(100)")
        spark.execute(database, "DELETE FROM lake.shop.tiers WHERE id % 10 = 3")
    return database


def test_tables_of_spark_pass(lake):
    assert unexpected(check_catalog(lake)) == []


def test_tables_of_pyiceberg_pass_and_every_file_is_referenced(tmp_path):
    database = tmp_path / "catalog.db"
    catalog = SqlCatalog("lake", uri=f"sqlite:///{database}", warehouse=tmp_path.as_uri())
    catalog.create_namespace("shop")
    catalog.create_table("shop.empty", sample().schema)
    table = catalog.create_table("shop.t", sample().schema)
    table.append(sample().slice(0, 2))
    table.append(sample().slice(2))
    table.delete("id = 1")
    assert unexpected(check_catalog(database)) == []
    orphan = tmp_path / "shop" / "t" / "data" / "orphan.parquet"
    orphan.touch()
    on_disk = {path for path in tmp_path.rglob("*") if path.is_file() and path != database}
    assert on_disk - referenced_files(database) == {orphan}


def test_the_command_line_lists_findings_and_exits_with_1(lake):
    done = subprocess.run([sys.executable, "-m", "harness.metadata_check", lake], text=True, capture_output=True, check=False)
    assert done.returncode == 1 and "header key schema-id is None" in done.stdout


def test_an_unknown_catalog_name_is_a_finding(lake):
    assert check_catalog(lake, "other") == ["no tables under the catalog name 'other'"]


# -- faults

class Table:
    """A table whose files can be edited; restore() takes everything back."""

    def __init__(self, database: Any, name: str):
        self.location = metadata_location(database, f"shop.{name}")
        self.saved: dict[Any, bytes] = {}

    def restore(self) -> None:
        for path, content in self.saved.items():
            path.write_bytes(content)

    def save(self, uri: str) -> Any:
        path = local_path(uri)
        self.saved.setdefault(path, path.read_bytes())
        return path

    @property
    def metadata(self) -> dict[str, Any]:
        return read_metadata(self.location)

    def edit_json(self, edit: Callable[[dict[str, Any]], Any]) -> None:
        metadata = self.metadata
        edit(metadata)
        self.save(self.location).write_text(json.dumps(metadata))

    @property
    def list_uri(self) -> str:
        metadata = self.metadata
        return next(s["manifest-list"] for s in metadata["snapshots"] if s["snapshot-id"] == metadata["current-snapshot-id"])

    def manifest_uri(self, content: int) -> str:
        """A manifest of the given kind that carries added files."""
        return next(row["manifest_path"] for row in AvroFile(self.list_uri).records
                    if row["content"] == content and row["added_files_count"])

    def edit_avro(self, uri: str, edit: Callable[[list, dict, dict], Any]) -> None:
        """edit(records, schema, key-value metadata)."""
        avro = AvroFile(uri)
        metadata = {key: value for key, value in avro.metadata.items() if not key.startswith("avro.")}
        edit(avro.records, avro.schema, metadata)
        with self.save(uri).open("wb") as file:
            fastavro.writer(file, avro.schema, avro.records, codec=avro.codec, metadata=metadata)

    def edit_row(self, edit: Callable[[dict], Any]) -> None:
        self.edit_avro(self.list_uri, lambda rows, *_: edit(rows[0]))

    def edit_entry(self, content: int, edit: Callable[[dict], Any]) -> None:
        self.edit_avro(self.manifest_uri(content), lambda entries, *_: edit(entries[0]))

    def edit_deletes(self, edit: Callable[[list[dict]], Any]) -> None:
        """Rewrites the rows of a delete file."""
        uri = AvroFile(self.manifest_uri(1)).records[0]["data_file"]["file_path"]
        table = pq.ParquetFile(local_path(uri)).read()
        rows = table.to_pylist()
        edit(rows)
        pq.write_table(pa.Table.from_pylist(rows, table.schema), self.save(uri))


def bound(entry: dict, name: str, field_id: int, value: bytes) -> None:
    next(pair for pair in entry["data_file"][name] if pair["key"] == field_id)["value"] = value


def field_of(schema: dict, field_id: int) -> dict:
    nested = next(f for f in schema["fields"] if f["field-id"] == 2)["type"]["fields"]
    return next(f for f in [*schema["fields"], *nested] if f["field-id"] == field_id)


JSON_FAULTS = {
    "last-column-id too low": (lambda m: m.update({"last-column-id": 3}), "last-column-id 3 is below field id"),
    "null parent": (lambda m: m["snapshots"][0].update({"parent-snapshot-id": None}), "parent-snapshot-id is null"),
    "dangling parent": (lambda m: m["snapshots"][-1].update({"parent-snapshot-id": 77}), "parent 77 never was"),
    "wrong total-records": (lambda m: m["snapshots"][-1]["summary"].update({"total-records": "1"}), "summary total-records is '1'"),
    "missing total": (lambda m: m["snapshots"][-1]["summary"].pop("total-position-deletes"), "summary total-position-deletes is None"),
    "wrong added-position-deletes": (lambda m: m["snapshots"][1]["summary"].update({"added-position-deletes": "9"}),
                                     "summary added-position-deletes is '9'"),
    "wrong operation": (lambda m: m["snapshots"][1]["summary"].update({"operation": "append"}), "operation is 'append', not 'delete'"),
    "last-sequence-number too low": (lambda m: m.update({"last-sequence-number": 1}), "above last-sequence-number 1"),
    "equal sequence numbers": (lambda m: m["snapshots"][1].update({"sequence-number": 1}), "sequence numbers of snapshots repeat"),
    "main elsewhere": (lambda m: m["refs"]["main"].update({"snapshot-id": m["snapshots"][0]["snapshot-id"]}), "current-snapshot-id is"),
    "dangling tag": (lambda m: m["refs"].update({"old": {"snapshot-id": 5, "type": "tag"}}), "ref old names snapshot 5"),
    "refs null": (lambda m: m.update({"refs": None}), "refs is None"),
    "decimal without a space": (lambda m: m["schemas"][0]["fields"][1].update({"type": "decimal(20,2)"}), r"type 'decimal\(20,2\)'"),
    "optional identifier": (lambda m: m["schemas"][0].update({"identifier-field-ids": [2]}), "identifier field 2"),
    "relative manifest list": (lambda m: m["snapshots"][0].update({"manifest-list": "metadata/x.avro"}), "'metadata/x.avro' is no absolute"),
    "version 1 field": (lambda m: m.update({"schema": m["schemas"][0]}), "fields of version 1"),
    "number in properties": (lambda m: m["properties"].update({"n": 1}), "property n is no string"),
    "snapshot log ends early": (lambda m: m["snapshot-log"].pop(), "snapshot-log does not end with the current snapshot"),
    "snapshot before its parent": (lambda m: m["snapshots"][1].update({"timestamp-ms": 5}), "timestamp-ms is before the parent's"),
}


def status(value: int) -> Callable[[dict], Any]:
    return lambda entry: entry.update({"status": value})


MANIFEST_FAULTS = {
    "stale manifest_length": (lambda t: t.edit_row(lambda r: r.update(manifest_length=r["manifest_length"] - 1)), "manifest_length is"),
    "wrong added_files_count": (lambda t: t.edit_row(lambda r: r.update(added_files_count=7)), "added_files_count is 7"),
    "wrong added_rows_count": (lambda t: t.edit_row(lambda r: r.update(added_rows_count=7)), "added_rows_count is 7"),
    "wrong min_sequence_number": (lambda t: t.edit_row(lambda r: r.update(min_sequence_number=0)), "min_sequence_number is 0"),
    "wrong added_snapshot_id": (lambda t: t.edit_row(lambda r: r.update(added_snapshot_id=7)), "without adding it|snapshot_id of an ADDED"),
    "manifest listed twice": (lambda t: t.edit_avro(t.list_uri, lambda rows, *_: rows.append(rows[0])), "a manifest is listed twice"),
    "old column name": (lambda t: t.edit_avro(t.list_uri, rename_count), r"field 504 is \('added_data_files_count'"),
    "field id as text": (lambda t: t.edit_avro(t.list_uri, lambda _, s, __: s["fields"][0].update({"field-id": "500"})),
                         "field-id '500' is no JSON integer"),
    "field id missing": (lambda t: t.edit_avro(t.manifest_uri(0), lambda _, s, __: field_of(s, 103).pop("field-id")),
                         "record_count: field-id None"),
    "list without sequence number": (lambda t: t.edit_avro(t.list_uri, lambda _, __, m: m.pop("sequence-number")),
                                     "header key sequence-number is None"),
    "manifest without content": (lambda t: t.edit_avro(t.manifest_uri(1), lambda _, __, m: m.pop("content")), "header key content is None"),
    "manifest with another schema": (lambda t: t.edit_avro(t.manifest_uri(0), lambda _, __, m: m.update(schema='{"schema-id":0,"fields":[]}')),
                                     "header key schema is"),
    "existing without numbers": (lambda t: t.edit_entry(0, status(0)), "sequence numbers are not explicit"),
    "deleted but never there": (lambda t: t.edit_entry(0, status(2)), "which the parent does not have"),
    "foreign snapshot id": (lambda t: t.edit_entry(0, lambda e: e.update(snapshot_id=7)), "snapshot_id of an ADDED entry is 7"),
    "file live twice": (lambda t: t.edit_avro(t.manifest_uri(0), lambda e, *_: e.append(e[0])), "is live twice"),
    "wrong record_count": (lambda t: t.edit_entry(0, lambda e: e["data_file"].update(record_count=3)), "record_count is 3"),
    "wrong file size": (lambda t: t.edit_entry(0, lambda e: e["data_file"].update(file_size_in_bytes=3)), "file_size_in_bytes is 3"),
    "wrong split offsets": (lambda t: t.edit_entry(0, lambda e: e["data_file"].update(split_offsets=[5])), r"split_offsets is \[5\]"),
    "missing data file": (lambda t: t.edit_entry(0, lambda e: e["data_file"].update(file_path=e["data_file"]["file_path"] + "x")),
                          "FileNotFoundError"),
    "relative path": (lambda t: t.edit_entry(0, lambda e: e["data_file"].update(file_path="data/x.parquet")), "path 'data/x.parquet' is no"),
    "lower bound too high": (lambda t: t.edit_entry(0, lambda e: bound(e, "lower_bounds", 1, (2**40).to_bytes(8, "little"))),
                             "column id: lower_bounds is"),
    "bound of the wrong width": (lambda t: t.edit_entry(0, lambda e: bound(e, "upper_bounds", 1, b"\x01\x00\x00\x00")), "4 bytes for long"),
    "wrong null count": (lambda t: t.edit_entry(0, lambda e: e["data_file"]["null_value_counts"][0].update(value=5)), "null_value_counts is 5"),
}

DELETE_FAULTS = {
    "unsorted": (lambda rows: rows.reverse(), "rows are not sorted"),
    "repeated": (lambda rows: rows.append(rows[-1]), "rows are not sorted, or repeat"),
    "position beyond the file": (lambda rows: rows[-1].update(pos=10**6), "position 1000000 beyond the rows"),
    "unknown data file": (lambda rows: [row.update(file_path=row["file_path"] + "x") for row in rows], "which is not live"),
}


def rename_count(rows: list[dict], schema: dict, _: dict) -> None:
    next(f for f in schema["fields"] if f["field-id"] == 504)["name"] = "added_data_files_count"
    for row in rows:
        row["added_data_files_count"] = row.pop("added_files_count")


@contextlib.contextmanager
def found(lake: Any, table: Table, pattern: str):
    """What happens inside makes the check print a line of this pattern, which it did not print before."""
    assert not [line for line in unexpected(check_catalog(lake)) if re.search(pattern, line)]
    try:
        yield
        findings = unexpected(check_catalog(lake))
    finally:
        table.restore()
    assert any(re.search(pattern, line) for line in findings), "\n".join(findings[:20])


@pytest.mark.parametrize("name", JSON_FAULTS)
def test_a_fault_in_the_metadata_file_is_found(lake, name):
    edit, pattern = JSON_FAULTS[name]
    table = Table(lake, "files")
    with found(lake, table, pattern):
        table.edit_json(edit)


@pytest.mark.parametrize("name", MANIFEST_FAULTS)
def test_a_fault_in_a_manifest_or_its_list_is_found(lake, name):
    edit, pattern = MANIFEST_FAULTS[name]
    table = Table(lake, "files")
    with found(lake, table, pattern):
        edit(table)


@pytest.mark.parametrize("name", DELETE_FAULTS)
def test_a_fault_in_a_delete_file_is_found(lake, name):
    edit, pattern = DELETE_FAULTS[name]
    table = Table(lake, "tiers")
    with found(lake, table, pattern):
        table.edit_deletes(edit)


def test_a_delete_older_than_its_data_file_is_found(lake):
    table = Table(lake, "tiers")
    with found(lake, table, "which is newer"):
        table.edit_entry(1, lambda entry: entry.update(sequence_number=0))


def test_a_catalog_row_that_differs_from_the_metadata_log_is_found(lake):
    with sqlite3.connect(lake) as connection:
        connection.execute("UPDATE iceberg_tables SET previous_metadata_location='file:///x' WHERE table_name='tiers'")
        connection.commit()
        findings = check_catalog(lake)
        connection.execute("UPDATE iceberg_tables SET previous_metadata_location=? WHERE table_name='tiers'",
                           (Table(lake, "tiers").metadata["metadata-log"][-1]["metadata-file"],))
    assert any("the newest entry of metadata-log is" in line for line in findings)
