#!/usr/bin/env python3
"""What a tool can check of the conventions, without a compiler. Exit code 1 and a line for each finding.

Includes go one way; `_internal.h` stays in its folder; every source file belongs to a target; files stay short; words
that promise work not done; clang-format.
"""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
LAYERS = [["base"], ["change"], ["postgres", "store"], ["bus", "parquet"], ["merge"], ["iceberg"], ["pipeline"], ["audit"],
          ["service"], ["cli", "simulate"]]
LEVEL = {module: level for level, modules in enumerate(LAYERS) for module in modules}
CODE_SUFFIXES = {".cc", ".h", ".py", ".sh", ".cmake"}
LINES_MAX = 500
UNFINISHED = re.compile(r"\b(TO[D]O|FIX[M]E|XX[X]|HAC[K])\b")  # Brackets, so that this line is no finding.
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)


def repository_files() -> list[pathlib.Path]:
    """Tracked files and new ones that are not ignored."""
    listed = subprocess.run(["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, text=True,
                            capture_output=True, check=True).stdout
    return sorted(path for name in listed.split("\0") if name and (path := ROOT / name).is_file())


def module_of(path: pathlib.Path) -> str:
    parts = path.relative_to(ROOT).parts
    return parts[1] if parts[0] == "src" and len(parts) > 2 else ""


def include_findings(path: pathlib.Path, text: str) -> list[str]:
    own, findings = module_of(path), []
    for name in INCLUDE.findall(text):
        other = name.split("/")[0]
        if other not in LEVEL:
            continue
        if own in LEVEL and other != own and LEVEL[other] >= LEVEL[own]:
            findings.append(f"{own} may not include {other} ({name})")
        if name.endswith("_internal.h") and (ROOT / "src" / name).parent != path.parent:
            findings.append(f"{name} belongs to its own folder")
    return findings


def target_findings(path: pathlib.Path) -> list[str]:
    """A .cc file is named by the CMakeLists.txt of its folder or of one above."""
    folder = path.parent
    while folder != ROOT:
        lists = folder / "CMakeLists.txt"
        name = re.escape(path.relative_to(folder).as_posix())
        if lists.exists() and re.search(rf"(?<![\w/.-]){name}(?![\w.-])", lists.read_text()):
            return []
        folder = folder.parent
    return ["no CMakeLists.txt builds it"]


def text_findings(path: pathlib.Path, text: str) -> list[str]:
    findings = [f"promises work not done: {match.group()}" for match in UNFINISHED.finditer(text)]
    if path.suffix in CODE_SUFFIXES and (lines := text.count("\n")) > LINES_MAX:
        findings.append(f"{lines} lines, more than {LINES_MAX}: which two things are in it?")
    return findings


def file_findings(path: pathlib.Path) -> list[str]:
    if path.suffix not in CODE_SUFFIXES and path.name not in ("CMakeLists.txt", "Makefile"):
        return []
    text = path.read_text(errors="replace")
    findings = text_findings(path, text)
    if path.suffix in (".cc", ".h"):
        findings += include_findings(path, text)
    if path.suffix == ".cc":
        findings += target_findings(path)
    return [f"{path.relative_to(ROOT)}: {finding}" for finding in findings]


def format_findings(paths: list[pathlib.Path]) -> list[str]:
    if not paths:
        return []
    done = subprocess.run(["clang-format-16", "--dry-run", "-Werror", *map(str, paths)], cwd=ROOT, text=True,
                          capture_output=True, check=False)
    files = sorted(set(re.findall(rf"^{re.escape(str(ROOT))}/(\S+?):\d+:\d+: error", done.stderr, re.MULTILINE)))
    if done.returncode != 0 and not files:
        return [f"clang-format-16: {done.stderr.strip()}"]
    return [f"{name}: not as clang-format lays it out (make format)" for name in files]


def main() -> int:
    paths = repository_files()
    findings = [finding for path in paths for finding in file_findings(path)]
    findings += format_findings([path for path in paths if path.suffix in (".cc", ".h")])
    print(*findings, sep="\n", end="\n" if findings else "")
    print(f"tidy: {len(findings)} findings in {len(paths)} files")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
