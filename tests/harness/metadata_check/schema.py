"""Iceberg schemas as JSON, flattened to fields by id (spec: Schemas, Appendix C)."""

import dataclasses
import re
from typing import Any, Iterator

import pyarrow as pa

PRIMITIVES = {"boolean", "int", "long", "float", "double", "date", "time", "timestamp", "timestamptz", "string", "uuid", "binary"}
DECIMAL = re.compile(r"decimal\((\d+), (\d+)\)")  # With a space, as Java writes it: strict parsers need it.
FIXED = re.compile(r"fixed\[(\d+)\]")
RESERVED_ID = 2147483447  # Ids above are the specification's own.
ARROW = {"boolean": pa.bool_(), "int": pa.int32(), "long": pa.int64(), "float": pa.float32(), "double": pa.float64(),
         "date": pa.date32(), "time": pa.time64("us"), "timestamp": pa.timestamp("us"),
         "timestamptz": pa.timestamp("us", "UTC"), "string": pa.string(), "uuid": pa.binary(16), "binary": pa.binary()}


@dataclasses.dataclass(frozen=True)
class Field:
    id: int
    name: str       # the last part of the path
    required: bool
    type: str       # a primitive's text, or struct | list | map
    repeated: bool  # inside a list or map
    optional_above: bool  # inside an optional struct


def fields_of(schema: dict[str, Any]) -> list[Field]:
    """Every field, nested ones and list elements, map keys and values included."""
    return list(_struct_fields(schema, False, False))


def top_level_ids(schema: dict[str, Any]) -> set[int]:
    return {field["id"] for field in schema["fields"]}


def _struct_fields(struct: dict[str, Any], repeated: bool, optional_above: bool) -> Iterator[Field]:
    for field in struct["fields"]:
        yield from _field(field["id"], field["name"], field["required"], field["type"], repeated, optional_above)


def _field(field_id: int, name: str, required: bool, kind: Any, repeated: bool, optional_above: bool) -> Iterator[Field]:
    kind_name = kind if isinstance(kind, str) else kind["type"]
    yield Field(field_id, name, required, kind_name, repeated, optional_above)
    if kind_name == "struct":
        yield from _struct_fields(kind, repeated, optional_above or not required)
    elif kind_name == "list":
        yield from _field(kind["element-id"], "element", kind["element-required"], kind["element"], True, optional_above)
    elif kind_name == "map":
        yield from _field(kind["key-id"], "key", True, kind["key"], True, optional_above)
        yield from _field(kind["value-id"], "value", kind["value-required"], kind["value"], True, optional_above)


def is_known_type(kind: str) -> bool:
    if kind in PRIMITIVES or kind in ("struct", "list", "map"):
        return True
    decimal = DECIMAL.fullmatch(kind)
    return bool(FIXED.fullmatch(kind) or (decimal and int(decimal[1]) <= 38 and int(decimal[2]) <= int(decimal[1])))


def arrow_type(kind: str) -> pa.DataType | None:
    """The Arrow type in which pyarrow reads a primitive; None for nested types."""
    if decimal := DECIMAL.fullmatch(kind):
        return pa.decimal128(int(decimal[1]), int(decimal[2]))
    if fixed := FIXED.fullmatch(kind):
        return pa.binary(int(fixed[1]))
    return ARROW.get(kind)
