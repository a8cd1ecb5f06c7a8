#!/usr/bin/env python3
"""Does the simulator bite? Breaks one safety line of the program at a time and runs simulated lives until a rule breaks.
Last line `N passed, M failed`: passed = caught by a rule that must catch it; a mutant that survives or does not apply has
failed. With names: only those. --check: only whether they still apply, which takes no build (test mutants.apply).

All mutants are woven into one copy of the tree, each behind a switch (an environment variable), so that they cost one
build; with none switched on the same program must hold every rule.

A mutant is a file beside this one: what it breaks, `Caught by:` the rules that must notice (src/simulate/rules.h; `check`:
an invariant of the program itself aborts it), perhaps `Run:` (arguments of simulate that reach it soonest), and per file
`--- path` with the lines to take out (-), to put in (+) and to leave ( ); they must stand there exactly once. MUTATED in a
line that is put in is true when the mutant is switched on.
"""

import dataclasses
import os
import pathlib
import re
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
TREE = ROOT / "build/mutants"  # a copy of this tree with a build folder of its own
SIMULATE = TREE / "build/release/bin/simulate"
RUNS = ["--seeds 300", "--every-crash-of 3 --steps 60", "--every-fault-of 4 --steps 60"]
RUN_SECONDS_MAX = 900
FAILURE = re.compile(r"^seed (\d+) failed \((\w*)\): (.*)$", re.MULTILINE)
SWITCH = """#pragma once
#include <cstdlib>
#include <string_view>
namespace sluice {
inline const char* const kMutant = std::getenv("SLUICE_MUTANT");
inline bool Mutated(std::string_view name) { return kMutant != nullptr && name == kMutant; }
}  // namespace sluice
"""


@dataclasses.dataclass
class Edit:
    path: str
    before: str
    after: str


@dataclasses.dataclass
class Mutant:
    name: str
    breaks: str
    rules: set[str]
    runs: list[str]
    edits: list[Edit]


def parse(path: pathlib.Path) -> Mutant:
    words, *parts = re.split(r"^--- (\S+)\n", path.read_text(), flags=re.MULTILINE)
    fields = dict(re.findall(r"^(Caught by|Run): (.*)$", words, re.MULTILINE))
    edits = []
    for file, hunk in zip(parts[::2], parts[1::2]):
        lines = hunk.rstrip("\n").split("\n")
        before, after = ("".join(line[1:] + "\n" for line in lines if line[:1] in (side, " ")) for side in "-+")
        edits.append(Edit(file, before, after))
    rules = set(re.findall(r"\w+", fields.get("Caught by", "")))
    if not rules or not edits:
        sys.exit(f"{path.name}: a mutant needs `Caught by:` and an edit")
    return Mutant(path.stem, words.split("\n\n")[0].splitlines()[0], rules, [fields["Run"]] if "Run" in fields else RUNS, edits)


def sources() -> list[str]:
    listed = subprocess.run(["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT,
                            text=True, capture_output=True, check=True).stdout
    return [name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def weave(mutants: list[Mutant]) -> tuple[dict[str, str], dict[str, str]]:
    """The changed files, and what hinders a mutant."""
    texts: dict[str, str] = {}
    hindered: dict[str, str] = {}
    for mutant in mutants:
        changed = dict(texts)
        for edit in mutant.edits:
            path = ROOT / edit.path
            text = changed.get(edit.path) or (path.read_text() if path.exists() else "")
            if text.count(edit.before) != 1:
                hindered[mutant.name] = f"does not apply: its lines stand {text.count(edit.before)} times in {edit.path}"
                break
            if edit.path not in changed:
                text = '#include "mutant.h"\n' + text
            changed[edit.path] = text.replace(edit.before, edit.after.replace("MUTATED", f'Mutated("{mutant.name}")'))
        else:
            texts = changed
    return texts, hindered


def write_tree(woven: dict[str, str]) -> None:
    """Only what changed is written, so that a second build is short."""
    for name in sources():
        content = woven[name].encode() if name in woven else (ROOT / name).read_bytes()
        target = TREE / name
        if target.exists() and target.read_bytes() == content:
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        target.chmod((ROOT / name).stat().st_mode)
    switch = TREE / "src/mutant.h"
    if not switch.exists() or switch.read_text() != SWITCH:
        switch.write_text(SWITCH)


def simulate(run: str, mutant: str = "") -> tuple[str, str]:
    """The rule that broke and its words; nothing: none did."""
    environment = {**os.environ, "SLUICE_MUTANT": mutant}
    try:
        done = subprocess.run([SIMULATE, *run.split(), "--stop"], env=environment, text=True, capture_output=True,
                              timeout=RUN_SECONDS_MAX, check=False)
    except subprocess.TimeoutExpired:
        return "hangs", f"simulate {run} did not end in {RUN_SECONDS_MAX} seconds"
    failure = FAILURE.search(done.stdout)
    if failure is None:
        return ("", "") if done.returncode == 0 else ("?", (done.stdout + done.stderr)[-500:])
    return failure[2], f"seed {failure[1]}: {failure[3]}"


def judge(mutant: Mutant) -> tuple[bool, str]:
    for run in mutant.runs:
        rule, words = simulate(run, mutant.name)
        if rule:
            return rule in mutant.rules, f"{rule} ({run.split()[0]}): {words[:220]}"
    return False, "SURVIVED"


def check(mutants: list[Mutant]) -> int:
    hindered = weave(mutants)[1]
    for name, words in hindered.items():
        print(f"{name}: {words}")
    print(f"{len(mutants) - len(hindered)} of {len(mutants)} mutants apply")
    return 1 if hindered else 0


def main() -> int:
    mutants = [parse(path) for path in sorted(pathlib.Path(__file__).parent.glob("*.mutant"))]
    if sys.argv[1:] == ["--check"]:
        return check(mutants)
    chosen = [mutant for mutant in mutants if len(sys.argv) == 1 or mutant.name in sys.argv[1:]]
    print(f"==> {len(chosen)} mutants (2 cores: 10 minutes, and the build)", flush=True)
    woven, hindered = weave(mutants)
    write_tree(woven)
    subprocess.run([TREE / "tools/build.sh", "release", "simulate"], check=True)
    for run in sorted({run for mutant in chosen for run in mutant.runs}):
        if words := simulate(run)[1]:
            sys.exit(f"the program as it is fails simulate {run}: {words}")
    caught = 0
    for mutant in chosen:
        began = time.monotonic()
        passed, words = (False, hindered[mutant.name]) if mutant.name in hindered else judge(mutant)
        caught += passed
        print(f"{'caught' if passed else 'FAILED'}  {mutant.name}: {words}  [{time.monotonic() - began:.0f} s]", flush=True)
        if not passed:
            print(f"        {mutant.breaks} Must be caught by: {', '.join(sorted(mutant.rules))}", flush=True)
    print(f"{caught} passed, {len(chosen) - caught} failed")
    return 0 if caught == len(chosen) else 1


if __name__ == "__main__":
    sys.exit(main())
