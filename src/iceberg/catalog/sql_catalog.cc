#include "iceberg/catalog/sql_catalog.h"

#include <algorithm>
#include <mutex>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "base/fault_point.h"
#include "base/log.h"
#include "iceberg/catalog/metadata_file.h"
#include "iceberg/catalog/sqlite_database.h"

namespace sluice::iceberg {

namespace {

// J:JdbcUtil, schema version V1.
constexpr const char* kCreateTables =
    "CREATE TABLE IF NOT EXISTS iceberg_tables (catalog_name VARCHAR(255) NOT NULL, "
    "table_namespace VARCHAR(255) NOT NULL, table_name VARCHAR(255) NOT NULL, "
    "metadata_location VARCHAR(1000), previous_metadata_location VARCHAR(1000), "
    "iceberg_type VARCHAR(5), PRIMARY KEY (catalog_name, table_namespace, table_name))";
constexpr const char* kCreateNamespaces =
    "CREATE TABLE IF NOT EXISTS iceberg_namespace_properties (catalog_name VARCHAR(255) NOT NULL, "
    "namespace VARCHAR(255) NOT NULL, property_key VARCHAR(255) NOT NULL, "
    "property_value VARCHAR(1000) NOT NULL, PRIMARY KEY (catalog_name, namespace, property_key))";
constexpr size_t kAnyNumber = 1'000'000;

// One table of a commit, between writing its metadata file and the row that makes it count.
struct PendingRow {
  LoadedTable next;
  std::string previous;  // metadata location; empty: a new row
  bool made = false;     // the metadata file is this call's own
  std::vector<store::Location> evicted;
};

class SqlCatalog final : public Catalog {
 public:
  SqlCatalog(SqlCatalogOptions options, store::ObjectStore& store, const Clock& clock)
      : options_(std::move(options)), store_(store), clock_(clock) {}

  Status Open() {
    SLUICE_LET(database_,
               SqliteDatabase::Open({options_.path, options_.busy_timeout_ms, options_.read_only}));
    SLUICE_LET(std::set<std::string> columns, Columns());
    if (columns.empty()) {
      if (options_.read_only) return NoCatalog();
      SLUICE_TRY(CreateSchema());
      SLUICE_LET(columns, Columns());
    }
    for (const char* wanted : {"catalog_name", "table_namespace", "table_name", "metadata_location",
                               "previous_metadata_location"}) {
      if (!columns.contains(wanted)) return NoCatalog();
    }
    has_type_ = columns.contains("iceberg_type");
    return WarnOfOtherNames();
  }

  size_t CommitTablesMax() const override { return kAnyNumber; }

  Result<std::optional<LoadedTable>> Load(const TableIdentifier& table) override {
    const std::lock_guard lock(mutex_);
    return LoadLocked(table);
  }

  Result<std::vector<TableIdentifier>> List() override {
    const std::lock_guard lock(mutex_);
    SLUICE_LET(const auto rows, database_->Query("SELECT table_namespace, table_name FROM "
                                                 "iceberg_tables WHERE catalog_name = ?1" +
                                                     OnlyTables() + " ORDER BY 1, 2",
                                                 {options_.name}));
    std::vector<TableIdentifier> tables;
    for (const auto& row : rows) tables.push_back({row[0].value_or(""), row[1].value_or("")});
    return tables;
  }

  Result<std::vector<LoadedTable>> Commit(std::span<const TableCommit> commits) override {
    const std::lock_guard lock(mutex_);
    std::vector<PendingRow> rows;
    Status done = WriteFiles(commits, rows);
    if (done) {
      ReachFaultPoint("commit.metadata_written");
      done = SwapRows(rows);
    }
    if (!done) {
      if (done.error().kind() != ErrorKind::kCommitUnknown) DeleteMade(rows);
      return std::move(done).error();
    }
    ReachFaultPoint("commit.committed");
    std::vector<LoadedTable> out;
    for (PendingRow& row : rows) {
      DeleteQuietly(row.evicted);
      if (!row.evicted.empty()) ReachFaultPoint("commit.metadata_evicted");
      out.push_back(std::move(row.next));
    }
    return out;
  }

