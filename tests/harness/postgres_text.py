"""Lake values as the text that Postgres prints for them (TimeZone=UTC, DateStyle=ISO, extra_float_digits=1).

Written from Postgres' documentation and output, sharing nothing with Sluice: comparing it with psql's own COPY output
compares the two ends. Calendars are computed here, as Python's and the readers' stop at year 9999.
"""

import decimal
import math
import struct
import uuid
from fractions import Fraction
from typing import Callable

import pyarrow as pa

MICROS_A_DAY = 86_400_000_000
QUOTED_IN_ARRAY = set('{}",\\ \t\n\r\v\f')


def column_texts(array: pa.Array | pa.ChunkedArray) -> list[str | None]:
    """A column as Postgres texts; None for null."""
    if isinstance(array, pa.ChunkedArray):
        return [text for chunk in array.chunks for text in column_texts(chunk)]
    kind = array.type
    if isinstance(kind, pa.BaseExtensionType):
        name = kind.extension_name
        texts = column_texts(array.storage)
        return [_uuid_text(t) for t in texts] if name == "arrow.uuid" else texts
    if pa.types.is_dictionary(kind):
        return column_texts(array.dictionary_decode())
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _list_texts(array)
    integers, text = _text_function(kind)
    values = array.cast(integers).to_pylist() if integers else array.to_pylist()
    return [None if value is None else text(value) for value in values]


def rows_as_text(table: pa.Table) -> list[tuple[str | None, ...]]:
    if table.num_columns == 0:
        return []
    return list(zip(*[column_texts(column) for column in table.columns], strict=True))


def _text_function(kind: pa.DataType) -> tuple[pa.DataType | None, Callable]:
    """The integer type to read values through (or None), and the function from value to text."""
    if pa.types.is_boolean(kind):
        return None, lambda v: "t" if v else "f"
    if pa.types.is_integer(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return None, str
    if pa.types.is_float32(kind):
        return None, float4_text
    if pa.types.is_float64(kind):
        return None, float8_text
    if pa.types.is_decimal(kind):
        return None, decimal_text
    if pa.types.is_date32(kind):
        return pa.int32(), date_text
    if pa.types.is_time64(kind) and kind.unit == "us":
        return pa.int64(), time_text
    if pa.types.is_timestamp(kind) and kind.unit == "us":
        return pa.int64(), timestamptz_text if kind.tz else timestamp_text
    if pa.types.is_fixed_size_binary(kind) and kind.byte_width == 16:
        return None, lambda v: _uuid_text(f"\\x{v.hex()}")
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind) or pa.types.is_fixed_size_binary(kind):
        return None, lambda v: f"\\x{v.hex()}"
    raise TypeError(f"no Postgres text for {kind}")


def _uuid_text(text: str | None) -> str | None:
    if text is None or not text.startswith("\\x"):
        return text
    return str(uuid.UUID(hex=text[2:]))


def float8_text(value: float) -> str:
    if not abs(value) >= 2**50:  # Below, no short decimal lies halfway between two doubles, so repr is it.
        return _float_text(value, repr(value), 15)
    return _float_text(value, _shortest(value, math.nextafter(value, 0), math.nextafter(value, math.inf * value)), 15)


def float4_text(value: float) -> str:
    bits = struct.unpack("i", struct.pack("f", value))[0]
    inner, outer = (struct.unpack("f", struct.pack("i", bits + step))[0] if value and math.isfinite(value) else value
                    for step in (-1, 1))
    return _float_text(value, _shortest(value, inner, outer), 6)


def _shortest(value: float, inner: float, outer: float) -> str:
    """The fewest digits *strictly* nearer to value than to its neighbours. (Python takes the halfway points as well.)"""
    if not value or not math.isfinite(value):
        return repr(value)
    low = (Fraction(value) + Fraction(inner)) / 2
    high = 2 * Fraction(value) - low if math.isinf(outer) else (Fraction(value) + Fraction(outer)) / 2
    texts = (f"{value:.{digits}e}" for digits in range(17))
    return next(t for t in texts if min(low, high) < Fraction(t) < max(low, high))


def _float_text(value: float, shortest: str, digits_max: int) -> str:
    """Postgres switches to an exponent below 1e-4 and from 10^digits_max on."""
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "Infinity" if value > 0 else "-Infinity"
    sign, digits, exponent = decimal.Decimal(shortest).normalize().as_tuple()
    text = "".join(map(str, digits))
    point = len(text) + exponent  # value = 0.text * 10^point
    prefix = "-" if sign else ""
    if value == 0:
        return prefix + "0"
    if not -4 <= point - 1 < digits_max:
        fraction = f".{text[1:]}" if len(text) > 1 else ""
        return f"{prefix}{text[0]}{fraction}e{'-' if point < 1 else '+'}{abs(point - 1):02d}"
    if point <= 0:
        return f"{prefix}0.{'0' * -point}{text}"
    if point >= len(text):
        return prefix + text + "0" * (point - len(text))
    return f"{prefix}{text[:point]}.{text[point:]}"


def decimal_text(value: decimal.Decimal) -> str:
    text = format(value, "f")
    return text[1:] if text.startswith("-") and not value else text


def _civil(days: int) -> tuple[int, int, int]:
    """Days since 1970-01-01 to (astronomical year, month, day), proleptic Gregorian."""
    days += 719_468
    era, day_of_era = divmod(days, 146_097)
    year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    month_index = (5 * day_of_year + 2) // 153
    month = month_index + 3 if month_index < 10 else month_index - 9
    return year_of_era + era * 400 + (month <= 2), month, day_of_year - (153 * month_index + 2) // 5 + 1


def _day_and_era(days: int) -> tuple[str, str]:
    year, month, day = _civil(days)
    era = " BC" if year <= 0 else ""
    return f"{1 - year if year <= 0 else year:04d}-{month:02d}-{day:02d}", era


def date_text(days: int) -> str:
    return "".join(_day_and_era(days))


def time_text(micros: int) -> str:
    seconds, fraction = divmod(micros, 1_000_000)
    text = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    return f"{text}.{fraction:06d}".rstrip("0") if fraction else text


def timestamp_text(micros: int, zone: str = "") -> str:
    days, rest = divmod(micros, MICROS_A_DAY)
    day, era = _day_and_era(days)
    return f"{day} {time_text(rest)}{zone}{era}"


def timestamptz_text(micros: int) -> str:
    return timestamp_text(micros, "+00")


def _list_texts(array: pa.Array) -> list[str | None]:
    elements = column_texts(array.values)
    nested = pa.types.is_list(array.type.value_type) or pa.types.is_large_list(array.type.value_type)
    offsets = array.offsets.to_pylist()
    texts: list[str | None] = []
    for index, valid in enumerate(array.is_valid().to_pylist()):
        items = elements[offsets[index]:offsets[index + 1]]
        texts.append("{" + ",".join(_element_text(item, nested) for item in items) + "}" if valid else None)
    return texts


def _element_text(text: str | None, nested: bool) -> str:
    if text is None:
        return "NULL"
    if nested:
        return text
    if text == "" or text.upper() == "NULL" or QUOTED_IN_ARRAY & set(text):
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return text
