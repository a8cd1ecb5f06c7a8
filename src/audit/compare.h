// Source and lake of one table, compared without sorting and in bounded memory: hashed into buckets
// whose sums must agree, and only buckets that do not are read again and compared row by row.
#pragma once

#include <string>
#include <vector>

#include "audit/overlay.h"
#include "postgres/connection.h"
#include "store/object_store.h"

namespace sluice::audit {

enum class DifferenceKind : uint8_t { kOnlySource, kOnlyLake, kDiffers };

struct Difference {
  DifferenceKind kind = DifferenceKind::kDiffers;
  std::vector<std::pair<std::string, std::string>> key;  // column, text: shown only where asked
  std::vector<std::string> columns;                      // that differ
};

struct TableReport {
  std::string name;
  std::string iceberg;
  Lsn cut;  // of the lake
  iceberg::SnapshotId snapshot_id = 0;
  std::string not_audited;  // why; empty: it was
  uint64_t rows_source = 0;
  uint64_t rows_lake = 0;
  uint64_t differences = 0;       // rows
  bool complete = true;           // false: more rows may differ than were read again
  std::vector<Difference> found;  // the first of them
  double seconds = 0;
};

// `source` stays in the transaction of the snapshot. Only the first `buckets` of kBuckets are
// looked at.
Result<TableReport> CompareTable(postgres::Connection& source, store::ObjectStore& store,
                                 const AuditedTable& table, Overlay& overlay, size_t buckets);

}  // namespace sluice::audit
