#include "iceberg/catalog/sql_catalog.h"

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>

#include "iceberg/catalog/metadata_file.h"

namespace sluice::iceberg {
namespace {

const TableIdentifier kOrders{"shop", "orders"};
const TableIdentifier kLines{"shop", "Order \"Lines\"; --"};

// Every sync through it can be made to fail, as a dying disk's would.
struct FailingVfs {
  static inline bool fail = false;
  static inline sqlite3_vfs vfs;
  static inline sqlite3_vfs* real = nullptr;
  // By the methods they stand for: database and journal have different ones.
  static inline std::map<const sqlite3_io_methods*, sqlite3_io_methods> methods;
  static inline int (*real_sync)(sqlite3_file*, int) = nullptr;

  static int Sync(sqlite3_file* file, int flags) {
    return fail ? SQLITE_IOERR_FSYNC : real_sync(file, flags);
  }
  static int Open(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out) {
    const int code = real->xOpen(real, name, file, flags, out);
    if (code == SQLITE_OK && file->pMethods != nullptr) {
      real_sync = file->pMethods->xSync;
      sqlite3_io_methods& ours = methods[file->pMethods];
      ours = *file->pMethods;
      ours.xSync = Sync;
      file->pMethods = &ours;
    }
    return code;
  }
  FailingVfs() {
    real = sqlite3_vfs_find(nullptr);
    vfs = *real;
    vfs.zName = "failing";
    vfs.xOpen = Open;
    sqlite3_vfs_register(&vfs, 1);
  }
  ~FailingVfs() {
    fail = false;
    sqlite3_vfs_register(real, 1);
    sqlite3_vfs_unregister(&vfs);
  }
};

class SqlCatalogTest : public ::testing::Test {
 protected:
  SqlCatalogTest() {
    std::string name = (std::filesystem::temp_directory_path() / "sql_catalog_XXXXXX").string();
    folder_ = mkdtemp(name.data());
    path_ = folder_ + "/catalogs/lake.db";
    store_ = store::MakeLocalStore();
  }
  ~SqlCatalogTest() override { std::filesystem::remove_all(folder_); }

  std::unique_ptr<Catalog> Open(SqlCatalogOptions options = {}) {
    if (options.path.empty()) options.path = path_;
    auto catalog = OpenSqlCatalog(options, *store_, clock_);
    EXPECT_TRUE(catalog) << catalog.error().message();
    return std::move(catalog).value();
  }

  Error OpenError(SqlCatalogOptions options) {
    auto catalog = OpenSqlCatalog(std::move(options), *store_, clock_);
    EXPECT_FALSE(catalog);
    return catalog ? MakeError(ErrorKind::kInternal, "opened") : catalog.error();
  }

  TableCommit Creation(const TableIdentifier& name, const std::string& id) const {
    const std::string location = "file://" + folder_ + "/" + std::to_string(name.name.size());
    return {name,
            id,
            {AssertCreate{}},
            {CreateTable{NewTableMetadata("uuid-" + id, location, Schema{}, {}, 1000)}}};
  }

  static TableCommit Change(const LoadedTable& base, const std::string& id,
                            std::map<std::string, std::string> properties) {
    const auto sequence = base.metadata.last_sequence_number + 1;
    Snapshot snapshot;
    snapshot.id = sequence * 10;
    snapshot.parent_id = base.metadata.current_snapshot_id;
    snapshot.sequence_number = sequence;
    snapshot.timestamp_ms = base.metadata.last_updated_ms + 1;
    snapshot.manifest_list = "file:///none";
    snapshot.summary = {{"operation", "append"}};
    return {
        base.identifier,
        id,
        {AssertTableUuid{base.metadata.table_uuid}, AssertHead{base.metadata.current_snapshot_id}},
        {AddSnapshot{snapshot}, SetProperties{std::move(properties)}}};
  }

  static Status CommitOne(Catalog& catalog, const TableCommit& commit) {
    SLUICE_TRY(catalog.Commit(std::span(&commit, 1)));
    return {};
  }

