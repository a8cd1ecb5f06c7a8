// From ConnectionOptions to libpq's keywords and values. Pure but for PGOPTIONS.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "postgres/connection.h"

namespace sluice::postgres {

// In the order libpq wants them: what stands before `dbname` (the URL) are defaults that the URL
// overrides, what stands after it overrides the URL. kConfig when the URL does not parse, without
// echoing it (it may hold a password).
Result<std::vector<std::pair<std::string, std::string>>> ConnectionKeywords(
    const ConnectionOptions& options);

}  // namespace sluice::postgres
