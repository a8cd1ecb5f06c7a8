#!/usr/bin/env python3
"""Makes docs/performance.md and its plots of bench/results/*.json and the words in remarks.md. `make bench` runs it at
its end; alone: bench/report.py.

Of each bench the newest dated file counts that has it. Where a goal is not met, the paragraph of remarks.md that begins with
"**Not met" says why and what is next; while all are met it is left out.
"""

import dataclasses
import json
import pathlib
import re
import string
import sys

BENCH = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(BENCH.parent / "tests"), str(BENCH)]

from report_plots import bars, distances  # noqa: E402
from results import by_machine  # noqa: E402

RESULTS, REMARKS = BENCH / "results", BENCH / "remarks.md"
PAGE = BENCH.parent / "docs" / "performance.md"
NOT_MET = "**Not met"
UNEXPLAINED = "**Not met**, and why is not written yet (bench/remarks.md)."
# What is drawn of a bench: measures of one unit, side by side for each case.
DRAWN = {
    "S1": ["rows per second", "drained rows per second"], "S2": ["rows per second", "drained rows per second"],
    "S3": ["rows per second", "drained rows per second"], "S4": ["rows per second", "drained rows per second"],
    "C1": ["freshness p50", "freshness p99"],
    "C2": ["changes per second", "drained changes per second"], "C3": ["updates per second", "drained updates per second"],
    "C4": ["rows per second", "drained rows per second"], "C5": ["updates per second", "drained updates per second"],
    "C6": ["transactions per second, sluice", "transactions per second, discarding reader", "transactions per second, no reader"],
    "C7": ["freshness p50", "freshness p99", "freshness, largest"],
    "R1": ["scan / freshly written, DuckDB", "scan / freshly written, Spark"],
    "I1": ["wall"], "G1": ["cost per row, large / small"],
}


@dataclasses.dataclass
class Bench:
    name: str
    date: str
    machine: str
    entries: list[dict]

    @property
    def unmet(self) -> bool:
        return any(entry["met"] is False for entry in self.entries)


@dataclasses.dataclass
class Remark:
    title: str
    text: str


def read_results(folder: pathlib.Path) -> list[Bench]:
    found: dict[str, Bench] = {}
    for file in sorted(folder.glob("????-??-??.json")):
        for machine, entries in by_machine(json.loads(file.read_text())).items():
            for name in {entry["bench"] for entry in entries}:
                found[name] = Bench(name, file.stem, machine, [entry for entry in entries if entry["bench"] == name])
    return list(found.values())


def read_remarks(text: str) -> dict[str, Remark]:
    """Sections of the form `## S1: title`; their order is the page's."""
    parts = re.split(r"^## (\w+): (.+)\n", text, flags=re.M)[1:]
    return {name: Remark(title.strip(), body.strip()) for name, title, body in zip(*[iter(parts)] * 3)}


def page(benches: list[Bench], remarks: dict[str, Remark], plots: pathlib.Path) -> str:
    """Markdown; plots go into the folder, which lies beside the page."""
    by_name = {bench.name: bench for bench in benches}
    assert not (strange := set(by_name) - set(remarks)), f"remarks.md has no section for {sorted(strange)}"
    plots.mkdir(parents=True, exist_ok=True)
    sections = [_head(by_name, remarks, plots)]
    sections += [_section(by_name.get(name), name, remark, plots) for name, remark in remarks.items()]
    return "\n\n".join(sections) + "\n"


def _head(benches: dict[str, Bench], remarks: dict[str, Remark], plots: pathlib.Path) -> str:
    machines = sorted({bench.machine for bench in benches.values()})
    letters = dict(zip(machines, string.ascii_uppercase))
    rows = ["| Bench | What | Goals met | Measured | Machine |", "|---|---|---|---|---|"]
    for name, remark in remarks.items():
        goals = [entry["met"] for entry in benches[name].entries if entry["goal"]] if name in benches else []
        met = f"{sum(goals)} of {len(goals)}" if goals else ""
        when = f"{benches[name].date} | {letters[benches[name].machine]}" if name in benches else "not yet at full size |"
        rows.append(f"| [{name}](#{_anchor(name, remark)}) | {remark.title} | {met} | {when} |")
    distances(list(benches.values()), plots / "goals.svg")
    return "\n".join([
        "# Performance", "",
        "Made by `bench/report.py` of `bench/results/`; change `bench/remarks.md`, not this page. `make bench` measures again.", "",
        *(f"Machine {letter}: {machine}.\n" for machine, letter in letters.items()),
        "Figures of one bench were measured on one machine; those of several say nothing of each other. Nothing else was running. Each figure is a median of at least 5 runs, "
        "in turns with its lower bound (the same bytes read from the same server and thrown away) in the same run; CPU is the kernel's accounting of the process. "
        "After every run DuckDB's count and checksum of every table equalled the source's. How each is done: [bench/README.md](../bench/README.md).", "",
        *rows, "", f"![How far each figure is from its goal]({plots.name}/goals.svg)"])


def _anchor(name: str, remark: Remark) -> str:
    return re.sub(r"[^\w\- ]", "", f"{name}: {remark.title}".lower()).replace(" ", "-")


def _section(bench: Bench | None, name: str, remark: Remark, plots: pathlib.Path) -> str:
    parts = [f"## {name}: {remark.title}"]
    paragraphs = remark.text.split("\n\n") if remark.text else []
    parts += [text for text in paragraphs if not text.startswith(NOT_MET) or (bench and bench.unmet)]
    if bench and bench.unmet and not any(text.startswith(NOT_MET) for text in paragraphs):
        parts.append(UNEXPLAINED)
    if bench is None:
        return "\n\n".join([*parts, "Not measured yet at full size."])
    if bars(bench, DRAWN.get(name, []), plots / f"{name}.svg"):
        parts.append(f"![{remark.title}]({plots.name}/{name}.svg)")
    return "\n\n".join([*parts, _table(bench.entries)])


def _table(entries: list[dict]) -> str:
    rows = ["| Measure | Value | Goal |", "|---|---|---|"]
    goals: dict[str, list[str]] = {}
    for entry in entries:
        said = goals.setdefault(entry["measure"], [])
        if entry["goal"]:
            said.append(f"{entry['goal']} {'met' if entry['met'] else '**not met**'}")
    first = {entry["measure"]: entry for entry in reversed(entries)}
    rows += [f"| {measure} | {first[measure]['value']:,.6g} {first[measure]['unit']} | {'; '.join(said)} |"
             for measure, said in goals.items()]
    return "\n".join(rows)


def write_page(results: pathlib.Path = RESULTS, remarks: pathlib.Path = REMARKS, output: pathlib.Path = PAGE) -> pathlib.Path:
    benches = read_results(results)
    output.write_text(page(benches, read_remarks(remarks.read_text()), output.with_suffix("")))
    return output


if __name__ == "__main__":
    print(f"written to {write_page()}")
