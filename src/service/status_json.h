// The pipeline's status as JSON: the same keys for `status --json`, the control socket and
// GET /status (interface.md).
#pragma once

#include <nlohmann/json.hpp>

#include "audit/last_audit.h"
#include "base/error.h"
#include "pipeline/status_board.h"

namespace sluice::service {

using Json = nlohmann::ordered_json;

// `now_us`: wall clock, for lag in seconds.
Json StatusToJson(const pipeline::PipelineStatus& status, const audit::LastAudits& audits,
                  int64_t now_us);
// {"error": {"kind", "message", "hint", "code"}}
Json ErrorToJson(const Error& error);
// The error in an answer of the control socket, or nothing.
std::optional<Error> ErrorFromJson(const Json& answer);
// Seconds by which a table is behind: 0 when nothing is pending.
double LagSeconds(const pipeline::PipelineStatus& status, const pipeline::TableStatus& table,
                  int64_t now_us);
int64_t LagBytes(const pipeline::PipelineStatus& status, const pipeline::TableStatus& table);

}  // namespace sluice::service
