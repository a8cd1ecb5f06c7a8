"""Counts and checksums of lake tables through DuckDB, a line each: lake_sums.py CATALOG_DB TABLE EXPRESSION [TABLE
EXPRESSION...]. A process of its own, so that what DuckDB needs of memory is not taken for the benchmark's."""

import sys

from harness.readers import duckdb_connection, metadata_location


def main(catalog_db: str, *tables: str) -> None:
    with duckdb_connection() as connection:
        for table, row_text in zip(tables[::2], tables[1::2]):
            location = metadata_location(catalog_db, table).removeprefix("file://")
            rows, checksum = connection.execute(
                f"SELECT count(*), sum(('0x' || substr(md5({row_text}), 1, 8))::BIGINT)::VARCHAR "
                f"FROM iceberg_scan('{location}')").fetchone()
            print(f"{rows}|{checksum or ''}")  # no rows have no sum, as psql prints it


if __name__ == "__main__":
    main(*sys.argv[1:])
