// What the stages last said of themselves, for status, metrics and readiness. Thread-safe: stages
// write their own part, the service reads a copy.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "change/change_batch.h"

namespace sluice::pipeline {

enum class TableState : uint8_t {
  kPlanned,
  kCopying,
  kCatchingUp,
  kLive,
  kPaused,
  kFailed,
  kRemoved
};
std::string_view TableStateName(TableState state);
std::optional<TableState> ParseTableState(std::string_view name);

struct TableStatus {
  std::string name;     // source: schema.table, quoted where Postgres needs it
  std::string iceberg;  // lake: namespace.table
  std::string metadata_location;
  TableState state = TableState::kPlanned;
  std::string reason;  // failed: why
  std::string hint;    // failed: what to do
  int64_t rows_copied = 0;
  int64_t rows_total_estimate = -1;
  int64_t bytes_copied = 0;
  Cut cut;  // the lake holds everything up to here
  int64_t pending_changes = 0;
  int64_t snapshot_id = 0;
  int64_t rows = 0;
  int64_t data_files = 0;
  int64_t delete_files = 0;
  int64_t deleted_rows = 0;
  int64_t freshness_us = 0;
};

struct SourceStatus {
  std::string system_id;
  uint32_t timeline = 0;
  std::string database;
  std::string slot;
  bool connected = false;
  std::string problem;  // why not connected
  Lsn wal_lsn;
  Lsn confirmed_lsn;
  int64_t retained_bytes = 0;
  std::optional<int64_t> safe_bytes;
  std::optional<double> safe_seconds;
};

struct BusStatus {
  Lsn first_lsn;
  Lsn last_lsn;
  uint64_t bytes = 0;
  uint64_t disk_free_bytes = 0;
  bool full = false;
  std::optional<double> seconds_until_full;
};

struct PipelineStatus {
  std::string pipeline;
  SourceStatus source;
  BusStatus bus;
  Cut cut;  // newest committed by the ledger
  std::vector<TableStatus> tables;
  std::vector<std::string> unmirrored;  // tables that match a rule but appeared after the start
};

class StatusBoard {
 public:
  explicit StatusBoard(std::string pipeline) { status_.pipeline = std::move(pipeline); }

  PipelineStatus Read() const {
    const std::lock_guard lock(mutex_);
    return status_;
  }
  void SetSource(SourceStatus source) {
    const std::lock_guard lock(mutex_);
    status_.source = std::move(source);
  }
  void SetBus(BusStatus bus) {
    const std::lock_guard lock(mutex_);
    status_.bus = bus;
  }
  void SetCut(Cut cut) {
    const std::lock_guard lock(mutex_);
    status_.cut = cut;
  }
  void SetUnmirrored(std::vector<std::string> names) {
    const std::lock_guard lock(mutex_);
    status_.unmirrored = std::move(names);
  }
  // By name; added when new.
  void SetTable(const TableStatus& table);
  // Progress of a copy, kept apart so that workers do not race with the merge's words.
  void AddCopied(const std::string& name, int64_t rows, int64_t bytes);

 private:
  TableStatus* Find(const std::string& name);

  mutable std::mutex mutex_;
  PipelineStatus status_;
};

}  // namespace sluice::pipeline
