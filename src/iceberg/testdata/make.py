"""Writes this folder's files with PyIceberg (0.12): what other writers leave, for the reader's tests.

Usage: make.py [WAREHOUSE]; ids, times and sizes change with every run, and with them the tests.
"""

import datetime
import decimal
import os
import shutil
import sys
import uuid

import pyarrow as pa
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.transforms import IdentityTransform
from pyiceberg.types import (
    BinaryType, BooleanType, DateType, DecimalType, DoubleType, ListType, LongType, NestedField,
    StringType, TimestamptzType, UUIDType)

HERE = os.path.dirname(os.path.abspath(__file__))
WAREHOUSE = sys.argv[1] if len(sys.argv) > 1 else "/tmp/lake"

PLAIN = Schema(
    NestedField(1, "id", LongType(), required=True),
    NestedField(2, "name", StringType(), doc="a name"),
    NestedField(3, "price", DecimalType(9, 2)),
    NestedField(4, "score", DoubleType()),
    NestedField(5, "tags", ListType(6, StringType(), element_required=False)),
    NestedField(7, "at", TimestamptzType()),
    NestedField(8, "u", UUIDType()),
    NestedField(9, "b", BinaryType()),
    NestedField(10, "d", DateType()),
    NestedField(11, "ok", BooleanType()),
    identifier_field_ids=[1])


def keep(location, name):
    shutil.copy(location.removeprefix("file://"), os.path.join(HERE, name))


def rows(schema, first, end):
    n = end - first
    return pa.table({
        "id": list(range(first, end)),
        "name": [f"name {i}" for i in range(first, end)],
        "price": [decimal.Decimal(i) / 100 for i in range(first, end)],
        "score": [float("nan") if i % 3 == 0 else i / 2 for i in range(first, end)],
        "tags": [["a", "b"]] * n,
        "at": [datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)] * n,
        "u": [uuid.UUID(int=i).bytes for i in range(first, end)],
        "b": [b"\x00\xff"] * n,
        "d": [datetime.date(1969, 12, 31)] * n,
        "ok": [None] * n,
    }, schema=schema)


def plain(catalog):
    table = catalog.create_table("s.plain", PLAIN, properties={"owner": "someone"})
    keep(table.metadata_location, "pyiceberg_empty.metadata.json")
    arrow_schema = table.schema().as_arrow()
    table.append(rows(arrow_schema, 0, 5))
    table.append(rows(arrow_schema, 5, 9))
    table.delete("id == 2")  # copy on write: one file removed, one added
    table = catalog.load_table("s.plain")
    keep(table.metadata_location, "pyiceberg_plain.metadata.json")
    keep(table.current_snapshot().manifest_list, "pyiceberg_plain_list.avro")
    for i, manifest in enumerate(table.current_snapshot().manifests(table.io)):
        keep(manifest.manifest_path, f"pyiceberg_plain_m{i}.avro")


def partitioned(catalog):
    schema = Schema(
        NestedField(1, "id", LongType()),
        NestedField(2, "region", StringType()),
        NestedField(3, "price", DecimalType(20, 2)))
    spec = PartitionSpec(
        PartitionField(2, 1000, IdentityTransform(), "region"),
        PartitionField(3, 1001, IdentityTransform(), "price"))
    table = catalog.create_table("s.partitioned", schema, partition_spec=spec)
    table.append(pa.table({
        "id": [1, 2], "region": ["eu", None], "price": [decimal.Decimal("1.50")] * 2,
    }, schema=table.schema().as_arrow()))
    table = catalog.load_table("s.partitioned")
    keep(table.metadata_location, "pyiceberg_partitioned.metadata.json")
    keep(table.current_snapshot().manifest_list, "pyiceberg_partitioned_list.avro")
    manifest = table.current_snapshot().manifests(table.io)[0]
    keep(manifest.manifest_path, "pyiceberg_partitioned_m0.avro")


def main():
    os.makedirs(WAREHOUSE)  # a new folder: nothing of anybody's is removed
    catalog = SqlCatalog("lake", uri=f"sqlite:///{WAREHOUSE}/catalog.db",
                         warehouse=f"file://{WAREHOUSE}")
    catalog.create_namespace("s")
    plain(catalog)
    partitioned(catalog)


main()
