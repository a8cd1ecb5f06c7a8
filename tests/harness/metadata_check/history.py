"""How each snapshot follows from its parent, and whether its summary counts right (spec: Snapshots, Appendix F)."""

from typing import Any

from harness.metadata_check.findings import Findings
from harness.metadata_check.manifests import DATA, LiveFile, SnapshotFiles

TOTALS = ("total-data-files", "total-delete-files", "total-records", "total-files-size", "total-position-deletes",
          "total-equality-deletes")


def check_parents(metadata: dict[str, Any], older: list[dict[str, Any]], complete: bool, findings: Findings) -> None:
    """Every parent is a snapshot that is, or once was, in the table.

    older: previous metadata files that still exist; complete: they reach back to the first one.
    """
    known = {s["snapshot-id"] for version in [metadata, *older] for s in version.get("snapshots", [])}
    for snapshot in metadata.get("snapshots", []):
        parent = snapshot.get("parent-snapshot-id")
        if parent is not None and parent not in known:
            findings.expect(not complete, f"snapshot {snapshot['snapshot-id']}: parent {parent} never was")


def check_change(files: SnapshotFiles, parent: SnapshotFiles, findings: Findings) -> None:
    """live = the parent's live - removed + added, with nothing else altered."""
    for path in files.removed.keys() - parent.live.keys():
        findings.add(f"removes {_name(path)}, which the parent does not have")
    for path in files.added.keys() & parent.live.keys():
        findings.add(f"adds {_name(path)}, which the parent has")
    expected = {path: file for path, file in parent.live.items() if path not in files.removed} | files.added
    for path in expected.keys() - files.live.keys():
        findings.add(f"loses {_name(path)} without removing it")
    for path in files.live.keys() - expected.keys():
        findings.add(f"has {_name(path)} without adding it")
    for path, file in files.kept.items():
        if path in parent.live:
            findings.equal(file, parent.live[path], f"existing entry {_name(path)}")
    for path, file in files.removed.items():
        if path in parent.live:
            before = parent.live[path]
            findings.equal((file.sequence_number, file.file_sequence_number),
                           (before.sequence_number, before.file_sequence_number), f"sequence numbers of removed {_name(path)}")


def check_summary(summary: dict[str, str], files: SnapshotFiles, findings: Findings) -> None:
    expected = _counters(files)
    for key, value in expected.items():
        if key in summary or value or key in TOTALS:
            findings.equal(summary.get(key), str(value), f"summary {key}")
    findings.equal(summary.get("operation"), _operation(files, summary.get("operation")), "operation")


def _counters(files: SnapshotFiles) -> dict[str, int]:
    counters = {}
    names = {"added": ("added", "added", "added"), "removed": ("deleted", "removed", "removed")}
    for group, (data_word, delete_word, size_word) in names.items():
        data, deletes = _split(getattr(files, group))
        counters[f"{data_word}-data-files"] = len(data)
        counters[f"{data_word}-records"] = _records(data)
        counters[f"{delete_word}-delete-files"] = len(deletes)
        counters[f"{delete_word}-position-delete-files"] = len(deletes)
        counters[f"{delete_word}-position-deletes"] = _records(deletes)
        counters[f"{size_word}-files-size"] = _sizes(data + deletes)
    data, deletes = _split(files.live)
    totals = (len(data), len(deletes), _records(data), _sizes(data + deletes), _records(deletes), 0)
    return counters | dict(zip(TOTALS, totals))


def _operation(files: SnapshotFiles, given: str | None) -> str:
    """The name that other writers' conflict checks need; compaction is told from an overwrite only by its writer."""
    added_data, added_deletes = _split(files.added)
    if given == "replace" and files.removed:
        return "replace"
    if added_data and not added_deletes and not files.removed:
        return "append"
    if not added_data and (added_deletes or files.removed):
        return "delete" if given != "overwrite" else "overwrite"
    if not files.added and not files.removed:
        return given if given in ("append", "overwrite", "delete") else "append"
    return "overwrite"


def _split(files: dict[str, LiveFile]) -> tuple[list[LiveFile], list[LiveFile]]:
    return ([f for f in files.values() if f.content == DATA], [f for f in files.values() if f.content != DATA])


def _records(files: list[LiveFile]) -> int:
    return sum(file.records for file in files)


def _sizes(files: list[LiveFile]) -> int:
    return sum(file.size for file in files)


def _name(path: str) -> str:
    return path.rsplit("/", 1)[-1]
