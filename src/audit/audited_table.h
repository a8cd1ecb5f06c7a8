// A table under audit: how to read it on both sides so that equal rows make equal text.
#pragma once

#include <string>
#include <vector>

#include "iceberg/catalog/catalog.h"
#include "pipeline/table_rules.h"

namespace sluice::audit {

struct AuditedTable {
  std::string name;  // as the source spells it, quoted where needed
  TableSchema schema;
  bool append_only = false;
  std::vector<int> keys;         // indices of columns; empty when append_only
  std::vector<char> delimiters;  // a column: of its list's elements
  std::vector<bool> decimal;     // a column: zeros at the end of its fraction do not count
  std::string select;            // "SELECT ... FROM ...": the columns in order
  iceberg::LoadedTable lake;     // its current snapshot is the one under audit
};

AuditedTable MakeAuditedTable(const pipeline::ChosenTable& chosen, iceberg::LoadedTable lake,
                              iceberg::SnapshotId snapshot);

}  // namespace sluice::audit
