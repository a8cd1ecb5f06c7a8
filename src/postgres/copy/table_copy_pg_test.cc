// Chunks of real tables: plain, partitioned with other column orders, with TOAST, under a snapshot.
#include <arrow/array.h>
#include <arrow/record_batch.h>
#include <gtest/gtest.h>

#include <numeric>

#include "postgres/copy/table_copy.h"
#include "postgres/lock_wait.h"
#include "postgres/source_catalog.h"
#include "postgres/testing/throwaway_postgres.h"

namespace sluice::postgres {
namespace {

class TableCopy : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    auto started = testing::ThrowawayPostgres::Start();
    ASSERT_TRUE(started) << started.error().message();
    server_ = std::move(*started);
  }
  static void TearDownTestSuite() { server_.reset(); }
  static Result<std::unique_ptr<Connection>> Open() {
    ConnectionOptions options;
    options.url = server_->url();
    return Connection::Open(options);
  }
  void SetUp() override {
    auto opened = Open();
    ASSERT_TRUE(opened) << opened.error().message();
    session_ = std::move(*opened);
    Run("DROP SCHEMA IF EXISTS s CASCADE; CREATE SCHEMA s");
  }
  void Run(const std::string& sql) {
    const Status done = session_->Execute(sql);
    ASSERT_TRUE(done) << done.error().message();
  }
  SourceTable Describe(const std::string& name) {
    const auto oid = session_->Query("SELECT '" + name + "'::regclass::oid");
    auto table = DescribeTable(*session_, static_cast<uint32_t>(std::stoul(*(*oid)[0][0])));
    SLUICE_CHECK(table && table->has_value());
    return **std::move(table);
  }
  MirroredTable Mirror(const SourceTable& table) {
    auto mirror = MirrorOf(table, {}, session_->server_version());
    SLUICE_CHECK(mirror, "{}", mirror.error().message());
    return *std::move(mirror);
  }
  Status Copy(Connection& connection, const MirroredTable& mirror, const CopyChunk& chunk,
              const std::string& snapshot) {
    return CopyOneChunk(
        connection, snapshot, mirror, chunk, [](const arrow::RecordBatch&) -> Status { return {}; },
        [] { return false; }, progress_);
  }
  // Sum of the first column, an int, over all chunks; rows are counted in `progress`.
  int64_t CopySum(const SourceTable& table, const std::vector<CopyChunk>& chunks,
                  const std::string& snapshot) {
    int64_t sum = 0;
    for (const CopyChunk& chunk : chunks) {
      const Status done = CopyOneChunk(
          *session_, snapshot, Mirror(table), chunk,
          [&](const arrow::RecordBatch& batch) -> Status {
            const auto& ids = static_cast<const arrow::Int32Array&>(*batch.column(0));
            for (int64_t i = 0; i < ids.length(); ++i) sum += ids.Value(i);
            return {};
          },
          [] { return false; }, progress_);
      SLUICE_CHECK(done, "{}", done.error().message());
    }
    return sum;
  }

  static std::unique_ptr<testing::ThrowawayPostgres> server_;
  std::unique_ptr<Connection> session_;
  CopyProgress progress_;
};
std::unique_ptr<testing::ThrowawayPostgres> TableCopy::server_;

TEST_F(TableCopy, ChunksHoldEveryRowOnce) {
  Run("CREATE TABLE s.t (id int PRIMARY KEY, v text)");
  Run("INSERT INTO s.t SELECT i, repeat('x', 100) FROM generate_series(1, 20000) i");
  const SourceTable table = Describe("s.t");
  const auto chunks = PlanChunks(*session_, table, 256 << 10);
  ASSERT_TRUE(chunks) << chunks.error().message();
  EXPECT_GT(chunks->size(), 5U);
  EXPECT_EQ(CopySum(table, *chunks, ""), 20000LL * 20001 / 2);
  EXPECT_EQ(progress_.rows, 20000);
  EXPECT_GT(progress_.bytes, 20000 * 100);
}

TEST_F(TableCopy, AnEmptyTableHasNoChunks) {
  Run("CREATE TABLE s.t (id int PRIMARY KEY)");
  const auto chunks = PlanChunks(*session_, Describe("s.t"), 1 << 20);
  ASSERT_TRUE(chunks);
  EXPECT_TRUE(chunks->empty());
}

TEST_F(TableCopy, ToastMakesChunksSmaller) {
  Run("CREATE TABLE s.t (id int PRIMARY KEY, v text)");
  Run("ALTER TABLE s.t ALTER v SET STORAGE EXTERNAL");
  Run("INSERT INTO s.t SELECT i, repeat('x', 20000) FROM generate_series(1, 500) i");
  const auto chunks = PlanChunks(*session_, Describe("s.t"), 1 << 20);
  ASSERT_TRUE(chunks);
  EXPECT_GE(chunks->size(), 3U);  // 10 MB beside a heap of four blocks
}

