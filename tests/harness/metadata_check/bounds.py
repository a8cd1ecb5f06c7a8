"""Single-value binary serialization of bounds (spec: Appendix D) and the actual bounds of columns."""

import decimal
import math
import struct
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from harness.metadata_check.schema import DECIMAL, FIXED

LITTLE_ENDIAN = {"int": "<i", "date": "<i", "long": "<q", "time": "<q", "timestamp": "<q", "timestamptz": "<q", "float": "<f",
                 "double": "<d"}
TRUNCATED = {"string", "binary"}  # Their bounds may be cut; all others are exact.
TRUNCATE_TO = 16


def decode(kind: str, raw: bytes) -> Any:
    """The value of a bound; ValueError where its bytes are not of the type's width or minimal form."""
    if kind in LITTLE_ENDIAN:
        if len(raw) != struct.calcsize(LITTLE_ENDIAN[kind]):
            raise ValueError(f"{len(raw)} bytes for {kind}")
        return struct.unpack(LITTLE_ENDIAN[kind], raw)[0]
    if kind == "boolean":
        return {b"\x00": False, b"\x01": True}[raw]
    if kind == "string":
        return raw.decode("utf-8")
    if match := DECIMAL.fullmatch(kind):
        unscaled = int.from_bytes(raw, "big", signed=True)
        if len(raw) != decimal_bytes(unscaled):
            raise ValueError(f"decimal {raw.hex()} is not minimal")
        return decimal.Decimal(unscaled).scaleb(-int(match[2]), decimal.Context(prec=60))
    width = 16 if kind == "uuid" else int(match[1]) if (match := FIXED.fullmatch(kind)) else len(raw)
    if len(raw) != width:
        raise ValueError(f"{len(raw)} bytes for {kind}")
    return raw


def decimal_bytes(unscaled: int) -> int:
    """Bytes of the smallest two's complement form."""
    return ((unscaled if unscaled >= 0 else ~unscaled).bit_length() + 8) // 8


class ColumnFacts:
    """What the rows of a primitive column really hold."""

    def __init__(self, column: pa.ChunkedArray):
        kind = column.type
        if isinstance(kind, pa.BaseExtensionType):
            column = pa.chunked_array([chunk.storage for chunk in column.chunks], kind.storage_type)
        self.values = len(column)
        self.nulls = column.null_count
        self.nans = 0
        if pa.types.is_floating(column.type):
            self.nans = pc.sum(pc.is_nan(column)).as_py() or 0
            column = column.filter(pc.invert(pc.is_nan(column)))
        self.low, self.high = _min_max(column.drop_null())


def _min_max(column: pa.ChunkedArray) -> tuple[Any, Any]:
    if len(column) == 0:
        return None, None
    kind = column.type
    if pa.types.is_date32(kind):
        column = column.cast(pa.int32())
    elif pa.types.is_temporal(kind):
        column = column.cast(pa.int64())
    found = pc.min_max(column).as_py()
    return found["min"], found["max"]


def bound_fault(kind: str, raw: bytes, actual: Any, lower: bool) -> str:
    """Why these bytes are no good bound of the actual extreme value; empty if they are."""
    value = decode(kind, raw)
    if isinstance(value, float) and math.isnan(value):
        return "is NaN"
    if kind not in TRUNCATED:
        return "" if value == actual else f"is {value!r}, the data has {actual!r}"
    if lower:
        return "" if value == actual[:max(len(value), min(TRUNCATE_TO, len(actual)))] else "is not a prefix of the least value"
    if value < actual:
        return "is below the greatest value"
    tight = value == actual or (len(value) <= TRUNCATE_TO and value[:-1] == actual[:len(value) - 1])
    return "" if tight else "is not the greatest value cut and raised"
