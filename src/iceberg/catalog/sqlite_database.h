// SQLite as the SQL catalog needs it: one connection, bound parameters, transactions that take the
// write lock at once, and its result codes as decisions.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

struct sqlite3;
struct sqlite3_stmt;

namespace sluice::iceberg {

// One thread at a time.
class SqliteDatabase {
 public:
  struct Options {
    std::string path;
    int busy_timeout_ms = 5000;
    bool read_only = false;
  };
  // Creates the file (0640) and its folder unless `read_only`. synchronous=FULL.
  static Result<std::unique_ptr<SqliteDatabase>> Open(const Options& options);
  ~SqliteDatabase();
  SqliteDatabase(const SqliteDatabase&) = delete;
  SqliteDatabase& operator=(const SqliteDatabase&) = delete;

  using Row = std::vector<std::optional<std::string>>;
  Result<std::vector<Row>> Query(std::string_view sql, const std::vector<std::string>& values = {});
  // How many rows it changed. A broken uniqueness is kConflict.
  Result<int> Execute(std::string_view sql, const std::vector<std::string>& values = {});

  // BEGIN IMMEDIATE: kUnavailable when another process keeps the lock past the timeout.
  Status Begin();
  // kUnavailable: not committed, rolled back. kCommitUnknown: SQLite gave no clear answer.
  Status Commit();
  void Rollback();

 private:
  explicit SqliteDatabase(Options options) : options_(std::move(options)) {}
  Result<std::vector<Row>> Run(std::string_view sql, const std::vector<std::string>& values);
  Error ErrorOf(int code, std::string_view doing);

  Options options_;
  sqlite3* handle_ = nullptr;
  int last_code_ = 0;  // SQLite's extended code of the last failure
};

}  // namespace sluice::iceberg
