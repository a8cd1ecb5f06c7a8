#include "pipeline/replaced_files.h"

#include <algorithm>
#include <iterator>

#include "base/log.h"
#include "base/uuid.h"
#include "iceberg/catalog/metadata_file.h"
#include "iceberg/replaced_tables.h"

namespace sluice::pipeline {

namespace {

using iceberg::LoadedTable;
using iceberg::ReplacedTable;
using Files = std::vector<store::Location>;

bool Gone(const Error& error) { return error.code() == "ENOENT"; }

// What every table of the catalog consists of now: another program may have made one of the same
// files.
Result<Files> FilesInUse(const Lake& lake) {
  Files out;
  SLUICE_LET(const auto names, lake.catalog.List());
  for (const iceberg::TableIdentifier& name : names) {
    SLUICE_LET(const auto table, lake.catalog.Load(name));
    if (!table) continue;
    SLUICE_LET(const Files files, iceberg::FilesOfTable(lake.store, *lake.manifests, *table),
               "looking which files {} refers to", name.ToString());
    out.insert(out.end(), files.begin(), files.end());
  }
  std::sort(out.begin(), out.end());
  return out;
}

Status RemoveOne(const Lake& lake, const iceberg::TableIdentifier& name,
                 const ReplacedTable& replaced, const Files& in_use) {
  SLUICE_LET(auto metadata, iceberg::ReadMetadataFile(lake.store, replaced.metadata));
  SLUICE_LET(const Files files,
             iceberg::FilesOfTable(lake.store, *lake.manifests,
                                   {name, replaced.metadata, std::move(metadata)}));
  Files unused;
  std::set_difference(files.begin(), files.end(), in_use.begin(), in_use.end(),
                      std::back_inserter(unused));
  SLUICE_TRY(lake.store.Delete(unused));
  log::Get("lake")->info("removed {} files of the table that {} replaced", unused.size(),
                         name.ToString());
  return {};
}

Status Forget(const Lake& lake, const LoadedTable& table, const std::vector<ReplacedTable>& rest) {
  iceberg::TableCommit commit{
      table.identifier,
      MakeUuid(),
      {iceberg::AssertTableUuid{table.metadata.table_uuid}},
      {iceberg::SetProperties{{{iceberg::kReplacedKey, ToProperty(rest)}}}}};
  if (rest.empty()) commit.updates = {iceberg::RemoveProperties{{iceberg::kReplacedKey}}};
  SLUICE_TRY(lake.catalog.Commit({&commit, 1}));
  return {};
}

}  // namespace

Status RemoveReplaced(const Lake& lake, const iceberg::TableIdentifier& name) {
  SLUICE_LET(const auto table, lake.catalog.Load(name));
  if (!table) return {};
  const std::vector<ReplacedTable> all = iceberg::ReplacedTables(table->metadata);
  const int64_t keep_ms =
      std::max(lake.options.replaced_keep_us / 1000, WidestHistory(lake.options).all_ms);
  const int64_t due_ms = lake.clock.WallMicros() / 1000 - keep_ms;
  std::vector<ReplacedTable> rest;
  std::vector<ReplacedTable> due;
  for (const ReplacedTable& one : all) (one.at_ms <= due_ms ? due : rest).push_back(one);
  if (due.empty()) return {};
  SLUICE_LET(const Files in_use, FilesInUse(lake));
  for (const ReplacedTable& one : due) {
    const Status removed = RemoveOne(lake, name, one, in_use);
    if (removed) continue;
    if (!Gone(removed.error())) return removed;
    // A crash came between its files and this: what is left of it cannot be named any more.
    log::Get("lake")->warn("files of the table that {} replaced stay: {}", name.ToString(),
                           removed.error().message());
  }
  return Forget(lake, *table, rest);
}

}  // namespace sluice::pipeline
