"""A database on a shared server with a pipeline of its own, and what a refusal must look like."""

import json
import pathlib
import re
import subprocess
from collections import Counter
from typing import Any

from harness.postgres import ThrowawayPostgres
from harness.readers import assert_readers_agree, read_pyiceberg, source_rows
from harness.sluice import Sluice
from mirror.mirrored import assert_mirrored, states

TABLES = """CREATE TABLE a (id int PRIMARY KEY, v text); INSERT INTO a SELECT i, 'v' || i FROM generate_series(1, 300) i;
            CREATE TABLE b (id int PRIMARY KEY); INSERT INTO b VALUES (1);"""
DONE, FAILED, OPERATOR = 0, 1, 2  # exit codes


class Place:
    """`name` is the database's and the pipeline's. Use as a context manager; leaves no slot behind."""

    def __init__(self, server: ThrowawayPostgres, folder: pathlib.Path, name: str, database_options: str = ""):
        self.server, self.name = server, name
        self.sluice = Sluice(folder)
        server.create_database(name, database_options)

    def __enter__(self) -> "Place":
        self.configure()
        return self

    def __exit__(self, *_: object) -> None:
        self.sluice.__exit__()
        self.server.wait_until_ready()
        self.drop_slot()

    def configure(self, url: str = "", **settings: Any) -> None:
        settings = {"defaults": {"freshness": "200ms"}, **settings}
        self.sluice.write_config(url or self.server.url(self.name), self.name, **settings)

    @property
    def slot(self) -> str:
        return f"sluice_{self.name}"

    def psql(self, sql: str) -> str:
        return self.server.psql(sql, self.name)

    def end_walsender(self) -> None:
        self.psql(f"SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = '{self.slot}'"
                  " AND active_pid IS NOT NULL")

    def drop_slot(self) -> None:
        """Also while a process reads it."""
        self.psql(f"""DO $$ BEGIN FOR i IN 1..600 LOOP
          PERFORM pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = '{self.slot}' AND active;
          BEGIN
            PERFORM pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = '{self.slot}';
            RETURN;
          EXCEPTION WHEN object_in_use THEN PERFORM pg_sleep(0.1);
          END;
        END LOOP; END $$""")

    def follow(self) -> None:
        self.sluice.run_background()
        self.sluice.caught_up()

    def assert_mirrored(self, *tables: str) -> None:
        assert_mirrored(self.server, self.sluice, tables, database=self.name)

    def assert_rows(self, *tables: str) -> None:
        """Without the metadata check: other programs wrote there too."""
        for table in tables:
            assert_readers_agree(source_rows(self.server, table, database=self.name), self.sluice.catalog_db, table)

    def arrives(self, table: str) -> None:
        """Waits for what is committed at the source now, also where another table has failed."""
        rows = source_rows(self.server, table, database=self.name)
        self.sluice.wait_for(lambda: Counter(read_pyiceberg(self.sluice.catalog_db, table)) == Counter(rows), 30, f"{table} to arrive")

    def goes_on(self, *tables: str) -> None:
        """After the cause is gone: the program runs (started here if it does not) and the lake equals the source."""
        if not self.sluice.running():
            self.sluice.run_background()
        for table in tables:
            self.state(table, "live")
        self.sluice.caught_up()
        self.assert_mirrored(*tables)

    def starts_over(self, *tables: str) -> None:
        """What the hints call starting over."""
        self.sluice.ok("drop", "--keep-lake", "--yes")
        self.sluice.ok("tables", "resync", "--all")
        self.goes_on(*tables)

    def state(self, table: str, state: str) -> dict[str, Any]:
        """Waits until the running program says so; the table's status."""
        self.sluice.wait_for(lambda: states(self.sluice).get(table) == state, 60, f"{table} to be {state}")
        return next(one for one in self.sluice.status()["tables"] if one["name"] == table)

    def failed(self, table: str, reason: str, hint: str = "resync") -> None:
        """The table is failed for this reason, says what to do, and the others do not mind."""
        status = self.state(table, "failed")
        assert re.search(reason, status["reason"]), status
        assert re.search(hint, status["hint"]), status

    def refuses(self, code: int, message: str, hint: str, *command: str, **options: Any) -> None:
        """The command (default: run --once) ends with this code and one error with something to do."""
        done = self.sluice.cli(*(command or ("run", "--once")), **options)
        assert_refusal(done, code, message, hint)

    def ends(self, code: int, message: str, hint: str, seconds: float = 60) -> None:
        """The running program ends by itself so."""
        assert self.sluice.wait_exit(seconds) == code, self.sluice.log_tail()
        assert_error(self.sluice.log(), message, hint)


def assert_refusal(done: subprocess.CompletedProcess, code: int, message: str, hint: str) -> None:
    assert done.returncode == code, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
    assert_error(done.stderr, message, hint)


def assert_error(text: str, message: str, hint: str) -> None:
    """Exactly one error in `text`, with these words and this hint (patterns)."""
    errors = re.findall(r"^sluice: (.*)$", text, re.M)
    hints = re.findall(r"^  what to do: (.*)$", text, re.M)
    assert len(errors) == 1 and len(hints) == 1, text
    assert re.search(message, errors[0]), errors[0]
    assert re.search(hint, hints[0]), hints[0]


def checks(place: Place) -> dict[str, dict[str, str]]:
    """`sluice check`, by name."""
    done = place.sluice.cli("check", "--json")
    lines = json.loads(done.stdout)["checks"]
    assert done.returncode == (OPERATOR if any(line["outcome"] == "FAIL" for line in lines) else DONE), done.stdout
    return {line["name"]: line for line in lines}
