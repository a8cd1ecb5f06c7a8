// The SQL catalog on SQLite: the schema that Java's JdbcCatalog (V1) and PyIceberg's SqlCatalog
// share, so that a laptop lake opens in both; a file of the older V0 schema is used as it is. All
// tables of a Commit change in one database transaction, synchronous=FULL.
#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "iceberg/catalog/catalog.h"
#include "store/object_store.h"

namespace sluice::iceberg {

struct SqlCatalogOptions {
  std::string path;            // of the SQLite file; created 0640 with its folder if missing
  std::string name = "lake";   // must equal the name that readers give their catalog
  int busy_timeout_ms = 5000;  // then kUnavailable: somebody holds the catalog's lock
  bool read_only = false;      // a missing file is kConfig then
};

// `store` and `clock` outlive the catalog. kConfig: not a SQLite file, not writable, or a table
// `iceberg_tables` that is not a catalog's.
Result<std::unique_ptr<Catalog>> OpenSqlCatalog(SqlCatalogOptions options,
                                                store::ObjectStore& store, const Clock& clock);

}  // namespace sluice::iceberg
