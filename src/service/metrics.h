// The pipeline's status as Prometheus text: names `sluice_<noun>_<unit>`, counters ending in
// `_total`, base units. Labels: pipeline, and table where it says so; nothing else, so that their
// number is bounded by the tables.
#pragma once

#include <string>

#include "pipeline/status_board.h"

namespace sluice::service {

std::string MetricsText(const pipeline::PipelineStatus& status, int64_t now_us);

}  // namespace sluice::service
