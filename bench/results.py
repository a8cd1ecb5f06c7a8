"""Figures, their goals, and where they are written."""

import datetime
import json
import operator
import os
import pathlib

FOLDER = pathlib.Path(__file__).parent / "results"
MACHINE = "machine"  # an entry that says where those after it were measured
COMPARE = {"<=": operator.le, ">=": operator.ge}
# (bench, words that the measure must contain) -> its goals, the first version's first
GOALS = {
    ("S1", "TLS", "rows per CPU-second"): [">= 1.5"],
    ("S1", "pinned", "wall"): ["<= 1.3", "<= 1.1"],
    ("S1", "pinned", "rows per CPU-second"): [">= 1.2", ">= 2.0"],
    ("S1", "peak memory"): ["<= 512", "<= 256"],
    ("S2", "pinned", "wall"): ["<= 1.1"],
    ("S2", "pinned", "rows per CPU-second"): [">= 2.5"],
    ("S2", "peak memory"): ["<= 256"],
    ("S3", "last file's end after the last read"): ["<= 1"],
    ("S3", "unpinned", "idle share of the cores"): ["<= 0.05"],
    ("S3", "peak memory"): ["<= 512"],
    ("S4", "pinned", "wall"): ["<= 1.3"],
    ("C1", "freshness p50"): ["<= 0.6"],
    ("C1", "freshness p99"): ["<= 2"],
    ("C1", "growth of the median age"): ["<= 0.1"],
    ("C1", "peak memory"): ["<= 512"],
    ("C2", "pinned", "rate"): [">= 0.6", ">= 0.9"],
    ("C2", "pinned", "changes per CPU-second"): [">= 300"],
    ("C2", "peak memory"): ["<= 512"],
    ("C3", "pinned", "rate"): [">= 0.8"],
    ("C3", "pinned", "updates per second"): [">= 100"],
    ("C3", "index"): ["<= 16", "<= 12"],
    ("C3", "peak memory"): ["<= 512"],
    ("C4", "pinned", "committed", "rate"): [">= 0.667"],  # visible within 1.5 of the drain's time
    ("C4", "first byte spooled"): ["<= 1"],
    ("C4", "freshness of another table", "largest"): ["<= 3"],
    ("C4", "peak memory"): ["<= 512"],
    ("C5", "pinned", "zipfian", "values"): [">= 100"],
    ("C5", "pinned", "uniform", "values"): [">= 40"],
    ("C5", "peak memory"): ["<= 512"],
    ("C6", "TPS / TPS beside a discarding reader"): [">= 0.95"],
    ("C7", "freshness", "largest"): ["<= 3"],
    ("R1", "scan / freshly written"): ["<= 1.3"],
    ("I1", "index mapped", "wall"): ["<= 10"],
    ("I1", "index mapped", "share of the index that was kept"): [">= 0.9"],
    ("I1", "keys per CPU-second"): [">= 10"],
    ("G1", "cost per row"): ["<= 1.1"],
}


class Results:
    def __init__(self) -> None:
        self.entries: list[dict] = []

    def add(self, bench: str, measure: str, value: float, unit: str) -> None:
        """One entry a goal; one without a goal where there is none."""
        for goal in _goals(bench, measure) or [None]:
            met = _met(value, goal) if goal else None
            self.entries.append({"bench": bench, "measure": measure, "value": round(value, 3), "unit": unit,
                                 "goal": goal, "met": met})
            mark = "" if met is None else "met" if met else "NOT met"
            print(f"  {bench}  {measure:<52} {value:>10.2f} {unit:<12} {goal or '':<8} {mark}", flush=True)

    def write(self, machine: str, folder: pathlib.Path = FOLDER) -> pathlib.Path:
        """What these files hold of other benches stays, so that a run of some is no loss."""
        folder.mkdir(exist_ok=True)
        dated = folder / f"{datetime.date.today().isoformat()}.json"
        for file in (dated, folder / "latest.json"):
            file.write_text(json.dumps(self._merged(file, machine), indent=1) + "\n")
        return dated

    def _merged(self, file: pathlib.Path, machine: str) -> list[dict]:
        """The entry of a machine stands before those that were measured on it."""
        new = {entry["bench"] for entry in self.entries}
        kept = {where: [entry for entry in entries if entry["bench"] not in new]
                for where, entries in by_machine(json.loads(file.read_text()) if file.exists() else []).items()}
        kept[machine] = kept.get(machine, []) + self.entries
        out = []
        for where, entries in kept.items():
            if entries:
                out += [{"bench": MACHINE, "measure": where, "value": os.cpu_count(), "unit": "cores", "goal": None, "met": None},
                        *sorted(entries, key=lambda entry: entry["bench"])]
        return out


def by_machine(entries: list[dict]) -> dict[str, list[dict]]:
    """The machine in words -> what was measured on it."""
    out: dict[str, list[dict]] = {}
    machine = ""
    for entry in entries:
        if entry["bench"] == MACHINE:
            machine = entry["measure"]
        else:
            out.setdefault(machine, []).append(entry)
    return out


def _goals(bench: str, measure: str) -> list[str]:
    words = [bench, *(part.strip() for part in measure.replace(":", ",").split(","))]
    for key, goals in GOALS.items():
        if key[0] == bench and all(any(word.startswith(part) for word in words) for part in key[1:]):
            return goals
    return []


def _met(value: float, goal: str) -> bool:
    sign, limit = goal.split()
    return COMPARE[sign](value, float(limit))