  static LoadedTable Load(Catalog& catalog, const TableIdentifier& name) {
    auto loaded = catalog.Load(name);
    EXPECT_TRUE(loaded && loaded->has_value());
    return loaded && *loaded ? **loaded : LoadedTable{};
  }

  // Another program's statement.
  void Sql(const std::string& text) {
    sqlite3* handle = nullptr;
    std::filesystem::create_directories(std::filesystem::path(path_).parent_path());
    ASSERT_EQ(sqlite3_open(path_.c_str(), &handle), SQLITE_OK);
    ASSERT_EQ(sqlite3_exec(handle, text.c_str(), nullptr, nullptr, nullptr), SQLITE_OK);
    sqlite3_close(handle);
  }
  std::vector<std::string> Select(const std::string& text) {
    std::vector<std::string> rows;
    sqlite3* handle = nullptr;
    EXPECT_EQ(sqlite3_open(path_.c_str(), &handle), SQLITE_OK);
    const auto take = [](void* out, int count, char** values, char**) {
      std::string row;
      for (int i = 0; i < count; ++i) {
        row += (i == 0 ? "" : "|") + std::string(values[i] == nullptr ? "NULL" : values[i]);
      }
      static_cast<std::vector<std::string>*>(out)->push_back(row);
      return 0;
    };
    EXPECT_EQ(sqlite3_exec(handle, text.c_str(), take, &rows, nullptr), SQLITE_OK);
    sqlite3_close(handle);
    return rows;
  }
  size_t MetadataFiles() const {
    size_t count = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_)) {
      count += entry.path().string().ends_with(".metadata.json") ? 1U : 0U;
    }
    return count;
  }

  std::string folder_;
  std::string path_;
  FakeClock clock_;
  std::unique_ptr<store::ObjectStore> store_;
};

TEST_F(SqlCatalogTest, WritesTheRowsThatJavaAndPyIcebergRead) {
  const auto catalog = Open();
  ASSERT_TRUE(CommitOne(*catalog, Creation(kOrders, "c1")));
  ASSERT_TRUE(CommitOne(*catalog, Change(Load(*catalog, kOrders), "c2", {{"a", "1"}})));
  const std::string base = "file://" + folder_ + "/6/metadata/";
  EXPECT_EQ(Select("SELECT * FROM iceberg_tables"),
            (std::vector<std::string>{"lake|shop|orders|" + base + "00001-c2.metadata.json|" +
                                      base + "00000-c1.metadata.json|TABLE"}));
  EXPECT_EQ(Select("SELECT * FROM iceberg_namespace_properties"),
            (std::vector<std::string>{"lake|shop|exists|true"}));
  struct stat info {};
  ASSERT_EQ(stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07, 0U);
}

TEST_F(SqlCatalogTest, NamesAreDataNotSql) {
  const auto catalog = Open();
  ASSERT_TRUE(CommitOne(*catalog, Creation(kLines, "c1")));
  EXPECT_EQ(Load(*catalog, kLines).metadata.table_uuid, "uuid-c1");
  const auto listed = catalog->List();
  ASSERT_TRUE(listed);
  EXPECT_EQ(*listed, (std::vector<TableIdentifier>{kLines}));
  ASSERT_TRUE(catalog->Drop(kLines));
  EXPECT_TRUE(catalog->List()->empty());
  EXPECT_EQ(MetadataFiles(), 1U);
}

TEST_F(SqlCatalogTest, ACommitOfSeveralTablesIsAllOrNothing) {
  const auto catalog = Open();
  ASSERT_TRUE(catalog->Commit(std::vector{Creation(kOrders, "c1"), Creation(kLines, "c2")}));
  const LoadedTable orders = Load(*catalog, kOrders);
  const LoadedTable lines = Load(*catalog, kLines);
  ASSERT_TRUE(CommitOne(*catalog, Change(lines, "theirs", {})));
  const auto lost = catalog->Commit(
      std::vector{Change(orders, "c3", {{"a", "1"}}), Change(lines, "c4", {{"a", "1"}})});
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().kind(), ErrorKind::kConflict);
  EXPECT_EQ(Load(*catalog, kOrders).metadata_location, orders.metadata_location);
  EXPECT_EQ(MetadataFiles(), 3U);
}

