"""The runner itself, with a small script in the program's place."""

import os
import pathlib
import subprocess
import sys

import pytest
import yaml

from harness.sluice import Sluice
from harness.wait import wait_for

SCRIPT = """#!/bin/sh
case "$1" in
  run) trap 'echo stopped; exit 0' TERM; echo "running $*"; while :; do read -r line < fifo; done ;;
  status) echo '{"state": "live"}' ;;
  die) echo 'cannot go on' >&2; exit 2 ;;
  lines) echo '{"n": 1}'; echo '{"n": 2}' ;;
esac
"""


@pytest.fixture
def program(tmp_path):
    path = tmp_path / "program"
    path.write_text(SCRIPT)
    path.chmod(0o755)
    os.mkfifo(tmp_path / "fifo")
    with Sluice(tmp_path, path) as sluice:
        sluice.write_config("postgres://x", memory="64MiB", lake={"namespace": "n"})
        yield sluice


def gone(pid: int) -> bool:
    return not pathlib.Path(f"/proc/{pid}").exists()


def test_the_configuration_is_merged(program):
    config = yaml.safe_load(program.config_file.read_text())
    assert config["memory"] == "64MiB" and config["lake"]["namespace"] == "n"
    assert config["lake"]["catalog"]["uri"] == f"sqlite:////{str(program.catalog_db).lstrip('/')}"


def test_run_stops_on_term_and_dies_on_kill(program):
    program.run_background()
    program.wait_for(lambda: program.log_has(r"running run -c .*sluice\.yaml"), 60)
    assert program.stop() == 0 and program.log().endswith("stopped\n")
    program.run_background()
    assert program.kill() == -9 and not program.running()


def test_json_of_one_object_and_of_lines(program):
    assert program.json("status") == {"state": "live"}
    assert program.json("lines") == [{"n": 1}, {"n": 2}]
    with pytest.raises(AssertionError, match="die -> 2"):
        program.ok("die")


def test_waiting_ends_as_soon_as_the_program_has_died(program):
    program.run_background("die")
    with pytest.raises(AssertionError, match="(?s)ended with 2.*cannot go on"):
        program.wait_for(lambda: False, 60)


def test_a_killed_test_process_leaves_neither_program_nor_server(program):
    code = f"""
import pathlib, sys
from harness.postgres import ThrowawayPostgres
from harness.sluice import Sluice
sluice = Sluice(pathlib.Path({str(program.folder)!r}), pathlib.Path({str(program.binary)!r}))
pg = ThrowawayPostgres().start()
server = (pg.data / "postmaster.pid").read_text().split()[0]
print(sluice.run_background().pid, server, pg.folder, flush=True)
sys.stdin.read()
"""
    child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    pid, server, folder = child.stdout.readline().split()
    assert not gone(int(pid)) and not gone(int(server))
    child.kill()
    child.wait()
    wait_for(lambda: gone(int(pid)) and gone(int(server)) and not pathlib.Path(folder).exists(), 60)
