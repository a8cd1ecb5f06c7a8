"""Every type with its edge values, by the copy and by the stream, in binary and in text: the lake shows psql's text."""

import pathlib

import pytest

from harness.readers import metadata_location, read_duckdb, read_pyiceberg, read_spark, source_rows
from mirror.mirrored import assert_metadata, pipeline, states

# column: type and literals; together they are one table of as many rows as the longest list.
PLAIN = {
    "c_bool": ("boolean", ["true", "false"]),
    "c_int2": ("smallint", ["-32768", "32767", "0"]),
    "c_int4": ("integer", ["-2147483648", "2147483647"]),
    "c_int8": ("bigint", ["-9223372036854775808", "9223372036854775807"]),
    "c_float4": ("real", ["NaN", "-0", "Infinity", "-Infinity", "1.17549435e-38", "3.4028235e38"]),
    "c_float8": ("double precision", ["NaN", "-0", "Infinity", "-Infinity", "5e-324", "1.7976931348623157e308", "0.1"]),
    "c_numeric": ("numeric", ["NaN", "Infinity", "-Infinity", "1.10", "-0.0001", "1e100", "123456789012345678901234567890.5"]),
    "c_dec9": ("numeric(9,2)", ["-9999999.99", "9999999.99", "0.01"]),
    "c_dec18": ("numeric(18,6)", ["-999999999999.999999", "999999999999.999999"]),
    "c_dec38": ("numeric(38,10)", ["-9999999999999999999999999999.9999999999", "9999999999999999999999999999.9999999999", "1"]),
    "c_dec_neg": ("numeric(5,-2)", ["-1234500", "9999900"]),
    "c_dec_small": ("numeric(3,5)", ["0.00123", "-0.00999"]),
    "c_dec_huge": ("numeric(50,20)", ["123456789012345678901234567890.12345678901234567890"]),
    "c_text": ("text", ["", "a\tb\nc\\d", "\U0001F41D bee", "x" * 5000]),
    "c_varchar": ("varchar(10)", ["ten chars!", ""]),
    "c_char": ("char(6)", ["ab", ""]),
    "c_qchar": ('"char"', ["a"]),
    "c_name": ("name", ["some_name"]),
    "c_bytea": ("bytea", ["\\x", "\\x00ff", "\\x" + "ab" * 300]),
    "c_date": ("date", ["0044-03-15 BC", "4713-01-01 BC", "1582-10-10", "9999-12-31"]),
    "c_time": ("time", ["00:00", "24:00", "23:59:59.999999"]),
    "c_timetz": ("timetz", ["01:02:03+05:30", "24:00-12"]),
    "c_timestamp": ("timestamp", ["0044-03-15 12:00 BC", "1969-12-31 23:59:59.999999", "9999-12-31 23:59:59"]),
    "c_timestamptz": ("timestamptz", ["0044-03-15 12:00 BC", "1582-10-10 00:00+00", "9999-12-31 23:59:59.5+00"]),
    "c_interval": ("interval", ["1 year 2 mons 3 days 04:05:06.7", "-1 mon +2 days -03:00", "0"]),
    "c_uuid": ("uuid", ["00000000-0000-0000-0000-000000000000", "f79c3e09-677c-4bbd-a479-3f349cb785e7"]),
    "c_json": ("json", ['{"b": 1,  "a": [1, 2], "a": null}', '"x"']),
    "c_jsonb": ("jsonb", ['{"b": 1, "a": [1.50, 1e3]}', "null"]),
    "c_jsonpath": ("jsonpath", ["$.a[*] ? (@ > 1)"]),
    "c_enum": ("mood", ["sad", "it's ok"]),
    "c_domain": ("positive", ["1", "42"]),
    "c_ints": ("integer[]", ["{}", "{1,NULL,3}"]),
    "c_texts": ("text[]", ['{a,NULL,"b,\\"c",""}']),
    "c_stamps": ("timestamptz[]", ['{"2024-01-01 00:00+00",NULL}']),
    "c_decs": ("numeric(10,3)[]", ["{1.5,-2.125}"]),
    "c_matrix": ("integer[][]", ["{{1,2},{3,NULL}}", "[0:1]={5,6}"]),
    "c_composite": ("pair", ['(1,"a b")', '(,)']),
    "c_range": ("int4range", ["[1,5)", "empty", "(,)"]),
    "c_tsrange": ("tstzrange", ['["2024-01-01 00:00+00",)']),
    "c_multirange": ("int8multirange", ["{}", "{[1,3),[5,7)}"]),
    "c_point": ("point", ["(1.5,-2)"]), "c_line": ("line", ["{1,2,3}"]), "c_lseg": ("lseg", ["[(0,0),(1,1)]"]),
    "c_box": ("box", ["(1,1),(0,0)"]), "c_path": ("path", ["[(0,0),(1,1)]", "((0,0),(1,1),(2,0))"]),
    "c_polygon": ("polygon", ["((0,0),(1,1),(2,0))"]), "c_circle": ("circle", ["<(1,2),3>"]),
    "c_inet": ("inet", ["10.0.0.5", "10.0.0.5/24", "::1/64"]), "c_cidr": ("cidr", ["10.0.0.0/8"]),
    "c_mac": ("macaddr", ["08:00:2b:01:02:03"]), "c_mac8": ("macaddr8", ["08:00:2b:01:02:03:04:05"]),
    "c_bit": ("bit(5)", ["10101"]), "c_varbit": ("bit varying", ["", "1"]),
    "c_hstore": ("hstore", ['"a"=>"1", "b"=>NULL']), "c_citext": ("citext", ["MiXed"]),
    "c_xml": ("xml", ["<a>b</a>"]), "c_tsvector": ("tsvector", ["'a':1A,2 'b'"]), "c_tsquery": ("tsquery", ["'a' & !'b'"]),
    "c_oid": ("oid", ["4294967295"]), "c_regclass": ("regclass", ["pg_class"]), "c_lsn": ("pg_lsn", ["16/B374D848"]),
    "c_xid8": ("xid8", ["18446744073709551615"]), "c_ltree": ("ltree", ["a.b.c"]),
}
SETUP = """
CREATE EXTENSION hstore; CREATE EXTENSION citext; CREATE EXTENSION ltree;
CREATE TYPE mood AS ENUM ('sad', 'it''s ok'); CREATE DOMAIN positive AS integer CHECK (value > 0);
CREATE TYPE pair AS (n integer, t text);
"""
# Years outside what a reader's own language can show are compared in the other readers.
BEYOND_PYTHON = {"c_date", "c_timestamp", "c_timestamptz"}


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def table_sql(name: str, columns: dict) -> str:
    listed = ", ".join(f"{column} {kind}" for column, (kind, _) in columns.items())
    return f"CREATE TABLE {name} (id integer PRIMARY KEY, {listed});"


