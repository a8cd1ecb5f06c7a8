// Everything a pipeline needs to know, as the configuration file says it (docs: interface.md names
// the keys). Filled by cli/, validated there; nothing here reads files or the environment.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bus/embedded/embedded_bus.h"
#include "iceberg/history.h"
#include "postgres/connection.h"
#include "postgres/source_schema.h"

namespace sluice::pipeline {

enum class ConfirmAfter : uint8_t { kBus, kLake };

struct TableOptions {
  int64_t freshness_us = 10'000'000;
  iceberg::HistoryPolicy history;
  postgres::ColumnChoice columns;
};

// First match wins. A pattern is schema.table in Postgres' spelling ("Odd Name".t works), `*` in an
// unquoted part stands for any characters.
struct TableRule {
  bool include = true;
  std::string pattern;
  int line = 0;  // in the configuration file, for messages
  TableOptions options;
};

struct PipelineOptions {
  std::string name;  // [a-z0-9_]+
  postgres::ConnectionOptions source;
  std::string slot;
  std::string publication;
  ConfirmAfter confirm_after = ConfirmAfter::kBus;
  std::vector<TableRule> rules;  // empty: every table with a key in every non-system schema
  TableOptions defaults;
  int copy_workers = 2;
  int64_t copy_transaction_us = int64_t{30} * 60 * 1'000'000;
  uint64_t copy_chunk_bytes = 32 << 20;
  std::string warehouse;     // "file:///srv/lake"
  std::string catalog_path;  // of the SQLite file
  std::string catalog_name = "lake";
  std::string name_space = "{schema}";
  bus::EmbeddedBusOptions bus;  // source_identity is filled at start
  std::string state_folder;
  uint64_t memory_bytes = 512 << 20;
  std::string http = "127.0.0.1:8642";        // "none": off
  int64_t cut_interval_us = 1'000'000;        // between cuts while anything changes
  int64_t idle_cut_interval_us = 10'000'000;  // while nothing does, so that the slot moves on
  int64_t file_bytes = 128 << 20;             // data files roll here
  // Files of a lake table that was replaced: as long after a commit its answer may be unclear.
  int64_t replaced_keep_us = int64_t{3600} * 1'000'000;
  int delete_tier_files = 10;  // iceberg::CommitOptions
};

// What some table keeps, the most of each kind.
iceberg::HistoryPolicy WidestHistory(const PipelineOptions& options);

}  // namespace sluice::pipeline
