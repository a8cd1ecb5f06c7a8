"""Files of a table by their URIs, parsed once."""

import functools
import io
import json
import pathlib
import urllib.parse
from typing import Any

import fastavro
import pyarrow as pa
import pyarrow.parquet as pq


def local_path(uri: str) -> pathlib.Path:
    """The file behind file:///..., and behind Java's file:/... (the checks decide which is allowed)."""
    parsed = urllib.parse.urlsplit(uri)
    if parsed.scheme != "file" or parsed.netloc:
        raise ValueError(f"{uri!r} is no local file URI")
    return pathlib.Path(uri.removeprefix("file:"))


class AvroFile:
    def __init__(self, uri: str):
        raw = local_path(uri).read_bytes()
        reader = fastavro.reader(io.BytesIO(raw))
        self.size = len(raw)
        self.metadata: dict[str, str] = {key: str(value) for key, value in reader.metadata.items()}
        self.schema: dict[str, Any] = json.loads(self.metadata["avro.schema"])
        self.codec = reader.codec
        self.records: list[dict[str, Any]] = list(reader)


class Storage:
    """Reads on first use and keeps the result for this run (manifests are shared by many snapshots)."""

    def __init__(self) -> None:
        self.avro = functools.lru_cache(maxsize=None)(AvroFile)
        self.parquet = functools.lru_cache(maxsize=64)(lambda uri: pq.ParquetFile(local_path(uri)))

    def columns(self, uri: str) -> pa.Table:
        return self.parquet(uri).read()
