#!/usr/bin/env python3
"""`make demo`: a throwaway Postgres, a million rows, their mirror, a crash, and a proof that both are equal.

Everything lives in build/demo and is gone at the end. DEMO_SECONDS=n: end n seconds after the last step instead of at
Ctrl-C. SLUICE_BIN: the program. Exit code 0: every step held.
"""

import contextlib
import fcntl
import os
import pathlib
import shutil
import signal
import socket
import stat
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tools")]

from demo import lake  # noqa: E402
from demo.steps import Steps, show  # noqa: E402
from demo.workload import Workload  # noqa: E402
from harness.postgres import BINARIES, ThrowawayPostgres  # noqa: E402
from harness.sluice import BINARY, Sluice  # noqa: E402

FOLDER = ROOT / "build" / "demo"
DATABASE = lake.DATABASE
SOCKET_PATH_MAX = 107  # sun_path of unix(7), less the final zero
WORK_SECONDS = 6
OWN_STOP_SECONDS = 5


def server_folder() -> pathlib.Path:
    """FOLDER; a temporary one where the server's unprivileged user cannot get there, or its socket's path is too long."""
    open_to_all = all(parent.stat().st_mode & stat.S_IXOTH for parent in [FOLDER, *FOLDER.parents])
    short = len(str(FOLDER)) + len("/sluice-pg-12345678/.s.PGSQL.65535") <= SOCKET_PATH_MAX
    return FOLDER if short and (open_to_all or os.geteuid() != 0) else pathlib.Path(tempfile.gettempdir())


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start_server(steps: Steps) -> ThrowawayPostgres:
    with steps.step("start a Postgres for this demo only") as facts:
        tempfile.tempdir = str(server_folder())
        pg = ThrowawayPostgres({"shared_buffers": "128MB", "max_wal_size": "2GB"}).start()
        facts.append(f"port {pg.port}, in {pg.folder}")
    return pg


def fill(steps: Steps, pg: ThrowawayPostgres) -> None:
    with steps.step("fill it: apiaries, hives, sensors, readings by month, inspections") as facts:
        pg.create_database(DATABASE)
        pg.psql((pathlib.Path(__file__).parent / "database.sql").read_text(), DATABASE)
        rows = pg.psql("SELECT " + " + ".join(f"(SELECT count(*) FROM {table})" for table in lake.SUMS), DATABASE)
        facts.append(f"{int(rows):,} rows")


def configure(steps: Steps, pg: ThrowawayPostgres, sluice: Sluice) -> str:
    """The address of the status page."""
    with steps.step("sluice init: writes sluice.yaml") as facts:
        sluice.ok("init", pg.url(DATABASE), "-o", str(sluice.config_file))
        http = f"127.0.0.1:{free_port()}"
        text = sluice.config_file.read_text()
        for before, after in (("freshness: 10s", "freshness: 1s"), ("http: 127.0.0.1:8642", f"http: {http}")):
            assert before in text, f"sluice init wrote no {before!r}"
            text = text.replace(before, after)
        sluice.config_file.write_text(text)
        facts.append("freshness set to 1s")
    with steps.step("sluice check"):
        checked = sluice.ok("check")
    show(checked)
    with steps.step("sluice plan"):
        plan = sluice.ok("plan")
    show(plan, 12)
    return http


def copy(steps: Steps, sluice: Sluice) -> None:
    with steps.step("sluice run: copies every table") as facts:
        sluice.run_background()
        sluice.caught_up(300)
        tables = sluice.json("status")["tables"]
        assert {table["state"] for table in tables} == {"live"}, tables
        facts.append(f"{sum(table['rows'] for table in tables):,} rows in the lake")


def follow(steps: Steps, pg: ThrowawayPostgres, sluice: Sluice) -> None:
    with steps.step("an application writes: inserts, updates, deletes, several tables a transaction") as facts:
        work = Workload(pg.url(DATABASE))
        work.start()
        work.join(WORK_SECONDS)
        status = sluice.ok("status")
        facts.append(f"{work.finish()} transactions")
    print("     sluice status, taken under that load:")
    show(status)
    same(steps, "count and sum of every table: psql, DuckDB, PyIceberg", pg, sluice)
    with steps.step("change one row, look for it in the lake") as facts:
        seconds = lake.rename_hive_and_wait(pg, sluice.catalog_db, 7, "Hive with a new name")
        facts.append(f"there after {seconds:.2f} s")


