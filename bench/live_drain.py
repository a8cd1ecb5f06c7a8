"""The reader that discards, while the source is written to: `drain` on a slot of its own until it is told to end."""

import subprocess
import time

import tpcb
from harness.wait import wait_for
from source import DATABASE, Source

SLOT = "drained"
NEVER = "FFFFFFFF/0"


class LiveDrain:
    """Use as a context manager: from entering on the server sends to it. `publication` says which tables."""

    def __init__(self, source: Source, publication: str, core: int | None = None):
        self.source, self.publication = source, publication
        self.pin = ["taskset", "-c", str(core)] if core is not None else []

    def __enter__(self) -> "LiveDrain":
        self.source.sql(f"SELECT pg_create_logical_replication_slot('{SLOT}', 'pgoutput')")
        options = f"(proto_version '2', streaming 'on', binary 'true', publication_names '{self.publication}')"
        command = [*self.pin, self.source.programs / "drain", "stream", str(self.source.pg.port), DATABASE, SLOT, NEVER, options]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        wait_for(lambda: self._sender("state") == "streaming", 30, "the discarding reader to stream")
        return self

    def seconds_until(self, lsn: str) -> float:
        """How long until everything up to there was sent."""
        begun = time.monotonic()
        wait_for(lambda: self._sender(f"sent_lsn >= '{lsn}'") == "t", 600, "the discarding reader to catch up", every=0.02)
        return time.monotonic() - begun

    def _sender(self, what: str) -> str:
        assert self.process.poll() is None, "the discarding reader ended"
        return self.source.sql(f"SELECT {what} FROM pg_stat_replication s JOIN pg_replication_slots r ON r.active_pid = s.pid "
                               f"WHERE r.slot_name = '{SLOT}'")

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait()
        wait_for(lambda: self.source.sql(f"SELECT active FROM pg_replication_slots WHERE slot_name = '{SLOT}'") == "f", 30,
                 "the discarding reader's slot to be free")
        self.source.sql(f"SELECT pg_drop_replication_slot('{SLOT}')")


def carried(source: Source, publication: str, branches: int, seconds: float) -> float:
    """TPC-B transactions a second that the machine carries beside it, from the first until the reader has seen the last."""
    with LiveDrain(source, publication) as drain:
        with tpcb.Load(source, branches, seconds) as load:
            written = load.finish()
        behind = drain.seconds_until(source.sql("SELECT pg_current_wal_insert_lsn()"))
    return written.transactions / (written.seconds + behind)
