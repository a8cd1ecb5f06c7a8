// Which tables a pipeline mirrors and under which lake names. Pure.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "iceberg/catalog/catalog.h"
#include "pipeline/options.h"
#include "postgres/source_catalog.h"
#include "postgres/source_schema.h"

namespace sluice::pipeline {

struct ChosenTable {
  postgres::SourceTable source;
  postgres::MirroredTable mirror;
  iceberg::TableIdentifier lake;
  TableOptions options;
};

struct RefusedTable {
  std::string name;
  std::string reason;
  std::string hint;
};

struct TableChoice {
  std::vector<ChosenTable> chosen;    // by name
  std::vector<RefusedTable> refused;  // matched, but cannot be mirrored as configured
  std::vector<std::string> left_out;  // tables no rule takes
};

// kConfig: a pattern is malformed or a rule can never match (an earlier rule takes everything it
// names, or no table of the source fits an include). Tables whose lake names differ only in case
// are refused.
Result<TableChoice> ChooseTables(const std::vector<postgres::SourceTable>& tables,
                                 const PipelineOptions& options, int server_version);

// Whether `pattern` names this table. kConfig: not a pattern.
Result<bool> Matches(const std::string& pattern, const std::string& schema,
                     const std::string& table);

}  // namespace sluice::pipeline
