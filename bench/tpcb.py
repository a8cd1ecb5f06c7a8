"""TPC-B as a load beside the program: its tables, and transactions at a given rate or as many as there is room for."""

import dataclasses
import subprocess

from harness.postgres import BINARIES
from harness.wait import wait_for
from source import DATABASE, Source

TABLES = {"pgbench_accounts": "concat_ws('|', aid, bid, abalance, rtrim(filler))",
          "pgbench_tellers": "concat_ws('|', tid, bid, tbalance, rtrim(filler))",
          "pgbench_branches": "concat_ws('|', bid, bbalance, rtrim(filler))",
          "pgbench_history": "concat_ws('|', hid, tid, bid, aid, delta, mtime::date, rtrim(filler))"}
CLIENTS = 2
BATCH = 20
CHANGES = 4  # of a transaction
# pgbench's own transaction, each committed by itself, BATCH of them a call: a client that sends every statement alone
# cannot write half as fast as a slot is drained.
PROCEDURE = """
CREATE PROCEDURE tpcb(first integer, last integer, times integer) LANGUAGE plpgsql AS $$
DECLARE a integer; t integer; b integer; d integer;
BEGIN
  FOR i IN 1 .. times LOOP
    b := first + floor(random() * (last - first + 1));
    t := (b - 1) * 10 + 1 + floor(random() * 10);
    a := 1 + floor(random() * (SELECT 100000 * max(bid) FROM pgbench_branches));
    d := floor(random() * 10001) - 5000;
    UPDATE pgbench_accounts SET abalance = abalance + d WHERE aid = a;
    UPDATE pgbench_tellers SET tbalance = tbalance + d WHERE tid = t;
    UPDATE pgbench_branches SET bbalance = bbalance + d WHERE bid = b;
    INSERT INTO pgbench_history (tid, bid, aid, delta, mtime) VALUES (t, b, a, d, CURRENT_TIMESTAMP);
    COMMIT;
  END LOOP;
END $$"""


def branches_at(scale: float) -> int:
    """As fill() wants them, 20 at full size."""
    return max(2, 2 * round(20 * scale / 2))


def fill(source: Source, branches: int) -> None:
    """Branches are a multiple of the clients; each client has its own, so that they do not wait for one another's locks."""
    source.pgbench("-i", "-q", "-s", branches)
    source.sql(f"ALTER TABLE pgbench_history ADD COLUMN hid bigserial PRIMARY KEY; {PROCEDURE}; CHECKPOINT")


def drop(source: Source) -> None:
    source.sql(f"DROP PROCEDURE tpcb; DROP TABLE {', '.join(TABLES)}")


@dataclasses.dataclass
class Written:
    transactions: int
    seconds: float

    @property
    def per_second(self) -> float:
        return self.transactions / self.seconds


class Load:
    """Use as a context manager, or begin() and finish(). `rate`: transactions a second, None for all there is room for;
    ends by itself after `seconds`. `core` pins pgbench. `plain`: pgbench's own script, a statement at a time."""

    def __init__(self, source: Source, branches: int, seconds: float, rate: float | None = None, core: int | None = None,
                 plain: bool = False):
        script = source.scratch / "tpcb.sql"
        share = branches // CLIENTS
        assert share * CLIENTS == branches, f"{branches} branches for {CLIENTS} clients"
        script.write_text(f"CALL tpcb(:client_id * {share} + 1, (:client_id + 1) * {share}, {BATCH});\n")
        pin = ["taskset", "-c", str(core)] if core is not None else []
        limit = ["-R", str(rate / BATCH)] if rate else []
        written = ["-c", str(2 * CLIENTS)] if plain else ["-c", str(CLIENTS), "-f", script]
        self.seconds = seconds
        self.command = [*pin, BINARIES / "pgbench", "-h", "127.0.0.1", "-p", str(source.pg.port), "-U", "postgres", "-n",
                        "-M", "prepared", "-j", "1", "-T", str(max(1, round(seconds))), *limit, *written, DATABASE]
        self.source = source
        self.process: subprocess.Popen | None = None

    def begin(self) -> "Load":
        self.rows = self._history()
        self.process = subprocess.Popen(self.command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        return self

    def running(self) -> bool:
        return self.process.poll() is None

    def finish(self) -> Written:
        """Waits for its end; what was written counts, whatever pgbench says."""
        _, said = self.process.communicate(timeout=self.seconds + 120)
        assert self.process.returncode == 0, said[-2000:]
        return Written(self._history() - self.rows, max(1, round(self.seconds)))

    def stop(self) -> None:
        """Before its time: what is committed stays."""
        self.process.terminate()
        self.process.communicate(timeout=60)
        wait_for(lambda: self.source.sql("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pgbench'") == "0", 60,
                 "the clients' sessions to end")

    def __enter__(self) -> "Load":
        return self.begin()

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def _history(self) -> int:
        return int(self.source.sql("SELECT count(*) FROM pgbench_history"))
