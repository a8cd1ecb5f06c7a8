"""The texts made of lake values equal what Postgres itself prints, for random and for extreme values."""

import json
import random
import struct
from decimal import Decimal

import pyarrow as pa
import pytest

from harness.postgres import ThrowawayPostgres
from harness.postgres_text import column_texts
from harness.readers import parse_copy_text


@pytest.fixture(scope="module")
def pg():
    with ThrowawayPostgres() as server:
        yield server


def printed(pg: ThrowawayPostgres, kind: str, literals: list[str]) -> list[str]:
    """The literals as Postgres prints them in the given type."""
    values = json.dumps(literals).replace("'", "''")
    rows = parse_copy_text(pg.psql_raw(
        f"COPY (SELECT v::{kind} FROM json_array_elements_text('{values}') WITH ORDINALITY AS t(v, n) ORDER BY n) TO STDOUT"))
    return [row[0] for row in rows]


def test_doubles_print_as_in_postgres(pg):
    rng = random.Random(1)
    values = [struct.unpack("d", rng.randbytes(8))[0] for _ in range(2000)]
    values += [0.0, -0.0, 0.1, 1e15, 1e14, 123456789012345678.0, 1e-4, 1e-5, 5e-324, 1.7976931348623157e308, 100.0,
               float("inf"), float("-inf"), float("nan")] + [round(rng.uniform(-1e6, 1e6), 3) for _ in range(500)]
    assert column_texts(pa.array(values, pa.float64())) == printed(pg, "float8", [repr(v) for v in values])


def test_reals_print_as_in_postgres(pg):
    rng = random.Random(2)
    array = pa.array([struct.unpack("f", rng.randbytes(4))[0] for _ in range(2000)]
                     + [0.0, -0.0, 0.1, 1e5, 1e6, 999999.0, 1e-4, 1e-5, 16777216.0, float("nan"), float("inf")], pa.float32())
    assert column_texts(array) == printed(pg, "float4", [repr(v) for v in array.to_pylist()])


def test_dates_and_timestamps_print_as_in_postgres_before_christ_and_far_ahead(pg):
    rng = random.Random(3)
    texts = ["4713-01-01 BC", "0001-01-01", "0001-12-31 BC", "0044-03-15 BC", "1582-10-04", "1969-12-31", "1970-01-01",
             "2000-02-29", "9999-12-31", "10000-01-01", "290000-12-31"]
    texts += [f"{rng.randint(1, 12000):04d}-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}" for _ in range(300)]
    days = [int(d) for d in pg.psql("; ".join(f"SELECT date '{t}' - date '1970-01-01'" for t in texts)).split("\n")]
    assert column_texts(pa.array(days, pa.int32()).cast(pa.date32())) == printed(pg, "date", texts)
    moments = [t.replace(" BC", "") + f" {rng.randint(0, 23):02d}:{rng.randint(0, 59):02d}:{rng.randint(0, 59):02d}"
               + rng.choice(["", ".5", ".000001", ".120300"]) + (" BC" if t.endswith("BC") else "") for t in texts]
    micros = [int(m) for m in pg.psql("; ".join(
        f"SELECT (extract(epoch FROM timestamp '{m}') * 1000000)::bigint" for m in moments)).split("\n")]
    array = pa.array(micros, pa.int64())
    assert column_texts(array.cast(pa.timestamp("us"))) == printed(pg, "timestamp", moments)
    assert column_texts(array.cast(pa.timestamp("us", "UTC"))) == printed(pg, "timestamptz", [m + "+00" if "BC" not in m else m.replace(" BC", "+00 BC") for m in moments])


def test_other_types_print_as_in_postgres(pg):
    def same(array: pa.Array, kind: str, literals: list[str]) -> None:
        assert column_texts(array) == printed(pg, kind, literals)
    same(pa.array([True, False]), "bool", ["true", "false"])
    same(pa.array([-32768, 0, 32767], pa.int32()), "smallint", ["-32768", "0", "32767"])
    same(pa.array([Decimal("1.00"), Decimal("0.00"), Decimal("-0.05"), Decimal("99999999.99")], pa.decimal128(10, 2)),
         "numeric(10,2)", ["1", "0", "-0.05", "99999999.99"])
    same(pa.array([0, 86_399_999_999, 45_296_120_000], pa.int64()).cast(pa.time64("us")), "time",
         ["00:00", "23:59:59.999999", "12:34:56.12"])
    same(pa.array([b"", b"\x00\xff'\\"], pa.binary()), "bytea", ["", "\\x00ff275c"])
    plain = "f79c3e09-677c-4bbd-a479-3f349cb785e7"
    same(pa.array([bytes.fromhex(plain.replace("-", ""))], pa.binary(16)), "uuid", [plain])
    same(pa.array(["", "tab\tand\\back\nslash", "\U0001f600"]), "text", ["", "tab\tand\\back\nslash", "\U0001f600"])


def test_arrays_print_as_in_postgres(pg):
    lists = [[], ["a", None, "", "null", "NULL", 'q"b\\', "x y", "{", "a,b", "é", "tab\t"], ["plain"]]
    literals = json.dumps(lists).replace("'", "''")
    rows = parse_copy_text(pg.psql_raw(
        "COPY (SELECT ARRAY(SELECT json_array_elements_text(v)) "
        f"FROM json_array_elements('{literals}') WITH ORDINALITY AS t(v, n) ORDER BY n) TO STDOUT"))
    assert column_texts(pa.array(lists)) == [row[0] for row in rows]
    assert column_texts(pa.array([[[1, 2], [3, None]], None])) == ["{{1,2},{3,NULL}}", None]
    assert pg.psql("SELECT ARRAY[ARRAY[1,2],ARRAY[3,NULL]]") == "{{1,2},{3,NULL}}"
