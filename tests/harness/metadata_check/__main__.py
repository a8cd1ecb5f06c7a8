"""python -m harness.metadata_check CATALOG_DB [--catalog NAME]: prints findings; exit code 1 if there are any."""

import argparse
import sys

from harness.metadata_check.catalog import check_catalog


def main() -> int:
    parser = argparse.ArgumentParser(description="Checks every Iceberg table of a SQLite catalog.")
    parser.add_argument("catalog_db")
    parser.add_argument("--catalog", default="lake", help="catalog_name in the database")
    arguments = parser.parse_args()
    findings = check_catalog(arguments.catalog_db, arguments.catalog)
    print(*findings, sep="\n", end="\n" if findings else "")
    print(f"{len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
