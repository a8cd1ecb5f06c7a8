"""A file system that becomes read-only under the program, as Linux does after an error of the disk."""

import subprocess

from harness.wait import wait_for
from mirror.load import TABLES, schema
from mirror.mirrored import assert_mirrored, pipeline
from mirror.room_test import small_disk
from refusals.place import OPERATOR, assert_error


def remounted(disk, mode: str) -> bool:
    """False while a file is open for writing."""
    return subprocess.run(["mount", "-o", f"remount,{mode}", disk], capture_output=True, check=False).returncode == 0


def test_a_warehouse_that_becomes_read_only(tmp_path) -> None:
    with small_disk(tmp_path / "disk", "64m") as disk, \
            pipeline(tmp_path / "p", schema(3000, 2000), lake={"warehouse": (disk / "lake").as_uri()}) as (pg, sluice):
        (sluice.folder / "lake").mkdir()
        sluice.run_background()
        sluice.caught_up()
        wait_for(lambda: remounted(disk, "ro"), 60)
        pg.psql("UPDATE a SET v = v + 1; DELETE FROM b WHERE id < 100")
        assert sluice.wait_exit(60) == OPERATOR, sluice.log_tail()
        assert_error(sluice.log(), "[Rr]ead-only file system", "write")
        refused = sluice.cli("run")
        assert refused.returncode == OPERATOR, refused.stderr
        assert_error(refused.stderr, "[Rr]ead-only file system", "write")
        assert remounted(disk, "rw")
        sluice.run_background()
        sluice.caught_up()
        assert_mirrored(pg, sluice, TABLES)
