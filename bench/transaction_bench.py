"""C4: one transaction of a million rows, committed or rolled back, as a backlog and while the program runs."""

import threading
import time

from measure import median
from source import DATABASE, compare
from stream_bench import StreamBench

# As Postgres has it by default: sluice asks for more, and would be sent such a transaction only at its end.
WORK_MEM = "64MB"
MARKER_SECONDS = 0.2  # between two changes of the other table


class LargeTransaction(StreamBench):
    """one transaction of 1 M rows"""

    name = "C4"
    changes_word = "rows"
    ROWS = 1_000_000
    case = "committed"
    environment = {"PGOPTIONS": f"-c logical_decoding_work_mem={WORK_MEM}"}
    ending = "COMMIT"

    def fill(self) -> None:
        self.source.sql("""
            CREATE TABLE large (id bigint PRIMARY KEY, kind integer NOT NULL, note text NOT NULL);
            CREATE TABLE other (id bigserial PRIMARY KEY, note text NOT NULL);
            INSERT INTO other (note) VALUES ('first')""")

    def transaction(self) -> str:
        return (f"BEGIN; INSERT INTO large SELECT i, i % 97, 'row ' || md5(i::text) || md5((i + 1)::text) "
                f"FROM generate_series(1, {int(self.ROWS * self.scale)}) i; {self.ending}")

    def backlog(self) -> None:
        self.source.sql(f"ALTER DATABASE {DATABASE} SET logical_decoding_work_mem = '{WORK_MEM}'")
        self.source.sql(self.transaction())
        self.source.sql("INSERT INTO other (note) VALUES ('last')")

    def tables(self) -> dict[str, str]:
        return {"large": "concat_ws('|', id, kind, note)", "other": "concat_ws('|', id, note)"}

    def report(self, name: str, changes: int, wall: float) -> None:
        left = list(self.sluice.folder.rglob("*.spool"))
        assert not left, f"the transaction leaves {len(left)} files in the spool"

    def last(self) -> None:
        """The same while the program runs, beside small changes of another table."""
        self._restore()
        self.source.sql("TRUNCATE large")
        self.sluice.write_config(self.source.url, pipeline="bench", defaults={"freshness": "250ms"})
        self.sluice.run_background(env={"PGOPTIONS": "-c logical_decoding_work_mem=64kB"})  # sent as it is written
        self.sluice.caught_up(300)
        begun = time.monotonic()
        writer = threading.Thread(target=self.source.sql, args=(self.transaction(),))
        writer.start()
        lags: list[float] = []
        spooled: list[float] = []
        watch = threading.Thread(target=self._watch_spool, args=(writer, begun, spooled))
        watch.start()
        while writer.is_alive():
            lags.append(self._lag_of_marker())
            writer.join(MARKER_SECONDS)
        lags.append(self._lag_of_marker())
        watch.join()
        self.sluice.caught_up(300)
        assert self.sluice.stop() == 0, self.sluice.log_tail()
        compare(self.source, self.sluice.catalog_db,
                {table: (text, self.source.sums(table, text)) for table, text in self.tables().items()})
        self.results.add(self.name, f"{self.case}: first byte spooled after", spooled[0] if spooled else float("inf"), "s")
        self.results.add(self.name, f"{self.case}: freshness of another table, largest", max(lags), "s")
        self.results.add(self.name, f"{self.case}: freshness of another table, median", median(lags), "s")

    def _watch_spool(self, writer: threading.Thread, begun: float, spooled: list[float]) -> None:
        while writer.is_alive() and not spooled:
            if any(file.stat().st_size for file in self.sluice.folder.rglob("*.spool")):
                spooled.append(time.monotonic() - begun)
            writer.join(0.01)

    def _lag_of_marker(self) -> float:
        """From a commit in the other table until the lake holds it."""
        self.source.sql("INSERT INTO other (note) VALUES ('marker')")
        begun = time.monotonic()
        self.sluice.ok("wait", "--timeout", "300s", seconds=330)
        return time.monotonic() - begun


class AbortedTransaction(LargeTransaction):
    """one transaction of 1 M rows that is rolled back"""

    case = "rolled back"
    ending = "ROLLBACK"
