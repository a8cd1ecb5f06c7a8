// `drop`: slot and publication away, so that nothing fills the source's disk after we are gone; and
// with it, unless --keep-lake, what the lake, the bus and the state folder hold.
#include <unistd.h>

#include <filesystem>
#include <iostream>

#include "cli/commands.h"
#include "cli/lake_status.h"
#include "iceberg/catalog/metadata_file.h"
#include "iceberg/replaced_tables.h"
#include "pipeline/state_lock.h"
#include "postgres/publication.h"
#include "postgres/replication/replication_source.h"
#include "postgres/source_catalog.h"

namespace sluice::cli {

namespace {

bool Confirmed(const Context& context, const DropOptions& options) {
  if (options.yes) return true;
  if (context.json || isatty(STDIN_FILENO) == 0) return false;
  Print("really drop all this? [yes/no] ");
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "yes";
}

void Preview(const Config& config, const DropOptions& options) {
  Print(fmt::format("drops on the source: replication slot {}, publications {} and {}_append\n",
                    config.options.slot, config.options.publication, config.options.publication));
  if (options.keep_lake) {
    Print("keeps: the lake's tables\n");
  } else {
    Print(fmt::format("drops here: the lake's tables and files below {}, catalog {}\n",
                      config.options.warehouse, config.options.catalog_path));
  }
  Print(fmt::format("drops here: bus {} and state {}\n", config.options.bus.folder,
                    config.options.state_folder));
}

Status DropAtSource(const Config& config) {
  SLUICE_LET(const auto connection, postgres::Connection::Open(config.options.source));
  SLUICE_LET(const auto slot, postgres::FindSlot(*connection, config.options.slot));
  if (slot) SLUICE_TRY(postgres::DropSlot(*connection, config.options.slot));
  return postgres::DropPublications(*connection, config.options.publication);
}

// The tables that a resync replaced, whose files were still kept. What was removed already is not
// there to be read.
Status DropReplaced(store::ObjectStore& store, const iceberg::LoadedTable& table) {
  iceberg::ManifestCache cache;
  for (const iceberg::ReplacedTable& replaced : iceberg::ReplacedTables(table.metadata)) {
    auto metadata = iceberg::ReadMetadataFile(store, replaced.metadata);
    if (!metadata) continue;
    SLUICE_LET(const auto files,
               iceberg::FilesOfTable(store, cache,
                                     {table.identifier, replaced.metadata, std::move(*metadata)}));
    SLUICE_TRY(store.Delete(files));
  }
  return {};
}

// Only what the catalog says is this pipeline's.
Status DropLake(const Config& config) {
  SLUICE_LET(const bool exists, LocalFileSystem().Exists(config.options.catalog_path));
  if (!exists) return {};
  const auto store = store::MakeLocalStore();
  const SystemClock clock;
  SLUICE_LET(const auto catalog, OpenLakeCatalog(config, *store, clock, false));
  SLUICE_LET(const auto names, catalog->List());
  for (const iceberg::TableIdentifier& name : names) {
    SLUICE_LET(const auto table, catalog->Load(name));
    if (!table) continue;
    const auto owner = table->metadata.properties.find("sluice.pipeline");
    if (owner == table->metadata.properties.end() || owner->second != config.options.name) continue;
    SLUICE_TRY(DropReplaced(*store, *table), "dropping what {} replaced", name.ToString());
    SLUICE_TRY(catalog->Drop(name), "dropping lake table {}", name.ToString());
    SLUICE_LET(const std::string folder, store::LocalPath(table->metadata.location));
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);
  }
  return {};
}

Status RemoveFolder(const std::string& folder) {
  std::error_code failed;
  std::filesystem::remove_all(folder, failed);
  if (!failed) return {};
  return MakeError(ErrorKind::kConfig, "removing {}: {}", folder, failed.message());
}

Status DropAll(const Config& config, const DropOptions& options) {
  SLUICE_LET(const auto lock, pipeline::StateLock::Take(config.options.state_folder));
  SLUICE_TRY(DropAtSource(config), "dropping slot and publication");
  if (!options.keep_lake) SLUICE_TRY(DropLake(config));
  SLUICE_TRY(RemoveFolder(config.options.bus.folder));
  return RemoveFolder(config.options.state_folder);
}

}  // namespace

int Drop(const Context& context, const DropOptions& options) {
  SLUICE_CLI_LET(const Config config, context.Load());
  if (!context.json) Preview(config, options);
  if (!Confirmed(context, options)) {
    return Fail(
        context,
        MakeError(ErrorKind::kConfig, "nothing was dropped").WithHint("answer yes, or give --yes"));
  }
  const Status dropped = DropAll(config, options);
  if (!dropped) return Fail(context, dropped.error());
  if (context.json) {
    PrintJson({{"dropped", config.options.name}, {"lake_kept", options.keep_lake}});
  } else {
    Print("dropped\n");
  }
  return static_cast<int>(Exit::kDone);
}

}  // namespace sluice::cli
