// `query`: a snippet that reads a table with an engine as it is configured here.
#include "cli/commands.h"
#include "cli/lake_status.h"

namespace sluice::cli {

namespace {

struct Place {
  std::string catalog_db;
  std::string catalog_name;
  std::string warehouse;
  std::string iceberg;  // namespace.table
  std::string metadata_location;
};

std::string Duckdb(const Place& place) {
  return fmt::format(
      "-- duckdb (INSTALL iceberg; once)\n"
      "LOAD iceberg;\n"
      "SELECT * FROM iceberg_scan('{}') LIMIT 10;\n"
      "-- the location moves with every commit: `sluice status --json` shows the newest\n",
      place.metadata_location);
}

std::string Pyiceberg(const Place& place) {
  return fmt::format(
      "# pip install 'pyiceberg[sql-sqlite,pyarrow]'\n"
      "from pyiceberg.catalog.sql import SqlCatalog\n"
      "catalog = SqlCatalog('{}', uri='sqlite:///{}', warehouse='{}')\n"
      "table = catalog.load_table('{}')\n"
      "print(table.scan(limit=10).to_arrow())\n",
      place.catalog_name, place.catalog_db, place.warehouse, place.iceberg);
}

std::string Spark(const Place& place) {
  return fmt::format(
      "spark-sql \\\n"
      "  --packages org.apache.iceberg:iceberg-spark-runtime-4.1_2.13:1.12.0,"
      "org.xerial:sqlite-jdbc:3.54.1.0 \\\n"
      "  --conf spark.sql.extensions="
      "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions \\\n"
      "  --conf spark.sql.catalog.{0}=org.apache.iceberg.spark.SparkCatalog \\\n"
      "  --conf spark.sql.catalog.{0}.type=jdbc \\\n"
      "  --conf spark.sql.catalog.{0}.uri=jdbc:sqlite:{1} \\\n"
      "  --conf spark.sql.catalog.{0}.warehouse={2} \\\n"
      "  --conf spark.sql.catalog.{0}.jdbc.schema-version=V1 \\\n"
      "  -e 'SELECT * FROM {0}.{3} LIMIT 10'\n",
      place.catalog_name, place.catalog_db, place.warehouse, place.iceberg);
}

}  // namespace

int Query(const Context& context, const std::string& table, const std::string& engine) {
  SLUICE_CLI_LET(const Config config, context.Load());
  SLUICE_CLI_LET(const auto status, ReadLakeStatus(config));
  for (const pipeline::TableStatus& one : status.tables) {
    if (one.name != table && one.iceberg != table) continue;
    const Place place{config.options.catalog_path, config.options.catalog_name,
                      config.options.warehouse, one.iceberg, one.metadata_location};
    const std::string snippet = engine == "duckdb"      ? Duckdb(place)
                                : engine == "pyiceberg" ? Pyiceberg(place)
                                                        : Spark(place);
    if (context.json) {
      PrintJson({{"table", one.name}, {"for", engine}, {"snippet", snippet}});
    } else {
      Print(snippet);
    }
    return static_cast<int>(Exit::kDone);
  }
  return Fail(context, MakeError(ErrorKind::kConfig, "the lake has no table {}", table)
                           .WithHint("`sluice tables list` shows the names"));
}

}  // namespace sluice::cli