def rows_sql(name: str, columns: dict, first_id: int) -> str:
    count = max(len(values) for _, values in columns.values())
    statements = []
    for row in range(count + 1):  # the last row is all null
        values = [quoted(values[row]) + f"::{kind}" if row < len(values) else "NULL" for kind, values in columns.values()]
        statements.append(f"INSERT INTO {name} VALUES ({first_id + row}, {', '.join(values)});")
    return "\n".join(statements)


BINARY = {name: column for name, column in PLAIN.items() if name not in
          {"c_composite", "c_range", "c_tsrange", "c_multirange", "c_point", "c_line", "c_lseg", "c_box", "c_path", "c_polygon",
           "c_circle", "c_hstore", "c_tsvector", "c_tsquery", "c_ltree", "c_regclass"}}


@pytest.mark.parametrize("columns", [PLAIN, BINARY], ids=["text_stream", "binary_stream"])
def test_every_type_by_copy_and_stream(tmp_path: pathlib.Path, columns: dict) -> None:
    setup = SETUP + table_sql("things", columns) + rows_sql("things", columns, 1)
    with pipeline(tmp_path, setup) as (pg, sluice):
        sluice.run_background()
        sluice.caught_up()
        assert states(sluice) == {"public.things": "live"}, sluice.log_tail()
        pg.psql(rows_sql("things", columns, 1001))
        pg.psql("UPDATE things SET id = id + 5000 WHERE id BETWEEN 1001 AND 1002; DELETE FROM things WHERE id = 1003")
        sluice.caught_up()
        assert states(sluice) == {"public.things": "live"}, sluice.log_tail()
        expected = as_columns(pg, columns)
        catalog = sluice.catalog_db
        for reader, rows in {"PyIceberg": read_pyiceberg(catalog, "public.things"),
                             "DuckDB": read_duckdb(metadata_location(catalog, "public.things")),
                             "Spark": read_spark(catalog, "public.things")}.items():
            compare(expected, rows, ["id", *columns], reader)
        assert_metadata(sluice)


