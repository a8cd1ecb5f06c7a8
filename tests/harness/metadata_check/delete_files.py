"""Position delete files (spec: Position Delete Files, Scan Planning)."""

from typing import Any

import pyarrow.compute as pc

from harness.metadata_check.data_files import check_size_and_rows, field_id
from harness.metadata_check.findings import Findings
from harness.metadata_check.manifests import DATA, LiveFile, SnapshotFiles
from harness.metadata_check.storage import Storage

PATH_ID, POSITION_ID = 2147483546, 2147483545


class DeleteFileChecks:
    def __init__(self, storage: Storage, findings: Findings):
        self.storage = storage
        self.findings = findings
        self.positions: dict[str, dict[str, list[int]]] = {}  # delete file -> data file -> positions

    def check(self, file: LiveFile) -> None:
        """The file by itself. Afterwards `positions` has what it deletes."""
        parquet = check_size_and_rows(file, self.storage, self.findings)
        columns = [(column.name, field_id(column)) for column in parquet.schema_arrow]
        self.findings.equal(columns, [("file_path", PATH_ID), ("pos", POSITION_ID)], "columns")
        self.findings.expect(not any(column.nullable for column in parquet.schema_arrow), "a column is optional")
        self.findings.expect(not file.entry["sort_order_id"], "sort_order_id is set")
        table = self.storage.columns(file.path)
        pairs = list(zip((path.encode() for path in table["file_path"].to_pylist()), table["pos"].to_pylist()))
        self.findings.expect(all(a < b for a, b in zip(pairs, pairs[1:])), "rows are not sorted, or repeat")
        self.findings.expect(not pairs or pc.min(table["pos"]).as_py() >= 0, "a negative position")
        deleted: dict[str, list[int]] = {}
        for path, position in pairs:
            deleted.setdefault(path.decode(), []).append(position)
        self.positions[file.path] = deleted
        self._check_bounds(file, list(deleted))

    def _check_bounds(self, file: LiveFile, paths: list[str]) -> None:
        lower, upper = (_path_bound(file.entry[name]) for name in ("lower_bounds", "upper_bounds"))
        referenced = file.entry.get("referenced_data_file")
        if len(paths) == 1:
            path = paths[0].encode()
            self.findings.expect(lower == upper == path, "the path bounds of a file-scoped delete are not the whole path")
            self.findings.expect(referenced in (None, paths[0]), "referenced_data_file is another file")
        else:
            self.findings.expect(referenced is None, "referenced_data_file though several files are covered")
            wide = lower is None or (lower <= min(paths).encode() and max(paths).encode() <= (upper or b""))
            self.findings.expect(wide and (lower is None or lower != upper), "path bounds do not cover the paths")

    def check_in(self, files: SnapshotFiles) -> None:
        """The deletes against the data files of one snapshot."""
        seen: dict[str, set[int]] = {}
        for delete in files.live.values():
            if delete.content == DATA:
                continue
            with self.findings.at(delete.path.rsplit("/", 1)[-1]):
                self._check_targets(delete, files, seen)

    def _check_targets(self, delete: LiveFile, files: SnapshotFiles, seen: dict[str, set[int]]) -> None:
        hits = 0
        for path, positions in self.positions.get(delete.path, {}).items():
            data = files.live.get(path)
            if data is None or data.content != DATA:
                # A data file removed later leaves its deletes behind; one that never was there is a mistake.
                self.findings.expect(delete.path not in files.added, f"deletes from {path}, which is not live")
                continue
            hits += 1
            self.findings.expect(data.sequence_number <= delete.sequence_number, f"deletes from {path}, which is newer")
            self.findings.equal((delete.spec_id, delete.partition()), (data.spec_id, data.partition()), f"partition, for {path},")
            self.findings.expect(positions[-1] < data.records, f"position {positions[-1]} beyond the rows of {path}")
            before = seen.setdefault(path, set())
            self.findings.expect(before.isdisjoint(positions), f"positions of {path} that another delete file has, too")
            before.update(positions)
        self.findings.expect(hits, "deletes from no live data file")


def _path_bound(pairs: list[dict[str, Any]] | None) -> bytes | None:
    return next((pair["value"] for pair in pairs or [] if pair["key"] == PATH_ID), None)
