#include "cli/lake_status.h"

#include "iceberg/catalog/sql_catalog.h"
#include "iceberg/ledger.h"
#include "iceberg/mirror_commit.h"
#include "pipeline/state_lock.h"
#include "pipeline/table_memory.h"

namespace sluice::cli {

namespace {

using iceberg::LoadedTable;
using pipeline::TableState;
using pipeline::TableStatus;

std::string Property(const LoadedTable& table, const std::string& key) {
  const auto found = table.metadata.properties.find(key);
  return found == table.metadata.properties.end() ? "" : found->second;
}

// Only tables of this pipeline have it.
bool IsMirror(const LoadedTable& table, const Config& config) {
  return !Property(table, "sluice.schema").empty() &&
         Property(table, "sluice.pipeline") == config.options.name;
}

int64_t Counter(const iceberg::Snapshot& snapshot, const std::string& key) {
  const auto found = snapshot.summary.find(key);
  return found == snapshot.summary.end() ? 0 : std::strtoll(found->second.c_str(), nullptr, 10);
}

TableStatus StatusOf(const LoadedTable& table, const Config& config) {
  TableStatus out;
  const auto schema = TableSchemaFromJson(Property(table, "sluice.schema"));
  out.name = schema ? schema->QualifiedName() : table.identifier.ToString();
  out.iceberg = table.identifier.ToString();
  out.metadata_location = table.metadata_location;
  out.state =
      pipeline::ParseTableState(Property(table, "sluice.state")).value_or(TableState::kLive);
  if (pipeline::ResyncWanted(table)) out.state = TableState::kPlanned;
  out.reason = Property(table, "sluice.reason");
  out.hint = Property(table, "sluice.hint");
  const auto marks =
      iceberg::FindMarks(table.metadata, Property(table, "sluice.source"), config.options.name);
  if (marks && *marks) out.cut = (*marks)->marks.cut;
  if (const iceberg::Snapshot* head = table.metadata.current_snapshot()) {
    out.snapshot_id = head->id;
    out.data_files = Counter(*head, "total-data-files");
    out.delete_files = Counter(*head, "total-delete-files");
    out.deleted_rows = Counter(*head, "total-position-deletes");
    out.rows = Counter(*head, "total-records") - out.deleted_rows;
  }
  return out;
}

struct Mirror {
  LoadedTable table;
  TableStatus status;
};

Result<std::vector<Mirror>> ReadMirrors(iceberg::Catalog& catalog, const Config& config) {
  std::vector<Mirror> out;
  SLUICE_LET(const auto names, catalog.List());
  for (const iceberg::TableIdentifier& name : names) {
    SLUICE_LET(const auto table, catalog.Load(name));
    if (table && IsMirror(*table, config)) out.push_back({*table, StatusOf(*table, config)});
  }
  return out;
}

}  // namespace

Result<std::unique_ptr<iceberg::Catalog>> OpenLakeCatalog(const Config& config,
                                                          store::ObjectStore& store,
                                                          const Clock& clock, bool read_only) {
  iceberg::SqlCatalogOptions options;
  options.path = config.options.catalog_path;
  options.name = config.options.catalog_name;
  options.read_only = read_only;
  SLUICE_LET(const bool exists, LocalFileSystem().Exists(options.path));
  if (!exists) {
    return MakeError(ErrorKind::kConfig, "there is no catalog at {} yet", options.path)
        .WithHint("`sluice run` makes it; `sluice plan` shows what it will do");
  }
  return iceberg::OpenSqlCatalog(options, store, clock);
}

Result<pipeline::PipelineStatus> ReadLakeStatus(const Config& config) {
  const auto store = store::MakeLocalStore();
  const SystemClock clock;
  SLUICE_LET(const auto catalog, OpenLakeCatalog(config, *store, clock, true));
  pipeline::PipelineStatus out;
  out.pipeline = config.options.name;
  SLUICE_LET(const auto mirrors, ReadMirrors(*catalog, config));
  for (const Mirror& mirror : mirrors) out.tables.push_back(mirror.status);
  SLUICE_LET(const auto ledger, iceberg::ReadLedger(*catalog, *store, {"sluice", "cuts"}));
  if (!ledger || ledger->rows.empty()) return out;
  out.cut = ledger->rows.back().marks.cut;
  const auto& listed = ledger->rows.back().tables;
  for (TableStatus& table : out.tables) {
    const auto found = listed.find(table.iceberg);
    if (found != listed.end() && found->second == table.snapshot_id) table.cut = out.cut;
  }
  return out;
}

Status MarkTable(const Config& config, const std::string& table, const std::string& order) {
  SLUICE_LET(const auto lock, pipeline::StateLock::Take(config.options.state_folder));
  const auto store = store::MakeLocalStore();
  const SystemClock clock;
  SLUICE_LET(const auto catalog, OpenLakeCatalog(config, *store, clock, false));
  SLUICE_LET(const auto mirrors, ReadMirrors(*catalog, config));
  for (const Mirror& mirror : mirrors) {
    if (mirror.status.name != table) continue;
    const iceberg::TableIdentifier& name = mirror.table.identifier;
    if (order == "resync") return pipeline::RememberResync(*catalog, name);
    const bool pauses = order == "pause";
    if (mirror.status.state != (pauses ? TableState::kLive : TableState::kPaused)) {
      return MakeError(ErrorKind::kConfig, "table {} is not {}", table, pauses ? "live" : "paused")
          .WithHint("`sluice tables list` shows every table's state");
    }
    return pipeline::RememberState(*catalog, name, pauses ? TableState::kPaused : TableState::kLive,
                                   "", "");
  }
  return MakeError(ErrorKind::kConfig, "this pipeline's lake has no table {}", table)
      .WithHint("`sluice tables list` shows the names");
}

}  // namespace sluice::cli