def as_columns(pg, columns: dict) -> dict:
    """id -> row, each value as the server's own text (ISO 8601 intervals, as the lake keeps them)."""
    rows = source_rows(pg, "things", ["id", *columns])
    text = pg.psql_raw("SET IntervalStyle = iso_8601; COPY (SELECT id, c_interval FROM things) TO STDOUT")
    intervals = dict(line.split("\t") for line in text.splitlines())
    at = 1 + list(columns).index("c_interval")
    return {row[0]: tuple(intervals[row[0]] if i == at and value is not None else value for i, value in enumerate(row))
            for row in rows}


def compare(expected: dict, rows: list, names: list[str], reader: str) -> None:
    actual = {row[0]: row for row in rows}
    assert len(actual) == len(rows), f"{reader}: a key twice"
    assert expected.keys() == actual.keys(), reader
    wrong = [f"{name} of row {key}: {value!r}, expected {wanted!r}"
             for key, row in expected.items() for name, wanted, value in zip(names, row, actual[key]) if wanted != value]
    assert not wrong, f"{reader}: " + "\n".join(wrong[:40])


STOPPERS = {
    "numeric(10,2)": ("'NaN'", "NaN"), "date": ("'infinity'", "infinity"), "timestamptz": ("'-infinity'", "infinity"),
    "integer[]": ("'{{1,2},{3,4}}'", "dimension"),
}


@pytest.mark.parametrize("kind", STOPPERS)
@pytest.mark.parametrize("way", ["copy", "stream"])
def test_a_value_the_type_cannot_hold_stops_that_table_only(tmp_path: pathlib.Path, kind: str, way: str) -> None:
    value, word = STOPPERS[kind]
    insert = f"INSERT INTO bad VALUES (2, {value});"
    sql = f"CREATE TABLE bad (id int PRIMARY KEY, v {kind}); CREATE TABLE good (id int PRIMARY KEY);" + (insert if way == "copy" else "")
    with pipeline(tmp_path, sql) as (pg, sluice):
        sluice.run_background()
        if way == "stream":
            sluice.caught_up()
            pg.psql(insert)
        sluice.wait_for(lambda: states(sluice).get("public.bad") == "failed", 60, "the table to fail")
        pg.psql("INSERT INTO good VALUES (7)")
        sluice.wait_for(lambda: read_good(sluice) == [("7",)], 60, "the other table to go on")
        failed = next(table for table in sluice.status()["tables"] if table["name"] == "public.bad")
        assert "v" in failed["reason"] and word in failed["reason"], failed
        assert "types" in failed["hint"], failed
        assert value.strip("'") not in sluice.log().replace("infinity", "" if word == "infinity" else "infinity") or word in value


def read_good(sluice) -> list:
    try:
        return read_pyiceberg(sluice.catalog_db, "public.good")
    except Exception:  # not there yet
        return []
