#include "iceberg/catalog/sqlite_database.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

namespace sluice::iceberg {

namespace {

struct Decision {
  ErrorKind kind;
  const char* what;
  const char* hint;
};

Decision Decide(int code) {
  switch (code & 0xFF) {  // the primary result code
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return {ErrorKind::kUnavailable, "somebody holds the catalog's lock",
              "find the program that keeps a transaction open in this file (fuser), and end it"};
    case SQLITE_NOTADB:
      return {ErrorKind::kConfig, "the file is not a SQLite database",
              "set lake.catalog.uri to the catalog file, or to a path that does not exist yet"};
    case SQLITE_CORRUPT:
      return {ErrorKind::kCorrupt, "the catalog file is damaged",
              "restore it from a backup; the tables' metadata files in the warehouse are intact"};
    case SQLITE_FULL:
      return {ErrorKind::kExhausted, "the catalog's disk is full", "free space on its disk"};
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_READONLY:
      return {ErrorKind::kConfig, "the catalog file cannot be opened for writing",
              "give this user the right to write the file and its folder"};
    case SQLITE_CONSTRAINT:
      return {ErrorKind::kConflict, "the row exists already", ""};
    case SQLITE_IOERR:
      return {ErrorKind::kUnavailable, "reading or writing the catalog file failed", ""};
    case SQLITE_NOMEM:
      return {ErrorKind::kExhausted, "SQLite is out of memory", ""};
    default:
      return {ErrorKind::kInternal, "SQLite refused a statement", ""};
  }
}

Error FolderError(const std::string& path, const std::string& why) {
  return MakeError(ErrorKind::kConfig, "catalog {}: {}", path, why)
      .WithHint("give this user the right to make the file and its folder");
}

// SQLite would make the file 0644: the catalog names every table.
Status CreateFile(const std::string& path) {
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  std::error_code failed;
  if (!folder.empty()) std::filesystem::create_directories(folder, failed);
  if (failed) return FolderError(path, failed.message());
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640);
  if (fd < 0) return FolderError(path, std::strerror(errno));
  close(fd);
  return {};
}

struct Finalizer {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};

SqliteDatabase::Row ReadRow(sqlite3_stmt* statement) {
  SqliteDatabase::Row row;
  for (int i = 0; i < sqlite3_column_count(statement); ++i) {
    const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, i));
    if (text == nullptr) {
      row.emplace_back();
    } else {
      row.emplace_back(std::string(text, static_cast<size_t>(sqlite3_column_bytes(statement, i))));
    }
  }
  return row;
}

}  // namespace

Result<std::unique_ptr<SqliteDatabase>> SqliteDatabase::Open(const Options& options) {
  std::unique_ptr<SqliteDatabase> database(new SqliteDatabase(options));
  if (!options.read_only) {
    SLUICE_TRY(CreateFile(options.path));
  } else if (!std::filesystem::exists(options.path)) {
    return MakeError(ErrorKind::kConfig, "there is no catalog at {}", options.path)
        .WithHint("`sluice run` makes it; or mend lake.catalog.uri");
  }
  const int flags = (options.read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE) |
                    SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  const int code = sqlite3_open_v2(options.path.c_str(), &database->handle_, flags, nullptr);
  if (code != SQLITE_OK) return database->ErrorOf(code, "opening");
  sqlite3_busy_timeout(database->handle_, options.busy_timeout_ms);
  SLUICE_TRY(database->Run("PRAGMA synchronous=FULL", {}));
  return database;
}

SqliteDatabase::~SqliteDatabase() { sqlite3_close(handle_); }

Error SqliteDatabase::ErrorOf(int code, std::string_view doing) {
  last_code_ = code;
  const Decision decision = Decide(code);
  const char* detail = handle_ != nullptr ? sqlite3_errmsg(handle_) : sqlite3_errstr(code);
  Error error = MakeError(decision.kind, "{} catalog {}: {} ({})", doing, options_.path,
                          decision.what, detail);
  return std::move(std::move(error).WithHint(decision.hint))
      .WithCode(fmt::format("sqlite {}", code));
}

Result<std::vector<SqliteDatabase::Row>> SqliteDatabase::Run(
    std::string_view sql, const std::vector<std::string>& values) {
  sqlite3_stmt* raw = nullptr;
  int code = sqlite3_prepare_v2(handle_, sql.data(), static_cast<int>(sql.size()), &raw, nullptr);
  const std::unique_ptr<sqlite3_stmt, Finalizer> statement(raw);
  if (code != SQLITE_OK) return ErrorOf(code, "reading");
  for (size_t i = 0; i < values.size(); ++i) {
    code = sqlite3_bind_text(raw, static_cast<int>(i) + 1, values[i].data(),
                             static_cast<int>(values[i].size()), SQLITE_STATIC);
    if (code != SQLITE_OK) return ErrorOf(code, "asking");
  }
  std::vector<Row> rows;
  while ((code = sqlite3_step(raw)) == SQLITE_ROW) rows.push_back(ReadRow(raw));
  if (code != SQLITE_DONE) return ErrorOf(code, "asking");
  return rows;
}

Result<std::vector<SqliteDatabase::Row>> SqliteDatabase::Query(
    std::string_view sql, const std::vector<std::string>& values) {
  return Run(sql, values);
}

Result<int> SqliteDatabase::Execute(std::string_view sql, const std::vector<std::string>& values) {
  SLUICE_TRY(Run(sql, values));
  return sqlite3_changes(handle_);
}

Status SqliteDatabase::Begin() {
  SLUICE_TRY(Run("BEGIN IMMEDIATE", {}));
  return {};
}

Status SqliteDatabase::Commit() {
  auto done = Run("COMMIT", {});
  if (done) return {};
  // Only SQLITE_BUSY promises that the transaction is still open and nothing was written
  // (sqlite.org/lang_transaction.html): a reader that has not finished.
  const bool busy = (last_code_ & 0xFF) == SQLITE_BUSY;
  Rollback();
  if (busy) return std::move(done).error();
  return std::move(done.error()).WithKind(ErrorKind::kCommitUnknown);
}

void SqliteDatabase::Rollback() {
  if (sqlite3_get_autocommit(handle_) != 0) return;
  sqlite3_exec(handle_, "ROLLBACK", nullptr, nullptr, nullptr);
}

}  // namespace sluice::iceberg
