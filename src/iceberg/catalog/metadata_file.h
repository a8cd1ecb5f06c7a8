// Metadata files of catalogs that leave writing them to us: `metadata/00007-<uuid>.metadata.json`.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "iceberg/catalog/catalog.h"
#include "store/object_store.h"

namespace sluice::iceberg {

// The number is the previous file's plus one, the UUID the commit's: a commit that is sent again
// on the same base has the same name and bytes.
store::Location MetadataLocation(const TableMetadata& metadata, const std::string& previous,
                                 const std::string& commit_id);

// Durable once it returns; whether this call made it (false: the very same bytes stood there).
// kConflict: other bytes stand under that name.
Result<bool> WriteMetadataFile(store::ObjectStore& store, const store::Location& at,
                               const TableMetadata& metadata);

Result<TableMetadata> ReadMetadataFile(store::ObjectStore& store, const store::Location& at);

// Metadata files that `after` no longer lists and that write.metadata.delete-after-commit.enabled
// lets us delete.
std::vector<store::Location> EvictedMetadataFiles(const TableMetadata& before,
                                                  const TableMetadata& after);

}  // namespace sluice::iceberg
