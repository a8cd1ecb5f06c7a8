"""Every replica identity: what it can carry is carried, what it cannot is said, and the application never notices."""

import json

import pytest

from harness.sluice import Sluice
from mirror.mirrored import assert_mirrored, pipeline, states

SQL = """
CREATE TABLE by_key (id int PRIMARY KEY, v text);
CREATE TABLE by_two (a int, b text, v text, PRIMARY KEY (a, b));
CREATE TABLE by_index (id int PRIMARY KEY, code text NOT NULL, v text);
CREATE UNIQUE INDEX by_index_code ON by_index (code); ALTER TABLE by_index REPLICA IDENTITY USING INDEX by_index_code;
CREATE TABLE only_index (code text NOT NULL, v text); CREATE UNIQUE INDEX only_code ON only_index (code);
ALTER TABLE only_index REPLICA IDENTITY USING INDEX only_code;
CREATE TABLE full_key (id int PRIMARY KEY, v text); ALTER TABLE full_key REPLICA IDENTITY FULL;
CREATE TABLE keyless (id int, v text);
CREATE TABLE nothing (id int PRIMARY KEY, v text); ALTER TABLE nothing REPLICA IDENTITY NOTHING;
"""
KEYED = ["by_key", "by_two", "by_index", "only_index", "full_key"]
COLUMNS = {"by_key": "id, v", "by_two": "a, b, v", "by_index": "id, code, v", "only_index": "code, v", "full_key": "id, v",
           "keyless": "id, v", "nothing": "id, v"}
VALUES = {"by_key": "i, 'v'", "by_two": "i, 'b' || i, 'v'", "by_index": "i, 'c' || i, 'v'", "only_index": "'c' || i, 'v'",
          "full_key": "i, 'v'", "keyless": "i, 'v'", "nothing": "i, 'v'"}


def insert(pg, table: str, first: int, last: int) -> None:
    pg.psql(f"INSERT INTO {table} ({COLUMNS[table]}) SELECT {VALUES[table]} FROM generate_series({first}, {last}) i")


@pytest.fixture(scope="module")
def mirror(tmp_path_factory):
    rules = [{"include": f"public.{table}"} for table in COLUMNS]
    with pipeline(tmp_path_factory.mktemp("mirror"), SQL, tables=rules) as (pg, sluice):
        for table in COLUMNS:
            insert(pg, table, 1, 40)
        plan = {table["name"]: table for table in json.loads(sluice.cli("plan", "--json").stdout)["tables"]}
        sluice.run_background()
        sluice.caught_up()
        yield pg, sluice, plan


@pytest.mark.parametrize("table", KEYED)
def test_rows_are_found_again(mirror, table: str) -> None:
    pg, sluice, plan = mirror
    assert not plan[f"public.{table}"]["append_only"]
    first = COLUMNS[table].split(",")[0]
    key = "code" if "code" in COLUMNS[table] else first
    some = "IN ('c3', 'c4', 'c5')" if key == "code" else "IN (3, 4, 5)"
    other = "'c900'" if key == "code" else "900"
    one = "'c6'" if key == "code" else "6"
    pg.psql(f"UPDATE {table} SET v = 'changed' WHERE {key} {some}")
    pg.psql(f"UPDATE {table} SET {key} = {other} WHERE {key} = {one}")
    pg.psql(f"BEGIN; DELETE FROM {table} WHERE {key} {some}; UPDATE {table} SET v = NULL; COMMIT")
    insert(pg, table, 3, 4)
    sluice.caught_up()
    assert_mirrored(pg, sluice, [f"public.{table}"])


@pytest.mark.parametrize("table", ["keyless", "nothing"])
def test_tables_without_a_key_are_append_only_and_said_so(mirror, table: str) -> None:
    pg, sluice, plan = mirror
    assert plan[f"public.{table}"]["append_only"]
    assert any("insert" in note or "append" in note for note in plan[f"public.{table}"]["notes"]), plan[f"public.{table}"]
    insert(pg, table, 41, 60)
    sluice.caught_up()
    assert_mirrored(pg, sluice, [f"public.{table}"])
    # The application's own statements work; their effect on the mirror is what `plan` said: none.
    before = pg.psql(f"SELECT count(*) FROM {table}")
    pg.psql(f"UPDATE {table} SET v = 'changed' WHERE id < 5; DELETE FROM {table} WHERE id = 7")
    insert(pg, table, 61, 62)
    sluice.caught_up()
    status = next(one for one in sluice.status()["tables"] if one["name"] == f"public.{table}")
    assert status["state"] == "live" and status["rows"] == int(before) + 2
    pg.psql(f"TRUNCATE {table}")
    insert(pg, table, 1, 5)
    sluice.caught_up()
    assert_mirrored(pg, sluice, [f"public.{table}"])


def test_without_a_rule_keyless_tables_are_left_out(mirror, tmp_path) -> None:
    pg, _, _ = mirror
    with Sluice(tmp_path) as other:
        other.write_config(pg.url(), "other")
        plan = other.json("plan")
        assert "public.keyless" in plan["left_out"] and "public.by_key" in {one["name"] for one in plan["tables"]}


@pytest.mark.parametrize("table, change", [("by_key", "FULL"), ("by_index", "DEFAULT"), ("full_key", "NOTHING")])
def test_a_changed_identity_stops_the_table_until_resync(mirror, table: str, change: str) -> None:
    pg, sluice, _ = mirror
    name = f"public.{table}"
    pg.psql(f"ALTER TABLE {table} REPLICA IDENTITY {change}")
    insert(pg, table, 1000, 1001)
    sluice.wait_for(lambda: states(sluice)[name] == "failed", 30, f"{name} to fail")
    sluice.ok("tables", "resync", name)
    sluice.wait_for(lambda: states(sluice)[name] == "live", 30, f"{name} to be live")
    insert(pg, table, 2000, 2005)
    sluice.caught_up()
    assert_mirrored(pg, sluice, [name])


def test_an_identity_set_again_changes_nothing(mirror) -> None:
    pg, sluice, _ = mirror
    pg.psql("ALTER TABLE only_index REPLICA IDENTITY USING INDEX only_code")
    insert(pg, "only_index", 3000, 3001)
    sluice.caught_up()
    assert states(sluice)["public.only_index"] == "live"
    assert_mirrored(pg, sluice, ["public.only_index"])
