"""sluice.yaml as people write it: each mistake names file, line, key and the way out; and the names that simply work."""

import json
import socket

import pytest
import yaml

from harness.readers import assert_readers_agree, source_rows
from refusals.place import DONE, FAILED, OPERATOR, TABLES, Place

BASE = "pipeline: {name}\nsource:\n  url: {url}\n"
MISTAKES = {
    "an unknown key": ("sorce_x: 1\n", "line 4: unknown key 'sorce_x'", "did you mean 'source'"),
    "a nested unknown key": ("bus:\n  max_byte: 1GiB\n", "line 5: unknown key 'bus.max_byte'", "did you mean 'bus.max_bytes'"),
    "a wrong type": ("copy:\n  workers: many\n", "line 5: copy.workers: must be a whole number from 1 to 64", "."),
    "a list in a value's place": ("memory: [1]\n", "line 4: memory: must be a single value", "."),
    "a value in a map's place": ("bus: ./bus\n", "line 4: bus: must hold keys and values", "."),
    "a bad unit": ("bus:\n  retention: 3 weeks\n", "line 5: bus.retention: '3 weeks' is no duration", "72h"),
    "no unit": ("memory: 512\n", "line 4: memory: '512' is no size", "512MiB"),
    "too little memory": ("memory: 1MiB\n", "line 4: memory: must be at least 64MiB", "."),
    "a key twice": ("state: ./a\nstate: ./b\n", "line 5: 'state' is given twice", "."),
    "no YAML": ("tables: [\n", "line 5: not YAML", "key: value"),
    "another catalog": ("lake:\n  catalog: { type: rest }\n", "line 5: lake.catalog.type: 'rest' is not in this version", "sql"),
    "another store": ("lake:\n  warehouse: s3://b/x\n", "line 5: lake.warehouse: only file://", "folder"),
    "another bus": ("bus: { type: kafka }\n", "line 4: bus.type: 'kafka' is not in this version", "embedded"),
    "history": ("defaults: { mode: history }\n", "line 4: defaults.mode: 'history' is not in this version", "mirror"),
    "the bus in the state folder": ("bus: { path: ./state/bus }\n", "line 4: bus.path: lies in the state folder", "its own folder"),
    "the catalog in the state folder": ("lake: { catalog: { uri: sqlite:///state/c.db } }\n", "line 4: lake.catalog.uri: lies in the state", "own"),
    "the lake in the state folder": ("lake: { warehouse: ./state/lake }\n", "line 4: lake.warehouse: lies in the state folder", "own"),
    "a rule of no kind": ("tables:\n  - public.a\n", "line 5: tables.* must hold keys and values", "."),
    "a rule of both kinds": ("tables:\n  - { include: a.b, exclude: a.c }\n", "line 5: a rule has either include: or exclude:", "."),
    "a type that is none": ("tables:\n  - include: public.a\n    columns: { types: { v: strnig } }\n", "line 6: .*v.*strnig", "string"),
    "an address that is none": ("http: 8642\n", "line 4: http: '8642' is no address", "127.0.0.1:8642"),
}
RULES = {
    "a rule for nothing": ([{"include": "public.nothing"}], "line .*'public.nothing' never matches: the source has no table", "sluice plan"),
    "a rule too late": ([{"include": "public.*"}, {"include": "public.b"}], "line .*'public.b' never matches: earlier rules", "move"),
    "no pattern": ([{"include": "a"}], "line .*table pattern 'a': no dot", "schema.table"),
    "a column that is not there": ([{"include": "public.a", "columns": {"exclude": ["nope"]}}], "nope", "upper and lower case|write the name"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_in_the_file(place, mistake: str) -> None:
    text, message, hint = MISTAKES[mistake]
    place.psql(TABLES)
    place.sluice.config_file.write_text(BASE.format(name=place.name, url=place.server.url(place.name)) + text)
    place.refuses(OPERATOR, f"sluice.yaml: .*{message}", hint, "config")
    place.refuses(OPERATOR, f"sluice.yaml: .*{message}", hint)
    assert [path.name for path in place.sluice.folder.iterdir()] == ["sluice.yaml"]


@pytest.mark.parametrize("mistake", RULES)
def test_a_rule_that_does_not_fit_the_source(place, mistake: str) -> None:
    rules, message, hint = RULES[mistake]
    place.psql(TABLES)
    place.configure(tables=rules)
    place.refuses(OPERATOR, message, hint)


def test_no_file_and_no_such_command(place) -> None:
    place.refuses(OPERATOR, "reading the configuration: .*nowhere.yaml", "sluice init", "run", "-c", "nowhere.yaml")
    place.refuses(OPERATOR, "`sluice maintain` is not in this version", "sluice --help", "maintain")
    done = place.sluice.cli("rnu")
    assert done.returncode == OPERATOR and done.stderr, done
    error = json.loads(place.sluice.cli("plan", "-c", "nowhere.yaml", "--json").stdout)["error"]
    assert error["kind"] == "config" and error["hint"] and "nowhere.yaml" in error["message"]


def test_a_type_that_cannot_be_carried_is_refused_before_the_first_row(place) -> None:
    place.psql(TABLES + "CREATE TABLE wide (id int PRIMARY KEY, n numeric(60, 2)); INSERT INTO wide VALUES (1, 1)")
    place.configure(tables=[{"include": "public.wide", "columns": {"types": {"n": "int"}}}, {"include": "public.*"}])
    done = place.sluice.cli("plan", "--json")
    (refused,) = json.loads(done.stdout)["refused"]
    assert done.returncode == OPERATOR and refused["name"] == "public.wide" and "n" in refused["reason"] and refused["hint"]
    place.refuses(OPERATOR, "1 of the tables cannot be mirrored; the first: public.wide", "sluice plan")
    assert not (place.sluice.folder / "lake" / "public").exists()
    assert place.psql(f"SELECT count(*) FROM pg_replication_slots WHERE slot_name = '{place.slot}'") == "0"
    place.configure()
    place.sluice.ok("run", "--once")
    place.assert_mirrored("public.a", "public.wide")


@pytest.mark.parametrize("twins", ["CREATE TABLE \"A\" (id int PRIMARY KEY)", "CREATE TABLE c (id int PRIMARY KEY, v int, \"V\" int)",
                                   "CREATE SCHEMA \"Public\"; CREATE TABLE \"Public\".a (id int PRIMARY KEY)"])
def test_names_that_differ_only_in_case_are_refused(place, twins: str) -> None:
    place.psql(TABLES + twins)
    done = place.sluice.cli("plan")
    assert done.returncode == OPERATOR and "differ" in done.stdout and "only in case" in done.stdout, done.stdout
    place.refuses(OPERATOR, "only in case", "exclude")
    rules = [{"exclude": name} for name in ('public."A"', "public.c", '"Public".*')] + [{"include": "*.*"}]
    place.configure(tables=rules)
    place.sluice.ok("run", "--once")
    place.assert_mirrored("public.a", "public.b")


LONGEST = "x" * 59 + "éé"  # 63 bytes
NAMES = ['we"ird', "with space", "do.t", "UPPER", "sel'ect", "select", "ünïcode", LONGEST, "a/b", "100%", "per%2Fcent", "..", "a\\b", "c:d", "#hash?"]


def test_every_name_that_postgres_takes_works(place) -> None:
    def quote(name: str) -> str:
        return '"' + name.replace('"', '""') + '"'
    schema = quote("Sch.e\"ma")
    columns = ", ".join(f"{quote(name)} int" for name in NAMES)
    for name in NAMES:
        place.psql(f"CREATE SCHEMA IF NOT EXISTS {schema}; CREATE TABLE {schema}.{quote(name)} (id int PRIMARY KEY, {columns});"
                   f"INSERT INTO {schema}.{quote(name)} SELECT i FROM generate_series(1, 5) i")
    place.follow()
    for name in NAMES:
        place.psql(f"UPDATE {schema}.{quote(name)} SET {quote(LONGEST)} = id WHERE id > 3; DELETE FROM {schema}.{quote(name)} WHERE id = 1")
    place.sluice.caught_up()
    for name in NAMES:
        rows = source_rows(place.server, f"{schema}.{quote(name)}", database=place.name)
        assert_readers_agree(rows, place.sluice.catalog_db, ("Sch.e\"ma", name))
    assert place.sluice.stop() == DONE
    place.configure(tables=[{"include": f"{schema}.{quote(name)}"} for name in NAMES])
    place.psql(f"DELETE FROM {schema}.{quote(LONGEST)}")
    place.follow()
    assert {table["state"] for table in place.sluice.status()["tables"]} == {"live"}


def test_the_longest_pipeline_name(place) -> None:
    place.psql(TABLES)
    place.sluice.write_config(place.server.url(place.name), "p" * 40)
    place.sluice.ok("run", "--once")
    place.assert_mirrored("public.a")
    place.sluice.ok("drop", "--yes")
    config = yaml.safe_load(place.sluice.config_file.read_text())
    assert config["pipeline"] == "p" * 40
    place.sluice.write_config(place.server.url(place.name), "p" * 41)
    place.refuses(OPERATOR, "pipeline: must be 1 to 40 of a-z, 0-9 and _", "names the slot")


@pytest.mark.parametrize("way", ["copy", "stream"])
def test_bytes_that_are_no_utf8_stop_their_table_only(server, tmp_path, way: str) -> None:
    with Place(server, tmp_path, f"ascii_{way}", "ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0") as place:
        place.psql(TABLES)
        bad = "INSERT INTO a VALUES (5000, E'secretive \\xff')"
        place.psql(bad if way == "copy" else "")
        place.sluice.run_background()
        if way == "stream":
            place.sluice.caught_up()
            place.psql(bad + "; INSERT INTO b VALUES (7)")
        place.failed("public.a", "column v: bytes that are not UTF-8", "types: { v: binary }")
        place.state("public.b", "live")
        place.arrives("public.b")
        place.assert_mirrored("public.b")
        assert place.sluice.cli("wait", "--timeout", "20s").returncode == FAILED
        assert "secretive" not in place.sluice.log(), "a row value in the log"
        assert place.sluice.stop() == DONE
        place.configure(tables=[{"include": "public.a", "columns": {"types": {"v": "binary"}}}, {"include": "public.*"}])
        if way == "stream":
            place.sluice.ok("tables", "resync", "public.a")
        place.follow()
        place.state("public.a", "live")


def test_a_port_that_is_taken(place) -> None:
    place.psql(TABLES)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        place.configure(http=address)
        place.refuses(OPERATOR, f"http: {address} cannot be listened on", "another port|choose another")
    place.goes_on("public.a", "public.b")