def same(steps: Steps, title: str, pg: ThrowawayPostgres, sluice: Sluice) -> None:
    with steps.step(title) as facts:
        sluice.caught_up()
        facts.append(f"equal, {lake.compare(pg, sluice.catalog_db):,} rows")


def crash(steps: Steps, pg: ThrowawayPostgres, sluice: Sluice) -> None:
    with steps.step("kill -9 in the middle of it; the application goes on meanwhile; start again") as facts:
        work = Workload(pg.url(DATABASE))
        work.start()
        work.join(2)
        sluice.kill()
        work.join(2)
        begun = time.monotonic()
        sluice.run_background()
        facts.append(f"{work.finish()} transactions")
        sluice.caught_up()
        facts.append(f"caught up {time.monotonic() - begun:.1f} s after the start")
    same(steps, "nothing lost, nothing twice", pg, sluice)


def audit(steps: Steps, pg: ThrowawayPostgres, sluice: Sluice) -> None:
    with steps.step("sluice audit: every row of source and lake, while the application writes"):
        work = Workload(pg.url(DATABASE))
        work.start()
        report = sluice.ok("audit", seconds=300)
        work.finish()
    show(report)


def go_on(pg: ThrowawayPostgres, sluice: Sluice, http: str, seconds: float | None) -> None:
    config = f"-c {sluice.config_file}"
    print(f"""
Source and lake stay equal while a light load goes on. To try in another terminal:
    {sluice.binary} {config} status --watch
    {sluice.binary} {config} query public.hives --for duckdb
    {sluice.binary} {config} query public.readings --for pyiceberg
    {sluice.binary} {config} audit
    {BINARIES}/psql {pg.url(DATABASE)} -c "UPDATE hives SET name = 'mine' WHERE id = 1"
    curl http://{http}/status        (also /metrics, /healthz, /readyz)
Log: {sluice.log_file}
{'Ctrl-C ends the demo and removes it.' if seconds is None else f'The demo ends in {seconds:.0f} s.'}""", flush=True)
    work = Workload(pg.url(DATABASE))
    work.start()
    deadline = None if seconds is None else time.monotonic() + seconds
    try:
        while deadline is None or time.monotonic() < deadline:
            work.join(0.2)
            assert work.is_alive(), f"the workload ended: {work.failure}"
            assert sluice.running(), f"sluice ended:\n{sluice.log_tail()}"
    except KeyboardInterrupt:
        print("\nended by the user")
        await_own_stop(sluice)
    work.finish()


def await_own_stop(sluice: Sluice) -> None:
    """A terminal's Ctrl-C reaches sluice as well, and a second signal would end it before it has stopped cleanly."""
    with contextlib.suppress(AssertionError):
        sluice.wait_exit(OWN_STOP_SECONDS)


def play(pg: ThrowawayPostgres, sluice: Sluice, steps: Steps) -> None:
    fill(steps, pg)
    http = configure(steps, pg, sluice)
    copy(steps, sluice)
    follow(steps, pg, sluice)
    crash(steps, pg, sluice)
    audit(steps, pg, sluice)
    print(f"\nEvery step held, in {time.monotonic() - steps.begun:.0f} s.")
    limit = os.environ.get("DEMO_SECONDS")
    go_on(pg, sluice, http, float(limit) if limit else None)


def interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def main() -> int:
    FOLDER.parent.mkdir(exist_ok=True)
    lock = (FOLDER.parent / "demo.lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print("another demo runs in this folder", file=sys.stderr)
        return 1
    shutil.rmtree(FOLDER, ignore_errors=True)  # of a demo that was killed
    FOLDER.mkdir()
    signal.signal(signal.SIGTERM, interrupt)
    steps = Steps()
    code = 1
    try:
        with start_server(steps) as pg, Sluice(FOLDER, BINARY.resolve()) as sluice:
            play(pg, sluice, steps)
            with steps.step("stop"):
                assert sluice.stop() == 0, f"sluice did not stop cleanly:\n{sluice.log_tail()}"
        code = 0
    except AssertionError as error:
        print(f"\nThe demo failed: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        code = 130
    finally:
        shutil.rmtree(FOLDER, ignore_errors=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
