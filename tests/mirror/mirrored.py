"""A source, a running pipeline and the comparison of both, for the tests of this folder."""

import contextlib
import pathlib
from typing import Any, Iterable, Iterator

from harness import metadata_check
from harness.postgres import ThrowawayPostgres
from harness.readers import assert_readers_agree, source_rows
from harness.sluice import Sluice


@contextlib.contextmanager
def pipeline(folder: pathlib.Path, sql: str, *, settings: dict[str, str] | None = None,
             **config: Any) -> Iterator[tuple[ThrowawayPostgres, Sluice]]:
    """A server filled by `sql` and a pipeline's folder with its configuration; nothing runs yet."""
    with ThrowawayPostgres(settings) as pg, Sluice(folder) as sluice:
        pg.psql(sql)
        sluice.write_config(pg.url(), **{"defaults": {"freshness": "200ms"}, **config})
        yield pg, sluice


def assert_mirrored(pg: ThrowawayPostgres, sluice: Sluice, tables: Iterable[str], *, spark: bool = False,
                    database: str = "postgres") -> None:
    """Source and lake hold the same rows, by psql's text and by independent readers; the metadata is in order."""
    for table in tables:
        assert_readers_agree(source_rows(pg, table, database=database), sluice.catalog_db, table.replace('"', ""), spark=spark)
    assert_metadata(sluice)


def assert_metadata(sluice: Sluice) -> None:
    problems = metadata_check.check_catalog(sluice.catalog_db)
    assert not problems, "\n".join(map(str, problems))


def states(sluice: Sluice) -> dict[str, str]:
    return {table["name"]: table["state"] for table in sluice.json("status").get("tables", [])}
