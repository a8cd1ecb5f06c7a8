// A small world for the tests of the bus: transaction i ends at LSN 100 * i, has xid 1000 + i and
// inserts one row with the value i into table 7.
#pragma once

#include <arrow/array.h>
#include <arrow/buffer.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>

#include <string>
#include <vector>

#include "base/clock.h"
#include "base/file_system_fake.h"
#include "bus/embedded/embedded_bus.h"

namespace sluice::bus::testing {

inline constexpr TableId kTable{.oid = 7, .incarnation = 1};

inline Lsn LsnOf(int64_t i) { return {static_cast<uint64_t>(100 * i)}; }
inline Cut CutAt(int64_t i) { return {.lsn = LsnOf(i), .time_us = 10 * i}; }

inline TableSchema Schema(uint32_t version) {
  TableSchema schema;
  schema.id = kTable;
  schema.version = {version};
  schema.schema_name = "public";
  schema.name = "hives";
  Column& column = schema.columns.emplace_back();
  column.attnum = 1;
  column.name = "id";
  column.lake_type = arrow::int64();
  return schema;
}

// Transactions `from` to `to` as one batch.
inline ChangeBatch Batch(int64_t from, int64_t to, uint32_t version = 1) {
  ChangeBatch batch;
  batch.table = kTable;
  batch.schema = {version};
  std::vector<int64_t> values;
  for (int64_t i = from; i <= to; ++i) {
    values.push_back(i);
    batch.operations.push_back(Op::kInsert);
    batch.runs.push_back({.end_lsn = LsnOf(i),
                          .xid = static_cast<uint64_t>(1000 + i),
                          .commit_time_us = 10 * i,
                          .first_index = 0,
                          .row_end = static_cast<uint32_t>(values.size())});
  }
  const auto rows = static_cast<int64_t>(values.size());
  batch.rows = arrow::RecordBatch::Make(
      ChangeRowSchema(Schema(version)), rows,
      {std::make_shared<arrow::Int64Array>(rows, arrow::Buffer::FromVector(std::move(values)))});
  return batch;
}
inline ChangeBatch Batch(int64_t i) { return Batch(i, i); }

inline std::vector<int64_t> Values(const ChangeBatch& batch) {
  const auto& column = static_cast<const arrow::Int64Array&>(*batch.rows->column(0));
  return {column.raw_values(), column.raw_values() + column.length()};
}

// "schema 1", "batch 1 2", "cut 200", "resume 5 after 100": one line a record.
inline std::string Describe(const Record& record) {
  if (const auto* schema = std::get_if<TableSchema>(&record)) {
    return fmt::format("schema {}", schema->version.value);
  }
  if (const auto* cut = std::get_if<Cut>(&record)) return fmt::format("cut {}", cut->lsn.value);
  if (const auto* resume = std::get_if<Resume>(&record)) {
    return fmt::format("resume {} after {}", resume->epoch, resume->after.value);
  }
  if (const auto* stop = std::get_if<TableStop>(&record)) {
    return fmt::format("stop {}: {}; {}", stop->table.oid, stop->reason, stop->hint);
  }
  std::string out = "batch";
  for (const int64_t value : Values(std::get<ChangeBatch>(record))) {
    out += fmt::format(" {}", value);
  }
  return out;
}

inline std::vector<std::string> Describe(const std::vector<Record>& records) {
  std::vector<std::string> out;
  for (const Record& record : records) out.push_back(Describe(record));
  return out;
}

inline EmbeddedBusOptions Options() {
  EmbeddedBusOptions options;
  options.folder = "/srv/bus";
  options.source_identity = "system/5/slot";
  options.disk_reserve_bytes = 0;
  return options;
}

}  // namespace sluice::bus::testing
