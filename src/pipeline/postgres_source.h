// The source seam over libpq: one session for questions that wait for nobody, opened again when it
// is lost; sessions of their own for the rest.
#pragma once

#include <memory>

#include "pipeline/source.h"

namespace sluice::pipeline {

// Connects. kConfig: older than Postgres 14.
Result<std::unique_ptr<Source>> OpenPostgresSource(postgres::ConnectionOptions options);

}  // namespace sluice::pipeline
