// Whether another program changed a mirror table's rows since our last commit.
#pragma once

#include <optional>
#include <string>

#include "base/error.h"
#include "iceberg/mirror_commit.h"

namespace sluice::pipeline {

// Nothing: no foreign snapshot, or only compactions (`replace`), which keep every row. Else what
// was done, in words for the operator.
Result<std::optional<std::string>> ForeignChange(const iceberg::TableMetadata& metadata,
                                                 const std::string& source,
                                                 const std::string& pipeline);

}  // namespace sluice::pipeline
