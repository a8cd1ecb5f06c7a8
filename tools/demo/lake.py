"""The lake through readers that know nothing of Sluice, and the same questions to psql."""

import pathlib
import time

from pyiceberg.expressions import EqualTo

from harness.postgres import ThrowawayPostgres
from harness.readers import duckdb_arrow, load_table, metadata_location

DATABASE = "bees"
# table: an aggregate that both SQL dialects write alike
SUMS = {
    "apiaries": "sum(hive_count)", "hives": "sum(apiary_id)", "sensors": "sum(calibration)", "readings": "sum(value)",
    "inspections": "sum(length(notes))",
}


def ask_psql(pg: ThrowawayPostgres, table: str) -> str:
    return pg.psql(f"SELECT count(*), {SUMS[table]} FROM {table}", DATABASE)


def ask_duckdb(catalog_db: pathlib.Path, table: str) -> str:
    row = duckdb_arrow(metadata_location(catalog_db, f"public.{table}"), select=f"count(*) AS n, {SUMS[table]} AS s")
    return f"{row['n'][0].as_py()}|{row['s'][0].as_py()}"


def count_pyiceberg(catalog_db: pathlib.Path, table: str) -> int:
    """Reads the key column and applies the deletes; not the count of the metadata."""
    key = "sensor_id" if table == "readings" else "id"
    return load_table(catalog_db, f"public.{table}").scan(selected_fields=(key,)).to_arrow().num_rows


def compare(pg: ThrowawayPostgres, catalog_db: pathlib.Path) -> int:
    """Count and sum of every table, psql against DuckDB and PyIceberg, while nobody writes; the number of rows."""
    rows = 0
    for table in SUMS:
        expected, found = ask_psql(pg, table), ask_duckdb(catalog_db, table)
        assert expected == found, f"{table}: psql says {expected}, DuckDB {found}"
        count = count_pyiceberg(catalog_db, table)
        assert int(expected.split("|")[0]) == count, f"{table}: psql says {expected}, PyIceberg counts {count}"
        rows += count
    return rows


def rename_hive_and_wait(pg: ThrowawayPostgres, catalog_db: pathlib.Path, hive: int, name: str, limit: float = 30) -> float:
    """Seconds from the commit at the source until PyIceberg reads the new name."""
    pg.psql(f"UPDATE hives SET name = '{name}' WHERE id = {hive}", DATABASE)
    begun = time.monotonic()
    while True:
        scan = load_table(catalog_db, "public.hives").scan(row_filter=EqualTo("id", hive), selected_fields=("id", "name"))
        seen = time.monotonic() - begun
        if scan.to_arrow()["name"].to_pylist() == [name]:
            return seen
        assert seen < limit, f"hive {hive} is not {name!r} in the lake after {limit:.0f} s"
