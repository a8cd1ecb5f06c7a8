"""C2 and C3: a backlog that waits in a slot, against the same slot drained to nothing.

The first copy is made and stopped, the slot copied, the backlog written. Every turn starts from there: from a copy of the
slot, and sluice from a copy of its folder.
"""

import abc
import shutil

import tpcb
from copy_bench import Trips
from harness.sluice import Sluice
from measure import Usage, folder_bytes, median, run_once
from results import Results
from source import BENCH, PROGRAM_CORE, Source, compare

SLOT, BASE = "sluice_bench", "base"


class StreamBench(abc.ABC):
    """A subclass says what the tables are and what happens to them."""

    name: str
    case = ""  # which of several of that name
    changes_word = "changes"
    environment: dict[str, str] = {}  # of sluice
    pinnings = (True, False)

    def __init__(self, source: Source, results: Results, pairs: int, scale: float):
        self.source, self.results, self.pairs, self.scale = source, results, pairs, scale
        self.sluice = Sluice(source.scratch / "stream")
        self.kept = source.scratch / "stream-kept"

    @abc.abstractmethod
    def fill(self) -> None: ...

    @abc.abstractmethod
    def backlog(self) -> None: ...

    @abc.abstractmethod
    def tables(self) -> dict[str, str]:
        """table -> the text of a row"""

    def report(self, name: str, changes: int, wall: float) -> None:
        """More figures of the pairs called `name`, or checks of what a run left."""

    def last(self) -> None:
        """Figures that need no pairs."""

    def run(self) -> None:
        print(f"{self.name}: {self.__doc__}", flush=True)
        self._begin()
        self.backlog()
        self.end = self.source.sql("SELECT pg_current_wal_insert_lsn()")
        self.expected = {table: (text, self.source.sums(table, text)) for table, text in self.tables().items()}
        for pinned in self.pinnings:
            self.source.pin(pinned)
            self._pairs(", ".join(filter(None, ["pinned" if pinned else "unpinned", self.case])), pinned)
        self.source.pin(False)
        self.last()
        self._restore()
        self.sluice.ok("drop", "--yes")
        self.source.sql(f"SELECT pg_drop_replication_slot('{BASE}'); DROP TABLE {', '.join(self.tables())}")
        for folder in (self.sluice.folder, self.kept):
            shutil.rmtree(folder)

    def _begin(self) -> None:
        self.fill()
        self.sluice.write_config(self.source.url, pipeline="bench")
        self.sluice.ok("run", "--once", seconds=600)
        shutil.copytree(self.sluice.folder, self.kept, ignore=shutil.ignore_patterns("*.sock"))
        self.source.sql(f"SELECT pg_copy_logical_replication_slot('{SLOT}', '{BASE}')")

    def _restore(self) -> None:
        shutil.rmtree(self.sluice.folder)
        shutil.copytree(self.kept, self.sluice.folder)
        self._new_slot()

    def _new_slot(self) -> None:
        self.source.sql(f"SELECT pg_drop_replication_slot('{SLOT}')")
        self.source.sql(f"SELECT pg_copy_logical_replication_slot('{BASE}', '{SLOT}')")

    def _pairs(self, name: str, pinned: bool) -> None:
        drains, follows = [], []
        for _ in range(self.pairs):
            drain, changes = self._drain(pinned)
            drains.append(drain)
            follows.append(self._follow(pinned))
        usages = [usage for usage, _ in follows]
        ratios = [drain.wall / follow.wall for drain, follow in zip(drains, usages)]
        add, what = self.results.add, self.changes_word
        add(self.name, f"{name}: rate / drained slot", median(ratios), "ratio")
        add(self.name, f"{name}: {what} per CPU-second", changes / median(u.cpu for u in usages) / 1e3, f"K {what}")
        add(self.name, f"{name}: {what} per second", changes / median(u.wall for u in usages) / 1e3, f"K {what}")
        add(self.name, f"{name}: drained {what} per second", changes / median(d.wall for d in drains) / 1e3, f"K {what}")
        add(self.name, f"{name}: peak memory", max(u.peak_bytes for u in usages) / 2**20, "MiB")
        add(self.name, f"{name}: bytes written a change", median(u.written_bytes for u in usages) / changes, "bytes")
        add(self.name, f"{name}: index runs, per row", median(index for _, index in follows), "bytes")
        self.report(name, changes, median(u.wall for u in usages))

    def _drain(self, pinned: bool) -> tuple[Usage, int]:
        self._new_slot()
        options = f"(proto_version '2', streaming 'on', binary 'true', publication_names '{SLOT}')"
        return self.source.drain([["stream", SLOT, self.end, options]], pinned)

    def _follow(self, pinned: bool) -> tuple[Usage, float]:
        self._restore()
        usage = run_once(self.sluice, PROGRAM_CORE if pinned else None, self.environment)
        compare(self.source, self.sluice.catalog_db, self.expected)
        rows = sum(int(sums.split("|")[0]) for _, sums in self.expected.values())
        return usage, folder_bytes(self.sluice.folder / "state" / "index") / rows