// Parsing the metadata of some hundred snapshots is most of what a small commit costs.
TEST_F(SqlCatalogTest, WhatACommitStandsOnIsNotReadAgainAndWhatItMadeIsGivenBack) {
  const auto catalog = Open();
  ASSERT_TRUE(CommitOne(*catalog, Creation(kOrders, "c1")));
  const LoadedTable base = Load(*catalog, kOrders);
  const std::string file = store::LocalPath(base.metadata_location).value();
  std::filesystem::rename(file, file + ".away");
  TableCommit commit = Change(base, "c2", {{"a", "1"}});
  EXPECT_FALSE(catalog->Commit(std::span(&commit, 1))) << "without its base it has to be read";
  commit.base = &base;
  const auto made = catalog->Commit(std::span(&commit, 1));
  ASSERT_TRUE(made) << made.error().message();
  const LoadedTable now = Load(*catalog, kOrders);
  EXPECT_EQ(made->at(0).metadata_location, now.metadata_location);
  EXPECT_EQ(ToJson(made->at(0).metadata), ToJson(now.metadata));
  // Another's commit came between: then what stands there counts, not the base.
  TableCommit late = Change(base, "c3", {});
  late.base = &base;
  EXPECT_EQ(CommitOne(*catalog, late).error().kind(), ErrorKind::kConflict);
  EXPECT_EQ(Load(*catalog, kOrders).metadata_location, now.metadata_location);
}

TEST_F(SqlCatalogTest, OfTwoWritersOneWinsAndTheOtherIsTold) {
  const auto first = Open();
  const auto second = Open();
  ASSERT_TRUE(CommitOne(*first, Creation(kOrders, "c1")));
  const LoadedTable base = Load(*second, kOrders);
  ASSERT_TRUE(CommitOne(*first, Change(base, "c2", {{"by", "first"}})));
  const Status lost = CommitOne(*second, Change(base, "c3", {{"by", "second"}}));
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().kind(), ErrorKind::kConflict);
  EXPECT_EQ(CommitOne(*second, Creation(kOrders, "c4")).error().kind(), ErrorKind::kConflict);
  EXPECT_EQ(Load(*second, kOrders).metadata.properties.at("by"), "first");
}

