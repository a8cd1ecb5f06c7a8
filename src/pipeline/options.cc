#include "pipeline/options.h"

#include <algorithm>

namespace sluice::pipeline {

iceberg::HistoryPolicy WidestHistory(const PipelineOptions& options) {
  iceberg::HistoryPolicy out = options.defaults.history;
  for (const TableRule& rule : options.rules) {
    const iceberg::HistoryPolicy& one = rule.options.history;
    out.all_ms = std::max(out.all_ms, one.all_ms);
    out.every_minute_ms = std::max(out.every_minute_ms, one.every_minute_ms);
    out.every_hour_ms = std::max(out.every_hour_ms, one.every_hour_ms);
    out.every_day_ms = std::max(out.every_day_ms, one.every_day_ms);
    out.snapshots_max = std::max(out.snapshots_max, one.snapshots_max);
  }
  return out;
}

}  // namespace sluice::pipeline
