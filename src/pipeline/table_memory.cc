#include "pipeline/table_memory.h"

#include "base/fault_point.h"
#include "base/uuid.h"

namespace sluice::pipeline {

namespace {

constexpr char kStateKey[] = "sluice.state";
constexpr char kResyncState[] = "resync";

Status Remember(iceberg::Catalog& catalog, const iceberg::TableIdentifier& table,
                const std::string& state, const std::string& reason, const std::string& hint) {
  SLUICE_LET(const auto loaded, catalog.Load(table));
  if (!loaded) return {};
  const iceberg::TableCommit commit{
      table,
      MakeUuid(),
      {iceberg::AssertTableUuid{loaded->metadata.table_uuid}},
      {iceberg::SetProperties{
          {{kStateKey, state}, {"sluice.reason", reason}, {"sluice.hint", hint}}}}};
  SLUICE_TRY(catalog.Commit({&commit, 1}));
  ReachFaultPoint("table.state_remembered");
  return {};
}

}  // namespace

Status RememberState(iceberg::Catalog& catalog, const iceberg::TableIdentifier& table,
                     TableState state, const std::string& reason, const std::string& hint) {
  return Remember(catalog, table, std::string(TableStateName(state)), reason, hint);
}

Status RememberResync(iceberg::Catalog& catalog, const iceberg::TableIdentifier& table) {
  return Remember(catalog, table, kResyncState, "", "");
}

bool ResyncWanted(const iceberg::LoadedTable& table) {
  const auto found = table.metadata.properties.find(kStateKey);
  return found != table.metadata.properties.end() && found->second == kResyncState;
}

std::string ResyncHint(const std::string& name) {
  return fmt::format(
      "run `sluice tables resync {}`: it copies the table again; readers see the last good state "
      "until the copy is complete",
      name);
}

}  // namespace sluice::pipeline
