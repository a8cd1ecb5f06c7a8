#include "service/metrics.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <functional>
#include <vector>

#include "service/status_json.h"

namespace sluice::service {

namespace {

using pipeline::PipelineStatus;
using pipeline::TableStatus;
using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

struct PipelineMetric {
  const char* name;
  const char* help;
  std::function<double(const PipelineStatus&)> value;
};

struct TableMetric {
  const char* name;
  const char* help;
  std::function<double(const PipelineStatus&, const TableStatus&, int64_t)> value;
};

const std::vector<PipelineMetric>& PipelineMetrics() {
  static const std::vector<PipelineMetric> metrics = {
      {"sluice_source_connected", "1 while the replication stream is open.",
       [](const PipelineStatus& s) { return s.source.connected ? 1.0 : 0.0; }},
      {"sluice_source_retained_bytes", "WAL that the source keeps for our slot.",
       [](const PipelineStatus& s) { return static_cast<double>(s.source.retained_bytes); }},
      {"sluice_source_wal_position_bytes", "The source's WAL insert position.",
       [](const PipelineStatus& s) { return static_cast<double>(s.source.wal_lsn.value); }},
      {"sluice_source_confirmed_position_bytes", "The position the slot may forget up to.",
       [](const PipelineStatus& s) { return static_cast<double>(s.source.confirmed_lsn.value); }},
      {"sluice_bus_size_bytes", "Bytes that the bus holds.",
       [](const PipelineStatus& s) { return static_cast<double>(s.bus.bytes); }},
      {"sluice_bus_disk_free_bytes", "Free bytes on the disk of the bus.",
       [](const PipelineStatus& s) { return static_cast<double>(s.bus.disk_free_bytes); }},
      {"sluice_bus_full", "1 while the bus takes nothing and capture waits.",
       [](const PipelineStatus& s) { return s.bus.full ? 1.0 : 0.0; }},
      {"sluice_cut_position_bytes", "LSN of the newest cut in the ledger.",
       [](const PipelineStatus& s) { return static_cast<double>(s.cut.lsn.value); }}};
  return metrics;
}

const std::vector<TableMetric>& TableMetrics() {
  static const std::vector<TableMetric> metrics = {
      {"sluice_table_state", "0 planned, 1 copying, 2 catching up, 3 live, 4 paused, 5 failed.",
       [](const PipelineStatus&, const TableStatus& t, int64_t) {
         return static_cast<double>(t.state);
       }},
      {"sluice_table_lag_seconds", "Age of the newest change the lake lacks; 0 when none.",
       [](const PipelineStatus& s, const TableStatus& t, int64_t now) {
         return LagSeconds(s, t, now);
       }},
      {"sluice_table_lag_bytes", "WAL between the table's cut and the newest durable cut.",
       [](const PipelineStatus& s, const TableStatus& t, int64_t) {
         return static_cast<double>(LagBytes(s, t));
       }},
      {"sluice_table_rows", "Rows of the lake table.",
       [](const PipelineStatus&, const TableStatus& t, int64_t) {
         return static_cast<double>(t.rows);
       }},
      {"sluice_table_copied_rows", "Rows taken over by the first copy so far.",
       [](const PipelineStatus&, const TableStatus& t, int64_t) {
         return static_cast<double>(t.rows_copied);
       }},
      {"sluice_table_data_files", "Live data files.",
       [](const PipelineStatus&, const TableStatus& t, int64_t) {
         return static_cast<double>(t.data_files);
       }},
      {"sluice_table_delete_files", "Live position-delete files.",
       [](const PipelineStatus&, const TableStatus& t, int64_t) {
         return static_cast<double>(t.delete_files);
       }},
      {"sluice_table_deleted_rows", "Rows of live data files that are deleted by position.",
       [](const PipelineStatus&, const TableStatus& t, int64_t) {
         return static_cast<double>(t.deleted_rows);
       }}};
  return metrics;
}

ClientMetric Gauge(double value, std::vector<ClientMetric::Label> labels) {
  ClientMetric out;
  out.label = std::move(labels);
  out.gauge.value = value;
  return out;
}

}  // namespace

std::string MetricsText(const PipelineStatus& status, int64_t now_us) {
  std::vector<MetricFamily> families;
  for (const PipelineMetric& metric : PipelineMetrics()) {
    MetricFamily family{metric.name, metric.help, MetricType::Gauge, {}};
    family.metric.push_back(Gauge(metric.value(status), {{"pipeline", status.pipeline}}));
    families.push_back(std::move(family));
  }
  for (const TableMetric& metric : TableMetrics()) {
    MetricFamily family{metric.name, metric.help, MetricType::Gauge, {}};
    for (const TableStatus& table : status.tables) {
      family.metric.push_back(Gauge(metric.value(status, table, now_us),
                                    {{"pipeline", status.pipeline}, {"table", table.name}}));
    }
    families.push_back(std::move(family));
  }
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace sluice::service
