"""The performance page: made up figures come out as tables, plots and words; the page in docs/ is that of the results."""

import json
import pathlib
import subprocess
import sys

BENCH = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(BENCH))

import report  # noqa: E402
import results  # noqa: E402

REMARKS = """# Words
## S1: a copy
One.

**Not met: slow.** Because.
## C2: a backlog
"""


def entry(bench: str, measure: str, value: float, goal: str | None = None, met: bool | None = None) -> dict:
    return {"bench": bench, "measure": measure, "value": value, "unit": "M rows", "goal": goal, "met": met}


def make(folder: pathlib.Path, **files: list[dict]) -> str:
    for date, entries in files.items():
        (folder / f"2026-01-{date[1:]}.json").write_text(json.dumps(entries))
    (folder / "remarks.md").write_text(REMARKS)
    return report.write_page(folder, folder / "remarks.md", folder / "performance.md").read_text()


def test_the_newest_figures_count_and_a_measure_with_two_goals_is_one_row(tmp_path):
    text = make(tmp_path, d01=[entry("S1", "pinned: rows per second", 1.0), entry("C2", "pinned: rate", 9.0)],
                d02=[entry("machine", "2 cores (Abacus)", 2), entry("S1", "pinned: rows per second", 2.0, ">= 1", True),
                     entry("S1", "pinned: rows per second", 2.0, ">= 3", False)])
    assert "| pinned: rows per second | 2 M rows | >= 1 met; >= 3 **not met** |" in text
    assert "| pinned: rate | 9 M rows |  |" in text
    assert "1 of 2 | 2026-01-02 | B |" in text and "Machine B: 2 cores (Abacus)." in text
    assert {file.name for file in (tmp_path / "performance").iterdir()} == {"goals.svg", "S1.svg"}


def test_a_reason_is_shown_only_while_a_goal_is_missed(tmp_path):
    assert "Because." not in make(tmp_path, d01=[entry("S1", "x: y", 2.0, ">= 1", True)])
    assert "Because." in make(tmp_path, d02=[entry("S1", "x: y", 0.5, ">= 1", False)])
    assert report.UNEXPLAINED in make(tmp_path, d03=[entry("C2", "x: y", 0.5, ">= 1", False)])


def test_a_run_of_some_benches_keeps_the_others_and_where_they_were_measured(tmp_path):
    for bench, value, machine in (("S1", 1.0, "old"), ("C2", 2.0, "old"), ("S1", 3.0, "new"), ("G1", 4.0, "new")):
        one = results.Results()
        one.add(bench, "pinned: rows", value, "K")
        one.write(machine, tmp_path)
    latest = json.loads((tmp_path / "latest.json").read_text())
    assert [(found["bench"], found["value"]) for found in latest if found["bench"] != "machine"] == [("C2", 2.0), ("G1", 4.0), ("S1", 3.0)]
    assert {machine: [found["bench"] for found in entries] for machine, entries in results.by_machine(latest).items()} == {
        "old": ["C2"], "new": ["G1", "S1"]}


def test_the_page_in_docs_is_that_of_the_results(tmp_path):
    made = report.write_page(output=tmp_path / "performance.md")
    assert made.read_text() == report.PAGE.read_text(), "run bench/report.py"
    assert report.UNEXPLAINED not in made.read_text(), "bench/remarks.md must say why a goal is not met"


def test_what_measures_stays_small():
    """A child's largest resident set is at least that of the process that started it."""
    code = "import sys, run; print({'pyarrow', 'duckdb', 'pyiceberg', 'matplotlib'} & set(sys.modules) or 'none')"
    done = subprocess.run([sys.executable, "-c", code], cwd=BENCH, text=True, capture_output=True, check=False)
    assert done.stdout == "none\n", done.stdout + done.stderr