TEST_F(TableCopy, ReadsLeavesWhateverTheirColumnOrder) {
  Run("CREATE TABLE s.p (id int, k text, PRIMARY KEY (id)) PARTITION BY RANGE (id)");
  Run("CREATE TABLE s.\"Leaf A\" (k text, id int NOT NULL)");
  Run("ALTER TABLE s.p ATTACH PARTITION s.\"Leaf A\" FOR VALUES FROM (0) TO (100)");
  Run("CREATE TABLE s.b PARTITION OF s.p FOR VALUES FROM (100) TO (200)");
  Run("INSERT INTO s.p SELECT i, 'x' FROM generate_series(0, 199) i");
  const SourceTable table = Describe("s.p");
  ASSERT_EQ(RelationsOf(table).size(), 2U);
  const auto chunks = PlanChunks(*session_, table, 1 << 20);
  ASSERT_TRUE(chunks);
  EXPECT_EQ(CopySum(table, *chunks, ""), 199 * 200 / 2);
  EXPECT_EQ(progress_.rows, 200);
}

TEST_F(TableCopy, SeesWhatTheSnapshotSees) {
  Run("CREATE TABLE s.t (id int PRIMARY KEY)");
  Run("INSERT INTO s.t VALUES (1), (2)");
  auto holder = Open();
  ASSERT_TRUE(holder);
  ASSERT_TRUE((*holder)->Execute("BEGIN ISOLATION LEVEL REPEATABLE READ"));
  const auto snapshot = (*holder)->Query("SELECT pg_export_snapshot()");
  ASSERT_TRUE(snapshot);
  Run("INSERT INTO s.t VALUES (10)");
  const SourceTable table = Describe("s.t");
  const auto chunks = PlanChunks(*session_, table, 1 << 20);
  ASSERT_TRUE(chunks);
  EXPECT_EQ(CopySum(table, *chunks, *(*snapshot)[0][0]), 3);
  EXPECT_EQ(CopySum(table, *chunks, ""), 13);
}

TEST_F(TableCopy, LeavesTheConnectionIdleAfterAStopOrAnError) {
  Run("CREATE TABLE s.t (id int PRIMARY KEY, v numeric(4,1))");
  Run("INSERT INTO s.t SELECT i, 1 FROM generate_series(1, 100000) i");
  const SourceTable table = Describe("s.t");
  const CopyChunk all = PlanChunks(*session_, table, 1 << 30)->at(0);
  const auto ignore = [](const arrow::RecordBatch&) -> Status { return {}; };
  const Status stopped = CopyOneChunk(
      *session_, "", Mirror(table), all, ignore, [] { return true; }, progress_);
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().kind(), ErrorKind::kStopped);
  Run("UPDATE s.t SET v = 'NaN' WHERE id = 1");
  const Status refused = CopyOneChunk(
      *session_, "", Mirror(table), all, ignore, [] { return false; }, progress_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind(), ErrorKind::kUnsupported);
  // Outside a transaction both are the same moment.
  const auto idle = session_->Query("SELECT now() = statement_timestamp()");
  ASSERT_TRUE(idle) << idle.error().message();
  EXPECT_EQ((*idle)[0][0], "t");
}

TEST_F(TableCopy, FilenodesTellOfARewrite) {
  Run("CREATE TABLE s.t (id int PRIMARY KEY)");
  const SourceTable table = Describe("s.t");
  const auto before = RelationFilenodes(*session_, table);
  ASSERT_TRUE(before);
  EXPECT_EQ(*before, *RelationFilenodes(*session_, table));
  Run("TRUNCATE s.t");
  EXPECT_NE(*before, *RelationFilenodes(*session_, table));
  Run("DROP TABLE s.t");
  EXPECT_EQ(*RelationFilenodes(*session_, table), std::vector<uint32_t>{0});
}

TEST_F(TableCopy, ADroppedRelationIsAConflict) {
  Run("CREATE TABLE s.t (id int PRIMARY KEY)");
  const SourceTable table = Describe("s.t");
  Run("INSERT INTO s.t VALUES (1)");
  const MirroredTable mirror = Mirror(table);
  const auto chunks = PlanChunks(*session_, table, 1 << 20);
  ASSERT_TRUE(chunks);
  Run("DROP TABLE s.t");
  EXPECT_EQ(PlanChunks(*session_, table, 1 << 20).error().kind(), ErrorKind::kConflict);
  EXPECT_EQ(Copy(*session_, mirror, chunks->at(0), "").error().kind(), ErrorKind::kConflict);
  EXPECT_TRUE(session_->Execute("SELECT 1"));
}

