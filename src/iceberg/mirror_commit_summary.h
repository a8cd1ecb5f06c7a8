// The counters of a snapshot's summary (Iceberg spec, Appendix F, "Optional Snapshot Summary
// Fields"), and which operation a commit is.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "iceberg/table_metadata.h"

namespace sluice::iceberg {

struct SnapshotCounts {
  int64_t added_data_files = 0, removed_data_files = 0;
  int64_t added_rows = 0, removed_rows = 0;  // of data files, deleted rows included
  int64_t added_delete_files = 0, removed_delete_files = 0;
  int64_t added_positions = 0, removed_positions = 0;
  int64_t added_bytes = 0, removed_bytes = 0;  // of data and delete files
};

// "append" when only data was added, "delete" when only deletes, else "overwrite": conflict checks
// of other writers look at certain operations only, so a wrong word loses rows.
std::string OperationOf(const SnapshotCounts& counts);

// Operation and counters; totals go on from the parent's, where it has them (null: no parent).
std::map<std::string, std::string> CountersOf(const SnapshotCounts& counts, const Snapshot* parent);

}  // namespace sluice::iceberg
