// The source seam over libpq: one session for questions, opened again when it is lost.
#pragma once

#include <memory>

#include "pipeline/source.h"

namespace sluice::pipeline {

// Connects. kConfig: older than Postgres 14.
Result<std::unique_ptr<Source>> OpenPostgresSource(const postgres::ConnectionOptions& options);

}  // namespace sluice::pipeline