TEST_F(SqlCatalogTest, AnotherProgramsLockIsUnavailableWithAHint) {
  const auto catalog = Open({.path = path_, .busy_timeout_ms = 50});
  ASSERT_TRUE(CommitOne(*catalog, Creation(kOrders, "c1")));
  const LoadedTable base = Load(*catalog, kOrders);
  sqlite3* other = nullptr;
  ASSERT_EQ(sqlite3_open(path_.c_str(), &other), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(other, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
  const Status waited = CommitOne(*catalog, Change(base, "c2", {}));
  ASSERT_FALSE(waited);
  EXPECT_EQ(waited.error().kind(), ErrorKind::kUnavailable);
  EXPECT_NE(waited.error().message().find("somebody holds the catalog's lock"), std::string::npos);
  EXPECT_FALSE(waited.error().hint().empty());
  ASSERT_EQ(sqlite3_exec(other, "ROLLBACK", nullptr, nullptr, nullptr), SQLITE_OK);
  EXPECT_TRUE(CommitOne(*catalog, Change(base, "c2", {})));
  sqlite3_close(other);
}

TEST_F(SqlCatalogTest, AReaderThatKeepsReadingDelaysACommitButLeavesNoDoubt) {
  const auto catalog = Open({.path = path_, .busy_timeout_ms = 50});
  ASSERT_TRUE(CommitOne(*catalog, Creation(kOrders, "c1")));
  const LoadedTable base = Load(*catalog, kOrders);
  sqlite3* reader = nullptr;
  ASSERT_EQ(sqlite3_open(path_.c_str(), &reader), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(reader, "BEGIN; SELECT * FROM iceberg_tables", nullptr, nullptr, nullptr),
            SQLITE_OK);
  const Status waited = CommitOne(*catalog, Change(base, "c2", {}));
  ASSERT_FALSE(waited);
  EXPECT_EQ(waited.error().kind(), ErrorKind::kUnavailable);
  EXPECT_EQ(Load(*catalog, kOrders).metadata_location, base.metadata_location);
  sqlite3_close_v2(reader);
  EXPECT_TRUE(CommitOne(*catalog, Change(base, "c2", {})));
}

TEST_F(SqlCatalogTest, AFailureDuringCommitIsUnknownAndTheRetryCountsOnce) {
  const FailingVfs disk;
  const auto catalog = Open();
  ASSERT_TRUE(CommitOne(*catalog, Creation(kOrders, "c1")));
  const LoadedTable base = Load(*catalog, kOrders);
  FailingVfs::fail = true;
  const Status unknown = CommitOne(*catalog, Change(base, "c2", {}));
  FailingVfs::fail = false;
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().kind(), ErrorKind::kCommitUnknown);
  EXPECT_EQ(MetadataFiles(), 2U) << "a file that may count was deleted";
  EXPECT_TRUE(CommitOne(*catalog, Change(base, "c2", {})));
  EXPECT_EQ(CommitOne(*catalog, Change(base, "c2", {})).error().kind(), ErrorKind::kConflict);
  EXPECT_EQ(Load(*catalog, kOrders).metadata.snapshots.size(), 1U);
  EXPECT_EQ(MetadataFiles(), 2U);
}

TEST_F(SqlCatalogTest, ACrashBetweenTheFileAndTheRowLeavesTheTableAsItWas) {
  const auto catalog = Open();
  ASSERT_TRUE(CommitOne(*catalog, Creation(kOrders, "c1")));
  const LoadedTable base = Load(*catalog, kOrders);
  const TableCommit commit = Change(base, "c2", {});
  const auto next = ApplyCommit(&base, commit, 0);
  ASSERT_TRUE(next);
  ASSERT_TRUE(
      WriteMetadataFile(*store_, MetadataLocation(*next, base.metadata_location, "c2"), *next));
  const auto again = Open();
  EXPECT_EQ(Load(*again, kOrders).metadata_location, base.metadata_location);
  EXPECT_TRUE(CommitOne(*again, commit));
}

TEST_F(SqlCatalogTest, UsesAnOldSchemaAsItIs) {
  Sql("CREATE TABLE iceberg_tables (catalog_name VARCHAR(255) NOT NULL, table_namespace "
      "VARCHAR(255) NOT NULL, table_name VARCHAR(255) NOT NULL, metadata_location VARCHAR(1000), "
      "previous_metadata_location VARCHAR(1000), PRIMARY KEY (catalog_name, table_namespace, "
      "table_name)); CREATE TABLE iceberg_namespace_properties (catalog_name VARCHAR(255) NOT "
      "NULL, namespace VARCHAR(255) NOT NULL, property_key VARCHAR(255) NOT NULL, property_value "
      "VARCHAR(1000) NOT NULL, PRIMARY KEY (catalog_name, namespace, property_key))");
  const auto catalog = Open();
  ASSERT_TRUE(CommitOne(*catalog, Creation(kOrders, "c1")));
  ASSERT_TRUE(CommitOne(*catalog, Change(Load(*catalog, kOrders), "c2", {})));
  EXPECT_EQ(catalog->List()->size(), 1U);
  EXPECT_EQ(Select("SELECT count(*) FROM pragma_table_info('iceberg_tables')"),
            (std::vector<std::string>{"5"}));
  ASSERT_TRUE(catalog->Drop(kOrders));
}

TEST_F(SqlCatalogTest, ARowWithoutATypeIsATableAndAViewIsNot) {
  const auto catalog = Open();
  ASSERT_TRUE(CommitOne(*catalog, Creation(kOrders, "c1")));
  Sql("UPDATE iceberg_tables SET iceberg_type = NULL");
  EXPECT_TRUE(CommitOne(*catalog, Change(Load(*catalog, kOrders), "c2", {})));
  Sql("UPDATE iceberg_tables SET iceberg_type = 'VIEW'");
  const auto view = catalog->Load(kOrders);
  ASSERT_FALSE(view);
  EXPECT_EQ(view.error().kind(), ErrorKind::kConfig);
  EXPECT_TRUE(catalog->List()->empty());
}

TEST_F(SqlCatalogTest, DeletesMetadataFilesThatLeaveTheLogIfTheTableSaysSo) {
  const auto catalog = Open();
  TableCommit creation = Creation(kOrders, "c0");
  creation.updates.emplace_back(
      SetProperties{{{"write.metadata.previous-versions-max", "2"},
                     {"write.metadata.delete-after-commit.enabled", "true"}}});
  ASSERT_TRUE(CommitOne(*catalog, creation));
  for (int i = 1; i <= 6; ++i) {
    ASSERT_TRUE(CommitOne(*catalog, Change(Load(*catalog, kOrders), "c" + std::to_string(i), {})));
  }
  EXPECT_EQ(MetadataFiles(), 3U);
}

TEST_F(SqlCatalogTest, AReplacedTableStartsItsOwnMetadata) {
  const auto catalog = Open();
  ASSERT_TRUE(CommitOne(*catalog, Creation(kOrders, "c1")));
  ASSERT_TRUE(CommitOne(*catalog, Change(Load(*catalog, kOrders), "c2", {})));
  TableCommit replacing = Creation(kOrders, "c3");
  std::get<CreateTable>(replacing.updates[0]).metadata.location += "-2";
  replacing.requirements = {AssertTableUuid{"uuid-c1"}};
  ASSERT_TRUE(CommitOne(*catalog, replacing));
  const LoadedTable now = Load(*catalog, kOrders);
  EXPECT_EQ(now.metadata.table_uuid, "uuid-c3");
  EXPECT_TRUE(now.metadata_location.ends_with("-2/metadata/00000-c3.metadata.json"));
  EXPECT_EQ(CommitOne(*catalog, replacing).error().kind(), ErrorKind::kConflict);
}

TEST_F(SqlCatalogTest, WhatIsNoCatalogIsRefusedWithAWayOut) {
  std::filesystem::create_directories(folder_ + "/catalogs");
  std::ofstream(path_) << "this is a text file, and long enough to have a header of its own, or so "
                          "it seems to whoever wrote it without a thought of databases";
  Error error = OpenError({.path = path_});
  EXPECT_EQ(error.kind(), ErrorKind::kConfig);
  EXPECT_NE(error.message().find("not a SQLite database"), std::string::npos);
  EXPECT_FALSE(error.hint().empty());

  path_ = folder_ + "/catalogs/other.db";
  Sql("CREATE TABLE iceberg_tables (id INTEGER)");
  EXPECT_EQ(OpenError({.path = path_}).kind(), ErrorKind::kConfig);
  EXPECT_EQ(OpenError({.path = folder_ + "/none.db", .read_only = true}).kind(),
            ErrorKind::kConfig);
  EXPECT_EQ(OpenError({.path = folder_ + "/catalogs/other.db/x.db"}).kind(), ErrorKind::kConfig);
}

TEST_F(SqlCatalogTest, AnotherNameSeesAnotherCatalog) {
  ASSERT_TRUE(CommitOne(*Open(), Creation(kOrders, "c1")));
  const auto other = Open({.path = path_, .name = "warehouse"});
  EXPECT_TRUE(other->List()->empty());
  EXPECT_FALSE(other->Load(kOrders)->has_value());
}

}  // namespace
}  // namespace sluice::iceberg
