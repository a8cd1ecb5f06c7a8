"""tools/tidy.py finds what it is there for, in a repository made up for it."""

import pathlib
import shutil
import subprocess
import sys

import pytest

TOOL = pathlib.Path(__file__).resolve().parents[2] / "tools" / "tidy.py"
CLEAN = {"src/base/a.h": "#pragma once\n", "src/base/a.cc": '#include "base/a.h"\n', "src/base/CMakeLists.txt": "x(a.cc)\n",
         "src/bus/CMakeLists.txt": "x(embedded/b.cc)\n", "src/bus/embedded/b_internal.h": "#pragma once\n",
         "src/bus/embedded/b.cc": '#include "base/a.h"\n#include "bus/embedded/b_internal.h"\n'}
FAULTS = {
    "include against the flow": ("src/base/a.cc", '#include "bus/bus.h"\n', "base may not include bus"),
    "include beside": ("src/bus/embedded/b.cc", '#include "parquet/x.h"\n', "bus may not include parquet"),
    "foreign internal header": ("src/base/c.h", '#include "bus/embedded/b_internal.h"\n', "belongs to its own folder"),
    "test that nothing builds": ("src/base/a_test.cc", "\n", "src/base/a_test.cc: no CMakeLists.txt builds it"),
    "long file": ("src/base/a.h", "//\n" * 501, "501 lines"),
    "unfinished": ("src/base/a.h", "// TO" + "DO later\n", "promises work not done"),
    "layout": ("src/base/a.cc", "int   x;\n", "src/base/a.cc: not as clang-format lays it out"),
}


@pytest.fixture
def repository(tmp_path):
    for name, text in CLEAN.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "tools").mkdir()
    shutil.copy(TOOL, tmp_path / "tools")
    shutil.copy(TOOL.parents[1] / ".clang-format", tmp_path)
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    return tmp_path


def tidy(repository: pathlib.Path) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, repository / "tools" / "tidy.py"], text=True, capture_output=True, check=False)


def test_a_clean_repository_has_no_findings(repository):
    done = tidy(repository)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_found(repository, name):
    path, text, expected = FAULTS[name]
    (repository / path).write_text(text)
    done = tidy(repository)
    assert done.returncode == 1 and expected in done.stdout, done.stdout