  Status Drop(const TableIdentifier& table) override {
    const std::lock_guard lock(mutex_);
    SLUICE_TRY(database_->Begin(), "dropping {}", table.ToString());
    const auto dropped = database_->Execute(
        "DELETE FROM iceberg_tables WHERE catalog_name = ?1 AND table_namespace = ?2 AND "
        "table_name = ?3" +
            OnlyTables(),
        {options_.name, table.name_space, table.name});
    if (!dropped) {
      database_->Rollback();
      return dropped.error();
    }
    return database_->Commit();
  }

 private:
  Error NoCatalog() const {
    return MakeError(ErrorKind::kConfig, "{} is a SQLite database, but not an Iceberg catalog",
                     options_.path)
        .WithHint("set lake.catalog.uri to the catalog file, or to a path that does not exist yet");
  }

  Result<std::set<std::string>> Columns() {
    SLUICE_LET(const auto rows,
               database_->Query("SELECT name FROM pragma_table_info('iceberg_tables')"));
    std::set<std::string> columns;
    for (const auto& row : rows) columns.insert(row[0].value_or(""));
    return columns;
  }

  Status CreateSchema() {
    SLUICE_TRY(database_->Begin(), "making the catalog's tables");
    for (const char* statement : {kCreateTables, kCreateNamespaces}) {
      const auto made = database_->Execute(statement);
      if (!made) {
        database_->Rollback();
        return made.error();
      }
    }
    return database_->Commit();
  }

  // A catalog is found under its name only: with another name it looks empty.
  Status WarnOfOtherNames() {
    SLUICE_LET(const auto rows,
               database_->Query("SELECT DISTINCT catalog_name FROM iceberg_tables"));
    const auto same = [this](const auto& row) { return row[0] == options_.name; };
    if (rows.empty() || std::any_of(rows.begin(), rows.end(), same)) return {};
    log::Get("iceberg")->warn(
        "catalog {} has no table under the name '{}', but some under '{}': is lake.catalog.name "
        "right?",
        options_.path, options_.name, rows.front()[0].value_or(""));
    return {};
  }

  // V0 has no such column; null counts as a table.
  std::string OnlyTables() const {
    return has_type_ ? " AND (iceberg_type = 'TABLE' OR iceberg_type IS NULL)" : "";
  }

  // Nothing: no such table.
  Result<std::optional<store::Location>> MetadataOf(const TableIdentifier& table) {
    SLUICE_LET(const auto rows,
               database_->Query(std::string("SELECT metadata_location") +
                                    (has_type_ ? ", iceberg_type" : "") +
                                    " FROM iceberg_tables WHERE catalog_name = ?1 AND "
                                    "table_namespace = ?2 AND table_name = ?3",
                                {options_.name, table.name_space, table.name}),
               "loading {}", table.ToString());
    if (rows.empty()) return std::optional<store::Location>();
    if (has_type_ && rows[0][1].value_or("TABLE") != "TABLE") {
      return MakeError(ErrorKind::kConfig, "{} is a view in the catalog", table.ToString())
          .WithHint("drop the view, or give the table another name in the lake");
    }
    return std::optional(rows[0][0].value_or(""));
  }

  Result<LoadedTable> ReadTable(const TableIdentifier& table, store::Location at) {
    LoadedTable loaded{table, std::move(at), {}};
    SLUICE_LET(loaded.metadata, ReadMetadataFile(store_, loaded.metadata_location), "loading {}",
               table.ToString());
    return loaded;
  }

  Result<std::optional<LoadedTable>> LoadLocked(const TableIdentifier& table) {
    SLUICE_LET(auto at, MetadataOf(table));
    if (!at) return std::optional<LoadedTable>();
    SLUICE_LET(LoadedTable loaded, ReadTable(table, std::move(*at)));
    return std::optional(std::move(loaded));
  }

  // Before the transaction, so that the catalog's lock is held for a moment only.
  Status WriteFiles(std::span<const TableCommit> commits, std::vector<PendingRow>& rows) {
    for (const TableCommit& commit : commits) {
      SLUICE_LET(const auto at, MetadataOf(commit.table));
      if (!at) {
        SLUICE_TRY(WriteFile(nullptr, commit, rows));
      } else if (commit.base != nullptr && commit.base->metadata_location == *at) {
        SLUICE_TRY(WriteFile(commit.base, commit, rows));
      } else {
        SLUICE_LET(const LoadedTable base, ReadTable(commit.table, *at));
        SLUICE_TRY(WriteFile(&base, commit, rows));
      }
    }
    return {};
  }

