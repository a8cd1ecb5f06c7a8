"""C5: updates that leave a large value alone. Postgres does not send it again, so it is fetched from the row's old file."""

import abc

from stream_bench import StreamBench

VALUE_BYTES = 4096


class ToastUpdates(StreamBench, abc.ABC):
    """A subclass says which rows are updated. Of 4 KB each, one row a transaction, default replica identity."""

    name = "C5"
    changes_word = "updates"
    ROWS = 100_000
    TRANSACTIONS = 100_000
    key: str  # pgbench's expression for an id from 1 to :rows

    def fill(self) -> None:
        self.rows = int(self.ROWS * self.scale)
        self.source.sql(f"""
            CREATE TABLE docs (id bigint PRIMARY KEY, seen integer NOT NULL, body text NOT NULL) WITH (fillfactor = 70);
            ALTER TABLE docs ALTER body SET STORAGE EXTERNAL;
            INSERT INTO docs SELECT i, 0, (SELECT string_agg(md5((i * 1000 + k)::text), '')
                                           FROM generate_series(1, {VALUE_BYTES // 32}) k)
            FROM generate_series(1, {self.rows}) i;
            VACUUM (FREEZE, ANALYZE) docs; CHECKPOINT""")

    def backlog(self) -> None:
        script = self.source.scratch / "toast.sql"
        script.write_text(f"\\set id {self.key}\nUPDATE docs SET seen = seen + 1 WHERE id = :id;\n")
        self.source.pgbench("-M", "prepared", "-c", 2, "-j", 1, "--random-seed=7", "-D", f"rows={self.rows}", "-f", script,
                            "-t", int(self.TRANSACTIONS * self.scale) // 2)

    def tables(self) -> dict[str, str]:
        return {"docs": "concat_ws('|', id, seen, body)"}

    def report(self, name: str, changes: int, wall: float) -> None:
        # Of every update, also of those that another one of the same window overtakes.
        self.results.add(self.name, f"{name}: values carried over", changes * VALUE_BYTES / wall / 1e6, "MB/s")


class ZipfianToastUpdates(ToastUpdates):
    """updates beside a 4 KB value, zipfian"""

    case = "zipfian"
    key = "1 + permute(random_zipfian(1, :rows, 1.1) - 1, :rows)"


class UniformToastUpdates(ToastUpdates):
    """updates beside a 4 KB value, uniform"""

    case = "uniform"
    key = "random(1, :rows)"
