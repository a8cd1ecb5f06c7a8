"""The wall clock goes backwards and forwards under a running program: positions order, clocks only inform."""

import json
import pathlib
import time

import pytest

from mirror.mirrored import assert_mirrored, pipeline, states

LIBRARY = pathlib.Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")
SQL = "CREATE TABLE a (id int PRIMARY KEY, v text); INSERT INTO a SELECT i, 'v' FROM generate_series(1, 1000) i;"


def snapshots(sluice) -> list[dict]:
    """Of table a, in the order in which they were committed."""
    location = sluice.status()["tables"][0]["metadata_location"]
    metadata = json.loads(pathlib.Path(location.removeprefix("file://")).read_text())
    return sorted(metadata["snapshots"], key=lambda one: one["sequence-number"])


@pytest.mark.parametrize("jumps", [["-2d", "+0", "-2d"], ["+3d", "-1h", "+0"]])
def test_a_clock_that_jumps_loses_nothing(tmp_path: pathlib.Path, jumps: list[str]) -> None:
    offset = tmp_path / "offset"
    offset.write_text("+0")
    clock = {"LD_PRELOAD": str(LIBRARY), "FAKETIME_TIMESTAMP_FILE": str(offset), "FAKETIME_NO_CACHE": "1",
             "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    with pipeline(tmp_path, SQL) as (pg, sluice):
        sluice.run_background(env=clock)
        sluice.caught_up()
        seen = 0
        for turn, jump in enumerate(jumps):
            offset.write_text(jump)
            for change in range(5):
                pg.psql(f"UPDATE a SET v = 'v{turn}-{change}' WHERE id % 7 = {change}; DELETE FROM a WHERE id = {turn * 10 + change + 1}")
                sluice.caught_up()
            now = snapshots(sluice)
            assert now[-1]["sequence-number"] > seen, "nothing was committed since"
            seen = now[-1]["sequence-number"]
            times = [one["timestamp-ms"] for one in now]
            assert times == sorted(set(times)), f"snapshot times go backwards: {times}"
            if jump == "+3d":
                assert times[-1] / 1000 > time.time() + 2 * 86400, "the clock is not under our hand"
            assert states(sluice) == {"public.a": "live"}
            assert_mirrored(pg, sluice, ["public.a"])
        # A restart in the past of its own lake.
        assert sluice.stop() == 0
        offset.write_text("-9d")
        pg.psql("INSERT INTO a VALUES (5000, 'after')")
        sluice.run_background(env=clock)
        sluice.caught_up()
        assert_mirrored(pg, sluice, ["public.a"])
