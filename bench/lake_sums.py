"""Count and checksum of a lake table through DuckDB: lake_sums.py CATALOG_DB TABLE EXPRESSION. A process of its own, so
that what DuckDB needs of memory is not taken for the benchmark's."""

import sys

from harness.readers import duckdb_arrow, metadata_location


def main(catalog_db: str, table: str, row_text: str) -> None:
    select = f"count(*) AS n, sum(('0x' || substr(md5({row_text}), 1, 8))::BIGINT)::VARCHAR AS s"
    found = duckdb_arrow(metadata_location(catalog_db, table), select=select)
    print(f"{found['n'][0].as_py()}|{found['s'][0].as_py() or ''}")  # no rows have no sum, as psql prints it


if __name__ == "__main__":
    main(*sys.argv[1:])
