"""docs/operate/limits.md says what is there: every key, constant and test that it names exists."""

import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
TABLE = (ROOT / "docs" / "operate" / "limits.md").read_text()
SOURCES = "\n".join(path.read_text() for path in (ROOT / "src").rglob("*") if path.suffix in (".cc", ".h"))
LISTS = "\n".join(path.read_text() for path in ROOT.rglob("CMakeLists.txt") if "build" not in path.parts)


def rows() -> list[list[str]]:
    found = [[cell.strip() for cell in line.strip("|").split("|")] for line in TABLE.splitlines() if line.startswith("| ")]
    return [row for row in found[1:] if not row[0].startswith(("**", "---")) and len(row) == 5]


def test_the_table_is_read() -> None:
    assert len(rows()) > 40
    assert all(row[1] and row[2] for row in rows()), [row for row in rows() if not (row[1] and row[2])]


def test_keys_and_constants_exist() -> None:
    for row in rows():
        for name in re.findall(r"`([^`]+)`", row[1]):
            words = [part for part in re.split(r"[. /]", name) if part]
            assert re.search(rf'\b{re.escape(words[-1])}\b', SOURCES), f"{row[0]}: {name}"


def test_tests_exist() -> None:
    for row in rows():
        shown = row[4]
        if found := re.fullmatch(r"(\S+\.py): (test_\w+)", shown):
            file, test = found.groups()
            assert re.search(rf"^def {test}\(", (ROOT / "tests" / file).read_text(), re.MULTILINE), shown
        elif found := re.fullmatch(r"([A-Z]\w+)\.(\w+)", shown):
            assert re.search(rf"TEST(_F|_P)?\({found[1]}, {found[2]}\)", SOURCES), shown
        elif found := re.fullmatch(r"fuzz_(\w+)", shown):
            assert f"sluice_fuzz_target({found[1]}" in LISTS, shown
        else:
            found = re.fullmatch(r"simulate\.(\w+)", shown)
            assert found and f"sluice_simulation({found[1]}" in LISTS, f"{row[0]}: {shown!r} is no test"