  Status WriteFile(const LoadedTable* base, const TableCommit& commit,
                   std::vector<PendingRow>& rows) {
    PendingRow row;
    SLUICE_LET(TableMetadata next, ApplyCommit(base, commit, clock_.WallMicros() / 1000));
    row.previous = base != nullptr ? base->metadata_location : "";
    const bool same_table = base != nullptr && base->metadata.table_uuid == next.table_uuid;
    if (same_table) row.evicted = EvictedMetadataFiles(base->metadata, next);
    store::Location at = MetadataLocation(next, same_table ? row.previous : "", commit.commit_id);
    row.next = {commit.table, std::move(at), std::move(next)};
    SLUICE_LET(row.made, WriteMetadataFile(store_, row.next.metadata_location, row.next.metadata),
               "committing {}", commit.table.ToString());
    rows.push_back(std::move(row));
    return {};
  }

  Status SwapRows(const std::vector<PendingRow>& rows) {
    SLUICE_TRY(database_->Begin(), "committing {} tables", rows.size());
    for (const PendingRow& row : rows) {
      Status swapped = row.previous.empty() ? Insert(row) : Update(row);
      if (!swapped) {
        database_->Rollback();
        return swapped;
      }
      ReachFaultPoint("commit.row_swapped");
    }
    return database_->Commit();
  }

  Status Insert(const PendingRow& row) {
    SLUICE_TRY(
        database_->Execute("INSERT OR IGNORE INTO iceberg_namespace_properties "
                           "(catalog_name, namespace, property_key, property_value) VALUES "
                           "(?1, ?2, 'exists', 'true')",
                           {options_.name, row.next.identifier.name_space}));
    SLUICE_TRY(
        database_->Execute(
            std::string("INSERT INTO iceberg_tables (catalog_name, table_namespace, table_name, "
                        "metadata_location, previous_metadata_location") +
                (has_type_ ? ", iceberg_type" : "") + ") VALUES (?1, ?2, ?3, ?4, NULL" +
                (has_type_ ? ", 'TABLE')" : ")"),
            {options_.name, row.next.identifier.name_space, row.next.identifier.name,
             row.next.metadata_location}),
        "creating {}", row.next.identifier.ToString());
    return {};
  }

  Status Update(const PendingRow& row) {
    SLUICE_LET(const int changed,
               database_->Execute(
                   "UPDATE iceberg_tables SET metadata_location = ?1, previous_metadata_location = "
                   "?2 WHERE catalog_name = ?3 AND table_namespace = ?4 AND table_name = ?5 AND "
                   "metadata_location = ?2" +
                       OnlyTables(),
                   {row.next.metadata_location, row.previous, options_.name,
                    row.next.identifier.name_space, row.next.identifier.name}));
    if (changed == 1) return {};
    return MakeError(ErrorKind::kConflict, "{}: another commit was first",
                     row.next.identifier.ToString());
  }

  // Only files that this call made, and only when its transaction is known not to have happened:
  // one that stood there already may belong to an attempt whose answer is unknown.
  void DeleteMade(const std::vector<PendingRow>& rows) {
    std::vector<store::Location> made;
    for (const PendingRow& row : rows) {
      if (row.made) made.push_back(row.next.metadata_location);
    }
    DeleteQuietly(made);
  }

  void DeleteQuietly(const std::vector<store::Location>& files) {
    if (files.empty()) return;
    const Status deleted = store_.Delete(files);
    if (!deleted) {
      log::Get("iceberg")->warn("old metadata files stay: {}", deleted.error().message());
    }
  }

  const SqlCatalogOptions options_;
  store::ObjectStore& store_;
  const Clock& clock_;
  std::mutex mutex_;  // one connection, one transaction at a time
  std::unique_ptr<SqliteDatabase> database_;
  bool has_type_ = true;
};

}  // namespace

Result<std::unique_ptr<Catalog>> OpenSqlCatalog(SqlCatalogOptions options,
                                                store::ObjectStore& store, const Clock& clock) {
  auto catalog = std::make_unique<SqlCatalog>(std::move(options), store, clock);
  SLUICE_TRY(catalog->Open());
  return std::unique_ptr<Catalog>(std::move(catalog));
}

}  // namespace sluice::iceberg
