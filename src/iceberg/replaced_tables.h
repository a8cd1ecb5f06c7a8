// Tables that a table replaced under its name: their files stay for readers that are still at it,
// and for a commit whose answer did not come; the property `sluice.replaced` remembers them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"
#include "iceberg/catalog/catalog.h"
#include "iceberg/manifest_cache.h"

namespace sluice::iceberg {

constexpr char kReplacedKey[] = "sluice.replaced";

struct ReplacedTable {
  store::Location metadata;  // its last metadata file
  int64_t at_ms = 0;         // of the snapshot that replaced it
  friend bool operator==(const ReplacedTable&, const ReplacedTable&) = default;
};

// Those that the property names; what cannot be read there is passed over.
std::vector<ReplacedTable> ReplacedTables(const TableMetadata& metadata);
std::string ToProperty(const std::vector<ReplacedTable>& tables);

// Every file of a table, canonical and sorted: of all snapshots, and the metadata files that it
// lists. An error means that something could not be read: then nothing may be deleted.
Result<std::vector<store::Location>> FilesOfTable(store::ObjectStore& store, ManifestCache& cache,
                                                  const LoadedTable& table);

}  // namespace sluice::iceberg
