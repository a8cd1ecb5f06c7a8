// Another program at work on the lake's tables: what Spark, PyIceberg or an operator does to a
// table that somebody else mirrors.
#pragma once

#include <string>

#include "iceberg/mirror_commit.h"
#include "simulate/random.h"
#include "simulate/sim_catalog.h"

namespace sluice::simulate {

class ForeignWriter {
 public:
  // All outlive this.
  ForeignWriter(SimCatalog& catalog, store::ObjectStore& store, const Clock& clock, Random& random)
      : catalog_(catalog), store_(store), clock_(clock), random_(random) {}

  // Each commits once; false: the table has nothing to do that with. Errors are the disk's.
  using Deed = Result<bool>;
  // Every live row into one file, as a rewrite does. Nothing changes for readers.
  Deed Compact(const iceberg::TableIdentifier& name);
  // Every snapshot but the head's goes, with the files that only they had.
  Deed Expire(const iceberg::TableIdentifier& name);
  // One row more; one row less.
  Deed Append(const iceberg::TableIdentifier& name);
  Deed Delete(const iceberg::TableIdentifier& name);
  // The table is set back to an older snapshot.
  Deed RollBack(const iceberg::TableIdentifier& name);

 private:
  Result<std::optional<iceberg::LoadedTable>> Load(const iceberg::TableIdentifier& name);
  Status Commit(const iceberg::LoadedTable& table, const merge::RowDelta& delta,
                const std::string& operation);
  // The live rows of the head, the first `rows_max` of them.
  Result<std::optional<parquet::DataFile>> CopyRows(const iceberg::LoadedTable& table,
                                                    const iceberg::TableFiles& files,
                                                    int64_t rows_max);

  SimCatalog& catalog_;
  store::ObjectStore& store_;
  const Clock& clock_;
  Random& random_;
};

}  // namespace sluice::simulate