// What such a copy reads is empty, or another table's.
TEST_F(TableCopy, WhatChangedSinceTheSnapshotIsAConflict) {
  Run("CREATE TABLE s.t (id int PRIMARY KEY, v int)");
  const std::string other = "CREATE TABLE s.t (id int PRIMARY KEY, v int)";
  for (const std::string& change :
       {std::string("ALTER TABLE s.t ALTER v TYPE int USING v + 1"), std::string("TRUNCATE s.t"),
        std::string("ALTER TABLE s.t RENAME TO u"), "ALTER TABLE s.t RENAME TO w; " + other}) {
    Run("DROP TABLE s.t; " + other + "; INSERT INTO s.t VALUES (1)");
    auto holder = Open();
    ASSERT_TRUE(holder);
    ASSERT_TRUE((*holder)->Execute("BEGIN ISOLATION LEVEL REPEATABLE READ"));
    const auto snapshot = (*holder)->Query("SELECT pg_export_snapshot()");
    ASSERT_TRUE(snapshot);
    const SourceTable table = Describe("s.t");
    const MirroredTable mirror = Mirror(table);
    Run(change);
    const auto chunks = PlanChunks(**holder, table, 1 << 20);
    ASSERT_TRUE(chunks) << chunks.error().message();
    for (const CopyChunk& chunk : *chunks) {
      const Status copied = Copy(*session_, mirror, chunk, *(*snapshot)[0][0]);
      ASSERT_FALSE(copied) << change;
      EXPECT_EQ(copied.error().kind(), ErrorKind::kConflict) << copied.error().message();
    }
    // Cut to nothing it has no chunk, and nothing to say: the stream brings the TRUNCATE.
    EXPECT_EQ(chunks->empty(), change.starts_with("TRUNCATE"));
    EXPECT_TRUE(session_->Execute("SELECT 1"));
    if (change.find("TO u") != std::string::npos) Run("ALTER TABLE s.u RENAME TO t");
  }
}

TEST_F(TableCopy, AChunkGivesItsTablesLockUpAfterTheConnectionsTime) {
  Run("CREATE TABLE s.t (id int PRIMARY KEY)");
  Run("INSERT INTO s.t VALUES (1), (2)");
  const SourceTable table = Describe("s.t");
  const auto chunks = PlanChunks(*session_, table, 1 << 20);
  ASSERT_TRUE(chunks) << chunks.error().message();
  ASSERT_EQ(chunks->size(), 1U);
  const auto holder = Open();
  ASSERT_TRUE(holder);
  ASSERT_TRUE((*holder)->Execute("BEGIN; LOCK TABLE s.t"));
  ConnectionOptions options;
  options.url = server_->url();
  options.lock_timeout_ms = 20;
  const auto worker = Connection::Open(options);
  ASSERT_TRUE(worker);
  const auto copy = [&] { return Copy(**worker, Mirror(table), chunks->front(), ""); };
  const Status refused = copy();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind(), ErrorKind::kUnavailable);
  EXPECT_EQ(refused.error().code(), kLockNotAvailable);
  EXPECT_EQ(progress_.rows, 0);
  const Error words =
      ExplainLockWait(**worker, RelationsOf(table), WantedLock::kRead, refused.error());
  const std::string who = fmt::format("waited 20ms for a lock: s.t is locked by pid {} (sluice)",
                                      (*holder)->backend_pid());
  EXPECT_TRUE(words.message().starts_with(who)) << words.message();
  ASSERT_TRUE((*holder)->Execute("ROLLBACK"));
  const Status copied = copy();
  ASSERT_TRUE(copied) << copied.error().message();
  EXPECT_EQ(progress_.rows, 2);
}

TEST_F(TableCopy, OddNamesSimplyWork) {
  Run("CREATE SCHEMA \"s.S\"");
  Run("CREATE TABLE \"s.S\".\"a \"\"b\" (\"Order\" int PRIMARY KEY, \"select\" point)");
  Run("INSERT INTO \"s.S\".\"a \"\"b\" VALUES (7, '(1,2)')");
  const SourceTable table = Describe("\"s.S\".\"a \"\"b\"");
  EXPECT_EQ(CopySum(table, *PlanChunks(*session_, table, 1 << 20), ""), 7);
  Run("DROP SCHEMA \"s.S\" CASCADE");
}

}  // namespace
}  // namespace sluice::postgres
