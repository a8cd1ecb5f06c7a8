"""Each command as a user would try it: text, --json with stable keys, exit codes, and the four HTTP pages."""

import json
import re
import shutil
import signal
import socket
import subprocess
import urllib.error
import urllib.request

import pytest
import yaml

from harness.readers import duckdb_connection, pyiceberg_arrow, read_pyiceberg, source_rows
from harness.sluice import Sluice
from mirror.mirrored import assert_mirrored, pipeline, states

SQL = """CREATE TABLE a (id int PRIMARY KEY, v text); INSERT INTO a SELECT i, 'v' || i FROM generate_series(1, 500) i;
         CREATE TABLE "B b" (id int PRIMARY KEY, n numeric(10,2)); INSERT INTO "B b" VALUES (1, 1.5);
         CREATE TABLE log (line text);"""
TABLE_KEYS = {"name", "iceberg", "metadata_location", "state", "reason", "hint", "rows", "rows_copied", "rows_total_estimate",
              "bytes_copied", "cut_lsn", "cut_time", "lag_seconds", "lag_bytes", "pending_changes", "snapshot_id", "data_files",
              "delete_files", "deleted_rows", "last_audit"}
SOURCE_KEYS = {"system_id", "timeline", "slot", "wal_lsn", "confirmed_lsn", "retained_bytes", "safe_bytes", "safe_seconds"}
BUS_KEYS = {"first_lsn", "last_lsn", "bytes", "disk_free_bytes", "seconds_until_full"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def mirror(tmp_path_factory):
    with pipeline(tmp_path_factory.mktemp("mirror"), SQL, http=f"127.0.0.1:{free_port()}") as (pg, sluice):
        sluice.run_background()
        sluice.caught_up()
        yield pg, sluice


def get(sluice: Sluice, page: str) -> tuple[int, str]:
    address = yaml.safe_load(sluice.config_file.read_text())["http"]
    try:
        with urllib.request.urlopen(f"http://{address}{page}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_from_nothing_to_a_mirror(mirror, tmp_path) -> None:
    pg, _ = mirror
    with Sluice(tmp_path) as sluice:
        url = pg.url().replace("postgres@", "postgres:hush@")
        text = sluice.ok("init", url)
        assert "sluice check" in text
        written = sluice.config_file.read_text()
        assert "hush" not in written and "${SLUICE_PASSWORD}" in written and "# - include: 'public.log'" in written
        again = sluice.cli("init", url)
        assert again.returncode == 2 and "exists already" in again.stderr and "--force" in again.stderr
        sluice.ok("init", "--force", pg.url())
        config = yaml.safe_load(sluice.config_file.read_text())
        config.update(pipeline="fresh", http="none")
        sluice.config_file.write_text(yaml.safe_dump(config))
        checks = json.loads(sluice.ok("check", "--json"))["checks"]
        assert {"outcome", "name", "what", "mend"} == set(checks[0])
        assert {"connection", "version", "wal_level", "replication right", "slot"} <= {line["name"] for line in checks}
        assert sluice.ok("check").splitlines()[0].startswith("ok")
        nothing = sluice.cli("status")
        assert nothing.returncode == 2 and "no catalog" in nothing.stderr and "sluice run" in nothing.stderr
        sluice.ok("run", "--once")
        assert_mirrored(pg, sluice, ["public.a"])
        assert pg.psql("SELECT count(*) FROM pg_replication_slots WHERE slot_name = 'sluice_fresh'") == "1"

        refused = sluice.cli("drop")
        assert refused.returncode == 2 and "replication slot sluice_fresh" in refused.stdout and "--yes" in refused.stderr
        assert read_pyiceberg(sluice.catalog_db, "public.a")
        dropped = json.loads(sluice.ok("drop", "--keep-lake", "--yes", "--json"))
        assert dropped == {"dropped": "fresh", "lake_kept": True}
        assert pg.psql("SELECT count(*) FROM pg_replication_slots WHERE slot_name = 'sluice_fresh'") == "0"
        assert pg.psql("SELECT count(*) FROM pg_publication WHERE pubname LIKE 'sluice_fresh%'") == "0"
        assert len(read_pyiceberg(sluice.catalog_db, "public.a")) == int(pg.psql("SELECT count(*) FROM a"))
        sluice.ok("drop", "--yes")
        assert not list((tmp_path / "lake").rglob("*.parquet"))


def test_plan(mirror) -> None:
    _, sluice = mirror
    plan = json.loads(sluice.ok("plan", "--json"))
    assert {"pipeline", "slot", "publication", "warehouse", "catalog", "bytes", "tables", "refused", "left_out"} == set(plan)
    table = {one["name"]: one for one in plan["tables"]}["public.a"]
    assert {"name", "iceberg", "rows_estimate", "bytes", "identity", "append_only", "columns", "left_out", "notes"} == set(table)
    assert table["columns"][0] == {"name": "id", "postgres": "integer", "iceberg": "int", "key": True, "cannot_hold": ""}
    assert plan["left_out"] == ["public.log"] and plan["slot"] == {"name": "sluice_test", "create": False}
    text = sluice.ok("plan")
    assert "use replication slot sluice_test" in text and "public.log" in text and "integer" in text


def test_status_and_tables(mirror) -> None:
    pg, sluice = mirror
    status = sluice.json("status")
    assert {"pipeline", "source", "bus", "cut", "tables"} <= set(status) and set(status["cut"]) == {"lsn", "time"}
    assert SOURCE_KEYS <= set(status["source"]) and BUS_KEYS <= set(status["bus"])
    for table in status["tables"]:
        assert TABLE_KEYS <= set(table)
    assert json.loads(sluice.ok("tables", "list", "--json")) == sluice.json("status")["tables"]
    text = sluice.ok("status")
    assert "pipeline test: running" in text and "connected" in text and 'public."B b"' in text
    assert "public.a" in sluice.ok("tables", "list")

    paused = json.loads(sluice.ok("tables", "pause", 'public."B b"', "--json"))
    assert paused == {"order": "pause", "tables": ['public."B b"']}
    assert states(sluice)['public."B b"'] == "paused"
    again = sluice.cli("tables", "pause", 'public."B b"')
    assert again.returncode == 2 and "cannot be paused" in again.stderr and "tables list" in again.stderr
    sluice.ok("tables", "resume", 'public."B b"')
    sluice.ok("tables", "resync", "--all")
    sluice.wait_for(lambda: set(states(sluice).values()) == {"live"}, 60)
    sluice.caught_up()
    assert_mirrored(pg, sluice, ["public.a", 'public."B b"'])
    for order in ("pause", "resume", "resync"):
        unknown = sluice.cli("tables", order, "public.nowhere", "--json")
        assert unknown.returncode == 2 and json.loads(unknown.stdout)["error"]["hint"], unknown
    assert sluice.cli("tables", "resync").returncode == 2
    assert sluice.cli("tables", "add", "public.log").returncode == 2


def test_wait(mirror) -> None:
    pg, sluice = mirror
    pg.psql("INSERT INTO a VALUES (100001, 'waited for')")
    done = json.loads(sluice.ok("wait", "--json"))
    assert list(done) == ["lsn"] and ("100001", "waited for") in read_pyiceberg(sluice.catalog_db, "public.a")
    sluice.ok("wait", "--lsn", done["lsn"], "--timeout", "5s")
    late = sluice.cli("wait", "--lsn", "FFFF/0", "--timeout", "300ms", "--json")
    assert late.returncode == 4 and json.loads(late.stdout)["error"]["kind"] == "exhausted"
    for wrong in (["--lsn", "zero"], ["--timeout", "soon"]):
        assert sluice.cli("wait", *wrong).returncode in (1, 2)


def test_query_prints_what_works(mirror) -> None:
    pg, sluice = mirror
    rows = len(source_rows(pg, "a"))
    snippet = sluice.ok("query", "public.a", "--for", "duckdb")
    with duckdb_connection() as connection:
        select = snippet.split("LOAD iceberg;")[1].replace("LIMIT 10", "")
        assert len(connection.execute(select).fetchall()) == rows
    snippet = sluice.ok("query", "public.a", "--for", "pyiceberg")
    assert "print(" in snippet
    scope: dict = {}
    exec(snippet.replace("print(", "found = ("), scope)  # noqa: S102: the snippet is what is tested
    assert scope["found"].num_rows == 10
    spark = json.loads(sluice.ok("query", "public.a", "--for", "spark", "--json"))
    assert set(spark) == {"table", "for", "snippet"} and str(sluice.catalog_db) in spark["snippet"]
    unknown = sluice.cli("query", "public.nowhere")
    assert unknown.returncode == 2 and "sluice tables list" in unknown.stderr
    assert sluice.cli("query", "public.a", "--for", "excel").returncode == 2


def test_bus(mirror) -> None:
    pg, sluice = mirror
    pg.psql("UPDATE a SET v = 'secretive' WHERE id = 3")
    sluice.ok("wait")
    info = json.loads(sluice.ok("bus", "info", "--json"))
    assert {"path", "first_lsn", "last_lsn", "bytes", "segments", "disk_free_bytes"} == set(info)
    assert info["segments"] >= 1 and info["bytes"] > 0 and info["path"] in sluice.ok("bus", "info")
    records = [json.loads(line) for line in sluice.ok("bus", "dump", "--records", "10000").splitlines()]
    assert {"changes", "cut", "schema"} <= {record["kind"] for record in records}
    assert any(record.get("updates") == 1 for record in records)
    assert "secretive" not in sluice.ok("bus", "dump")
    assert len(sluice.ok("bus", "dump", "--records", "2").splitlines()) == 2
    assert sluice.cli("bus", "replay").returncode == 2


def test_config_and_version(mirror, tmp_path) -> None:
    _, sluice = mirror
    settings = json.loads(sluice.ok("config", "--json"))["settings"]
    assert settings["memory"] == {"value": "512MiB", "from": "default"} and settings["http"]["from"].startswith("line ")
    secret = tmp_path / "secret.yaml"
    secret.write_text(sluice.config_file.read_text().replace("source:\n", "source:\n  password: hush\n")
                      .replace("postgres@", "postgres:hush2@"))
    done = subprocess.run([sluice.binary, "config", "-c", secret], text=True, capture_output=True, check=True)
    assert "hush" not in done.stdout and "***" in done.stdout
    done = subprocess.run([sluice.binary, "version", "--json"], text=True, capture_output=True, check=True,
                          env={"SLUICE_CONFIG": "nowhere"})
    assert list(json.loads(done.stdout)) == ["version"]


def test_pages(mirror) -> None:
    pg, sluice = mirror
    assert get(sluice, "/healthz") == (200, "ok\n") and get(sluice, "/readyz") == (200, "ok\n")
    code, text = get(sluice, "/status")
    assert code == 200 and {table["name"] for table in json.loads(text)["tables"]} == {"public.a", 'public."B b"'}
    assert set(json.loads(text)) == set(sluice.json("status"))
    code, metrics = get(sluice, "/metrics")
    assert code == 200 and 'sluice_source_connected{pipeline="test"} 1' in metrics
    assert 'sluice_table_rows{pipeline="test",table="public.a"} ' + pg.psql("SELECT count(*) FROM a") in metrics
    for line in metrics.splitlines():
        assert line.startswith(("# HELP sluice_", "# TYPE sluice_", "sluice_")), line
    labels = set(re.findall(r'[{,](\w+)="', metrics))
    assert labels == {"pipeline", "table"}
    assert set(re.findall(r'table="((?:[^"\\]|\\.)*)"', metrics)) == {name.replace('"', '\\"') for name in states(sluice)}
    assert get(sluice, "/nowhere")[0] == 404
    assert sluice.control_socket.stat().st_mode & 0o777 == 0o600
    pg.psql('ALTER TABLE "B b" ADD COLUMN x int; INSERT INTO "B b" VALUES (2)')
    sluice.wait_for(lambda: states(sluice)['public."B b"'] == "failed", 60)
    assert get(sluice, "/readyz")[0] == 503 and get(sluice, "/healthz")[0] == 200
    sluice.ok("tables", "resync", 'public."B b"')
    sluice.wait_for(lambda: get(sluice, "/readyz")[0] == 200, 60, "ready again")


def test_commands_without_a_running_program(mirror) -> None:
    pg, sluice = mirror
    assert sluice.stop() == 0
    status = sluice.json("status")
    assert {table["state"] for table in status["tables"]} == {"live"} and "not running" in sluice.ok("status")
    waited = sluice.cli("wait", "--timeout", "2s")
    assert waited.returncode in (1, 2) and "what to do: " in waited.stderr
    sluice.ok("tables", "pause", "public.a")
    assert states(sluice)["public.a"] == "paused"
    sluice.ok("tables", "resume", "public.a")
    assert sluice.cli("tables", "pause", "public.nowhere").returncode == 2
    sluice.ok("query", "public.a")
    sluice.ok("bus", "info")
    pg.psql("DELETE FROM a WHERE id < 100")
    sluice.ok("run", "--once")
    assert_mirrored(pg, sluice, ["public.a", 'public."B b"'])
    sluice.run_background()
    sluice.caught_up()


BIG = "CREATE TABLE big (id bigint PRIMARY KEY, v text); INSERT INTO big SELECT i, repeat(md5(i::text), 8) FROM generate_series(1, 400000) i"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopping_during_the_copy(tmp_path, number) -> None:
    with pipeline(tmp_path, BIG) as (pg, sluice):
        sluice.run_background()
        sluice.wait_for(lambda: sluice.control_socket.exists() and any(
            table["rows_copied"] for table in sluice.json("status")["tables"]), 30, "the copy to be under way")
        assert states(sluice) == {"public.big": "copying"}
        sluice.process.send_signal(number)
        assert sluice.wait_exit(30) == 0
        assert not sluice.catalog_db.exists() or sluice.json("status")["tables"] == [], "nothing half copied shows"
        pg.psql("DELETE FROM big WHERE id % 3 = 0")
        sluice.run_background()
        sluice.caught_up()
        table = pyiceberg_arrow(sluice.catalog_db, "public.big")
        assert table.num_rows == int(pg.psql("SELECT count(*) FROM big"))
        assert_mirrored(pg, sluice, ["public.big"])


def test_a_second_signal_ends_at_once(tmp_path) -> None:
    with pipeline(tmp_path, BIG) as (pg, sluice):
        sluice.run_background()
        sluice.wait_for(lambda: sluice.log_has("copying 1 tables"), 60)
        # A server that does not answer keeps the first stop waiting.
        pids = pg.psql("SELECT string_agg(pid::text, ' ') FROM pg_stat_activity WHERE application_name LIKE 'sluice%'").split()
        for pid in pids:
            subprocess.run(["kill", "-STOP", pid], check=True)
        try:
            sluice.process.send_signal(signal.SIGINT)
            sluice.wait_for(lambda: sluice.log_has("once more ends at once"), 60)
            sluice.process.send_signal(signal.SIGINT)
            assert sluice.wait_exit(10) in (0, 130)
        finally:
            for pid in pids:
                subprocess.run(["kill", "-CONT", pid], check=False)
        shutil.rmtree(tmp_path / "state")
        sluice.run_background()
        sluice.caught_up()
        assert_mirrored(pg, sluice, ["public.big"])
