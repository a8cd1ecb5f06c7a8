"""An independent check of Iceberg v2 tables in a SQLite catalog: metadata, manifests, data and delete files.

Written from the Iceberg specification; parses JSON, Avro (fastavro) and Parquet (pyarrow) itself, with no Iceberg library.
"""

from harness.metadata_check.catalog import assert_catalog_valid, check_catalog, referenced_files

__all__ = ["assert_catalog_valid", "check_catalog", "referenced_files"]