class TpcB(StreamBench):
    """a backlog of TPC-B transactions by pgbench"""

    name = "C2"
    TRANSACTIONS = 400_000
    ACCOUNTS_SCALE = 20

    def fill(self) -> None:
        self.source.pgbench("-i", "-q", "-s", max(1, round(self.ACCOUNTS_SCALE * self.scale)))
        self.source.sql("ALTER TABLE pgbench_history ADD COLUMN hid bigserial PRIMARY KEY; CHECKPOINT")

    def backlog(self) -> None:
        self.source.pgbench("-M", "prepared", "-c", 2, "-j", 1, "--random-seed=7", "-t",
                            int(self.TRANSACTIONS * self.scale) // 2)

    def tables(self) -> dict[str, str]:
        return tpcb.TABLES


class WideInserts(StreamBench):
    """a backlog of inserts of 20 columns, a thousand rows a transaction"""

    name = "C2"
    case = "wide inserts"
    pinnings = (True,)
    ROWS = 1_000_000
    ROWS_A_TRANSACTION = 1000

    def fill(self) -> None:
        self.rows = max(self.ROWS_A_TRANSACTION, int(self.ROWS * self.scale))
        self.source.sql((BENCH / f"{Trips.table}.sql").read_text().replace(":rows", str(self.rows)))
        # Without a key it is not mirrored.
        self.source.sql("""
            CREATE TABLE staged AS TABLE trips; CREATE INDEX ON staged (id); ANALYZE staged; TRUNCATE trips;
            INSERT INTO trips SELECT * FROM staged WHERE id = 1; CHECKPOINT""")

    def backlog(self) -> None:
        self.source.sql(f"""
            DO $$ BEGIN
              FOR k IN 2 .. {self.rows} BY {self.ROWS_A_TRANSACTION} LOOP
                INSERT INTO trips SELECT * FROM staged WHERE id BETWEEN k AND k + {self.ROWS_A_TRANSACTION - 1};
                COMMIT;
              END LOOP;
            END $$;
            DROP TABLE staged; DROP FUNCTION draw""")

    def tables(self) -> dict[str, str]:
        return {Trips.table: Trips.row_text()}


class Updates(StreamBench, abc.ABC):
    """nine updates and a delete a transaction, over a table of 10 M rows"""

    name = "C3"
    changes_word = "updates"  # a tenth of them deletes
    ROWS = 10_000_000
    TRANSACTIONS = 100_000
    key: str  # pgbench's expression for an id from 1 to :rows

    def fill(self) -> None:
        self.rows = int(self.ROWS * self.scale)
        self.source.sql(f"""
            CREATE TABLE items (id bigint PRIMARY KEY, kind integer NOT NULL, amount numeric(12,2) NOT NULL,
                                note varchar(40) NOT NULL, changed timestamptz NOT NULL) WITH (fillfactor = 70);
            INSERT INTO items SELECT i, i % 97, (i::bigint * 7919 % 1000003) / 100.0, 'item ' || md5(i::text),
                                     timestamptz '2026-01-01 00:00+00' + i * interval '1 second'
            FROM generate_series(1, {self.rows}) i;
            VACUUM (FREEZE, ANALYZE) items; CHECKPOINT""")

    def backlog(self) -> None:
        keys = "".join(f"\\set k{i} {self.key}\n" for i in range(9))
        listed = ", ".join(f":k{i}" for i in range(9))
        script = self.source.scratch / "updates.sql"
        # Deleted rows are drawn uniformly: a hot row that is gone would end its updates.
        script.write_text(f"{keys}\\set gone random(1, :rows)\n"
                          f"WITH gone AS (DELETE FROM items WHERE id = :gone) "
                          f"UPDATE items SET amount = amount + 1, changed = changed + interval '1 day' WHERE id IN ({listed});\n")
        # Two clients that want the same hot rows may deadlock; one of them tries again.
        self.source.pgbench("-M", "prepared", "-c", 2, "-j", 1, "--random-seed=7", "--max-tries=100", "-D", f"rows={self.rows}",
                            "-f", script, "-t", int(self.TRANSACTIONS * self.scale) // 2)

    def tables(self) -> dict[str, str]:
        return {"items": "concat_ws('|', id, kind, amount, note, (extract(epoch FROM changed))::bigint)"}


class UniformUpdates(Updates):
    """nine updates and a delete a transaction, uniform over a table of 10 M rows"""

    case = "uniform"
    key = "random(1, :rows)"


class ZipfianUpdates(Updates):
    """nine updates and a delete a transaction, zipfian over a table of 10 M rows"""

    case = "zipfian"
    pinnings = (True,)
    key = "1 + permute(random_zipfian(1, :rows, 1.1) - 1, :rows)"
