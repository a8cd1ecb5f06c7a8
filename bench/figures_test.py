"""What turns observations into figures: reads out of a server's log, idle cores, percentiles, goals by a measure's words."""

import pathlib
import sys

import pytest

BENCH = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(BENCH))

import freshness  # noqa: E402
import many_tables_bench  # noqa: E402
import measure  # noqa: E402
import results  # noqa: E402

LINE = "2026-11-29 11:00:{end:06.3f} UTC [{session}] sluice_bench LOG:  duration: {milliseconds} ms  statement: BEGIN READ ONLY; COPY (SELECT 1)\n"


def log(*copies: tuple[int, float, float]) -> str:
    return "2026-11-29 11:00:00.000 UTC [9] psql LOG:  duration: 9 ms  statement: COPY x\n" + "".join(
        LINE.format(session=session, end=end, milliseconds=1e3 * (end - begin)) for session, begin, end in copies)


def test_the_time_between_reads_and_after_the_last_is_unread():
    reads = many_tables_bench._reads(log((17, 1, 2), (17, 3, 4), (18, 1, 3.5)))
    assert many_tables_bench._unread(reads) == pytest.approx((1 + 0.5) / 6)


def test_a_worker_that_never_reads_is_without_a_read_all_the_time():
    assert many_tables_bench._unread(many_tables_bench._reads(log((17, 1, 5)))) == pytest.approx(0.5)


def test_the_idle_share_is_that_of_the_time_asked_about():
    cores = measure.IdleCores(None)
    cores.looks = [(0.0, 5.0), (1.0, 5.5), (2.0, 5.75), (3.0, 6.75), (4.0, 6.75)]
    assert cores.share(0.9, 3.1) == pytest.approx((0.25 + 1) / 2)


def test_percentiles_are_values_that_were_seen():
    values = [float(value) for value in range(100, 0, -1)]
    assert (freshness.percentile(values, 0.5), freshness.percentile(values, 0.99), freshness.percentile([7.0], 0.99)) == (51, 100, 7)


@pytest.mark.parametrize("bench, words, goals", [
    ("S1", "TLS, pinned, 1 worker: rows per CPU-second", [">= 1.5"]),
    ("S1", "pinned, 1 worker: rows per CPU-second", [">= 1.2", ">= 2.0"]),
    ("S1", "TLS, pinned, 1 worker: time / psql's COPY", []),
    ("S1", "unpinned, 1 worker: rows per CPU-second", []),
    ("S3", "unpinned: idle share of the cores until the last read", ["<= 0.05"]),
    ("S3", "pinned: idle share of the cores until the last read", []),
    ("C7", "copy under load: freshness, largest", ["<= 3"]),
    ("I1", "100 M keys, index mapped: wall", ["<= 10"]),
    ("I1", "100 M keys, state gone: wall", []),
    ("G1", "copy, 1 to 300 tables: CPU that each further table adds", []),
])
def test_goals_belong_to_the_measures_that_they_are_meant_for(bench, words, goals):
    assert results._goals(bench, words) == goals
