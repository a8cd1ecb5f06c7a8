"""Memory stays in its budget whatever the size of a transaction or a table."""

import pathlib
import re
import threading

from mirror.mirrored import assert_mirrored, pipeline

ROWS = 2_000_000
BUDGET = 128 << 20
BESIDE = 64 << 20  # the program, its libraries and the mapped index: pages of files, which the kernel takes back at will


def kilobytes(pid: int, field: str) -> int:
    return int(re.search(rf"{field}:\s+(\d+) kB", pathlib.Path(f"/proc/{pid}/status").read_text()).group(1))


class Peak(threading.Thread):
    """The most anonymous memory a process has at any look at it: what the kernel cannot take back (proc(5), RssAnon)."""

    def __init__(self, pid: int):
        super().__init__(daemon=True)
        self.pid, self.bytes, self.ended = pid, 0, threading.Event()
        self.start()

    def run(self) -> None:
        while not self.ended.wait(0.01):
            self.bytes = max(self.bytes, kilobytes(self.pid, "RssAnon") << 10)

    def stop(self) -> int:
        self.ended.set()
        self.join()
        return self.bytes


def test_a_copy_of_two_million_rows_fits_128_mib(tmp_path: pathlib.Path) -> None:
    setup = f"CREATE TABLE big (id bigint PRIMARY KEY, n int, t text); INSERT INTO big SELECT i, i, repeat(md5(i::text), 4) FROM generate_series(1, {ROWS}) i"
    with pipeline(tmp_path, setup, memory="128MiB", copy={"workers": 2}) as (_, sluice):
        peak = Peak(sluice.run_background().pid)
        sluice.caught_up(seconds=240)
        anonymous = peak.stop()
        assert 0 < anonymous <= BUDGET, f"{anonymous / (1 << 20):.0f} MiB"
        assert sluice.status()["tables"][0]["rows"] == ROWS


def test_a_transaction_of_two_million_rows_fits_128_mib(tmp_path: pathlib.Path) -> None:
    setup = """CREATE TABLE big (id bigint PRIMARY KEY, n int, t text);
               INSERT INTO big SELECT i, 0, md5(i::text) FROM generate_series(1, 1000) i;
               CREATE TABLE small (id int PRIMARY KEY);"""
    with pipeline(tmp_path, setup, memory="128MiB") as (pg, sluice):
        process = sluice.run_background()
        sluice.caught_up()
        peak = Peak(process.pid)
        pg.psql(f"""BEGIN;
                    INSERT INTO big SELECT i, i, md5(i::text) FROM generate_series(1001, {ROWS} - 500000) i;
                    UPDATE big SET n = n + 1, t = t || 'x' WHERE id <= 500000;
                    DELETE FROM big WHERE id % 1000 = 7;
                    INSERT INTO small VALUES (1);
                    COMMIT""")
        sluice.caught_up(seconds=240)
        anonymous, all_of_it = peak.stop(), kilobytes(process.pid, "VmHWM") << 10
        assert 0 < anonymous <= BUDGET, f"{anonymous / (1 << 20):.0f} MiB"
        assert all_of_it <= BUDGET + BESIDE, f"{all_of_it / (1 << 20):.0f} MiB"
        report = sluice.json("audit", "public.big", seconds=240)
        assert report["equal"], report
        assert_mirrored(pg, sluice, ["public.small"])
