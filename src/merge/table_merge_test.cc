#include "merge/table_merge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file_system_fake.h"
#include "merge/lake_rows.h"
#include "merge/merge_test_support.h"

namespace sluice::merge {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class TableMergeTest : public ::testing::Test {
 protected:
  void Open(TableSchema schema = TestSchema()) {
    merge_.reset();
    schema_ = std::move(schema);
    file_schema_ = WithFieldIds(schema_);
    files_ = {};
    lake_.LoadInto(files_);
    OpenedIndex opened = Must(OpenTieredIndex(fs_, files_, index_options_));
    index_ = std::move(opened.index);
    Must(LoadFiles(schema_, *file_schema_, store_, files_, opened.missing, *index_));
    MergeOptions options;
    options.window_bytes = window_bytes_;
    options.file_bytes = file_bytes_;
    options.next_location = [this] { return fmt::format("file:///lake/{}.parquet", ++number_); };
    merge_ = TableMerge::Make(schema_, file_schema_, store_, files_, *index_, options);
  }
  Status Apply(std::vector<TestChange> changes) {
    return merge_->Apply(MakeBatch(schema_, std::move(changes)), nullptr);
  }
  RowDelta Commit() {
    RowDelta delta = Must(merge_->Finish({{++cut_}, 0}));
    lake_.Commit(delta);
    Must(merge_->Committed(static_cast<int64_t>(cut_)));
    return delta;
  }
  RowDelta Window(std::vector<TestChange> changes) {
    Must(Apply(std::move(changes)));
    return Commit();
  }
  TestTable Table() { return lake_.Read(store_, *file_schema_); }

  FakeFileSystem fs_;
  MemoryStore store_;
  TestLake lake_;
  TableSchema schema_;
  std::shared_ptr<arrow::Schema> file_schema_;
  FileSet files_;
  TieredIndexOptions index_options_{"/state/index"};
  std::unique_ptr<KeyIndex> index_;
  std::unique_ptr<TableMerge> merge_;
  uint64_t window_bytes_ = 1 << 20;
  int64_t file_bytes_ = 1 << 20;
  uint64_t cut_ = 0;
  int number_ = 0;
};

TEST_F(TableMergeTest, InsertsUpdatesAndDeletesArrive) {
  Open();
  Window({Insert(1, {"a", "x", 1}), Insert(2, {"b", "y", 2}), Insert(3, {"c", {}, 3})});
  const RowDelta delta = Window({Update(1, {"A", "x", 1}), Delete(2)});
  EXPECT_EQ(Table(), (TestTable{{1, {"A", "x", 1}}, {3, {"c", {}, 3}}}));
  EXPECT_EQ(delta.rows_added, 1);
  EXPECT_EQ(delta.rows_deleted, 2);
  EXPECT_EQ(delta.cut.lsn, Lsn{2});
}

TEST_F(TableMergeTest, NothingAppliedIsAnEmptyDelta) {
  Open();
  EXPECT_EQ(merge_->pending_changes(), 0);
  EXPECT_TRUE(Must(merge_->Finish({{1}, 0})).empty());
  Must(Apply({Insert(1, {}), Delete(1)}));
  EXPECT_EQ(merge_->pending_changes(), 2);
  EXPECT_TRUE(Must(merge_->Finish({{1}, 0})).empty());
  EXPECT_EQ(store_.count(), 0U);
}

TEST_F(TableMergeTest, UnsentValuesComeFromTheLakeAndFromTheWindow) {
  Open();
  Window({Insert(1, {"a", "long 1", 1}), Insert(2, {"b", "long 2", 2})});
  Window({WithoutBody(Update(1, {"a", {}, 11})), WithoutBody(Update(1, {"a", {}, 12})),
          Update(2, {"b", "new 2", 2}), WithoutBody(Update(2, {"b", {}, 22})),
          Insert(3, {"c", "long 3", 3}), WithoutBody(Move(3, 4, {"c", {}, 4})),
          WithoutBody(Move(1, 5, {"a", {}, 15}))});
  EXPECT_EQ(
      Table(),
      (TestTable{{2, {"b", "new 2", 22}}, {4, {"c", "long 3", 4}}, {5, {"a", "long 1", 15}}}));
}

TEST_F(TableMergeTest, UnsentValuesComeFromAFileTheWindowIsStillWriting) {
  window_bytes_ = 1;
  Open();
  Must(Apply({Insert(1, {"a", "long", 1})}));
  Must(Apply({WithoutBody(Update(1, {"a", {}, 2}))}));
  Must(Apply({WithoutBody(Update(1, {"a", {}, 3}))}));
  const RowDelta delta = Commit();
  EXPECT_EQ(Table(), (TestTable{{1, {"a", "long", 3}}}));
  EXPECT_THAT(delta.added, SizeIs(1));  // the dead ones are not committed
  EXPECT_EQ(store_.count(), 1U);
}

TEST_F(TableMergeTest, KeysSwapThroughAThirdAndShiftOverARange) {
  Open();
  Window({Insert(1, {"a", "x", 1}), Insert(2, {"b", "y", 2}), Insert(3, {"c", "z", 3})});
  Window({Move(1, -1, {"a", "x", 1}), Move(2, 1, {"b", "y", 2}),
          WithoutBody(Move(-1, 2, {"a", {}, 1}))});
  EXPECT_EQ(Table(), (TestTable{{1, {"b", "y", 2}}, {2, {"a", "x", 1}}, {3, {"c", "z", 3}}}));
  Window({Move(3, 4, {"c", "z", 3}), WithoutBody(Move(2, 3, {"a", {}, 1})),
          Move(1, 2, {"b", "y", 2})});
  EXPECT_EQ(Table(), (TestTable{{2, {"b", "y", 2}}, {3, {"a", "x", 1}}, {4, {"c", "z", 3}}}));
}

TEST_F(TableMergeTest, TruncateForgetsEverythingBeforeIt) {
  for (const uint64_t window_bytes : {uint64_t{1}, uint64_t{1} << 20}) {
    window_bytes_ = window_bytes;
    Open();
    const std::vector<parquet::DataFile> before = Window({Insert(10, {}), Insert(11, {})}).added;
    Must(Apply({Insert(12, {})}));
    const RowDelta delta = Window({Insert(13, {}), Update(10, {"a", {}, 1}), Truncate(),
                                   Insert(14, {"new", {}, 0}), Insert(15, {}), Delete(15)});
    EXPECT_EQ(Table(), (TestTable{{14, {"new", {}, 0}}}));
    EXPECT_THAT(delta.removed, ::testing::Contains(before[0].location));
    EXPECT_TRUE(delta.deleted.empty());
    Window({Truncate()});
    EXPECT_THAT(Table(), IsEmpty());
    EXPECT_THAT(lake_.files(), IsEmpty());
  }
}

TEST_F(TableMergeTest, AbandonedWindowsLeaveNothing) {
  window_bytes_ = 1;
  Open();
  Window({Insert(1, {"a", "x", 1}), Insert(2, {"b", "y", 2})});
  Must(Apply({Update(1, {"A", "X", 1})}));
  Must(Apply({Truncate(), Insert(3, {})}));
  Must(merge_->Finish({{9}, 0}));
  Must(merge_->Abandon());
  EXPECT_EQ(merge_->pending_changes(), 0);
  EXPECT_EQ(store_.count(), 1U);
  Window({Update(1, {"B", "x", 1}), Delete(2)});
  EXPECT_EQ(Table(), (TestTable{{1, {"B", "x", 1}}}));
}

TEST_F(TableMergeTest, OnlyTransactionsThatCountAreApplied) {
  Open();
  const ChangeBatch batch = MakeBatch(schema_, {{.xid = 1, .changes = {Insert(1, {}), Truncate()}},
                                                {.xid = 2, .changes = {Insert(2, {"b", {}, 2})}},
                                                {.xid = 3, .changes = {Delete(2), Truncate()}},
                                                {.xid = 4, .changes = {Insert(4, {"d", {}, 4})}}});
  Must(merge_->Apply(batch, [](const TransactionRun& run) { return run.xid % 2 == 0; }));
  EXPECT_EQ(merge_->pending_changes(), 2);
  Commit();
  EXPECT_EQ(Table(), (TestTable{{2, {"b", {}, 2}}, {4, {"d", {}, 4}}}));
}

TEST_F(TableMergeTest, ARowThatMustExistButDoesNotIsCorruptAndNotNamed) {
  Open();
  Window({Insert(1, {}), Insert(2, {})});
  Must(Apply({Update(777001, {"secret", {}, 1}), Delete(1), Delete(777002)}));
  const auto delta = merge_->Finish({{2}, 0});
  ASSERT_FALSE(delta);
  EXPECT_EQ(delta.error().kind(), ErrorKind::kCorrupt);
  EXPECT_THAT(delta.error().message(), HasSubstr("public.hives"));
  EXPECT_THAT(delta.error().message(), HasSubstr("2 of 3"));
  EXPECT_THAT(delta.error().message(), ::testing::Not(HasSubstr("777")));
  Must(merge_->Abandon());
  Window({Delete(1)});
  EXPECT_THAT(Table(), SizeIs(1));
}

// A value can only be stored out of line when there is one: null in the lake is damage.
TEST_F(TableMergeTest, AnUnsentValueThatTheLakeLacksIsNeverWrittenAsNull) {
  Open();
  Window({Insert(1, {"a", {}, 1})});
  Must(Apply({WithoutBody(Update(1, {"b", {}, 1}))}));
  EXPECT_EQ(merge_->Finish({{2}, 0}).error().kind(), ErrorKind::kCorrupt);
  Must(merge_->Abandon());
  Must(Apply({WithoutBody(Insert(2, {"b", {}, 1}))}));
  EXPECT_EQ(merge_->Finish({{2}, 0}).error().kind(), ErrorKind::kCorrupt);
}

TEST_F(TableMergeTest, FilesRollAtTheirSize) {
  file_bytes_ = 1;
  window_bytes_ = 1;
  Open();
  for (int i = 0; i < 5; ++i) Must(Apply({Insert(i, {"a", std::string(100, 'x'), i})}));
  EXPECT_THAT(Commit().added, SizeIs(5));
  EXPECT_THAT(Table(), SizeIs(5));
}

TEST_F(TableMergeTest, CopiedRowsJoinTheWindowThatChangesThem) {
  Open();
  const std::vector<parquet::DataFile> copied =
      Window({Insert(1, {"a", "x", 1}), Insert(2, {"b", "y", 2}), Insert(3, {})}).added;
  lake_ = {};
  Must(fs_.Remove("/state/index/MANIFEST"));
  for (const bool abandon : {true, false}) {
    Open();
    Must(merge_->AddCopied(copied, {}));
    Must(Apply({WithoutBody(Update(1, {"A", {}, 1})), Delete(3), Insert(4, {"d", {}, 4})}));
    if (!abandon) break;
    Must(merge_->Finish({{1}, 0}));
    Must(merge_->Abandon());
    EXPECT_EQ(store_.count(), 1U);
  }
  const RowDelta delta = Commit();
  EXPECT_THAT(delta.added, SizeIs(2));
  EXPECT_EQ(Table(), (TestTable{{1, {"A", "x", 1}}, {2, {"b", "y", 2}}, {4, {"d", {}, 4}}}));
}

// Runs made beside the copy stand for reading its files, which the store refuses here; once they
// are gone (the window was abandoned) the files are read.
TEST_F(TableMergeTest, KeysTakenBesideTheCopyNeedNoReading) {
  Open();
  const std::vector<TestChange> rows = {Insert(1, {"a", "x", 1}), Insert(2, {"b", "y", 2}),
                                        Insert(3, {})};
  const std::vector<parquet::DataFile> copied = Window(rows).added;
  lake_ = {};
  Must(fs_.Remove("/state/index/MANIFEST"));
  Open();
  CopiedKeys keys(schema_, fs_, "/state/copied", 2);
  Must(keys.Add(copied.front().location, *MakeBatch(schema_, rows).rows));
  const CopiedRuns runs = Must(keys.Finish());
  EXPECT_THAT(runs.paths, SizeIs(1));
  EXPECT_THAT(runs.files, ElementsAre(copied.front().location));
  store_.reads = 0;
  Must(merge_->AddCopied(copied, runs));
  EXPECT_EQ(store_.reads, 0U);
  Must(merge_->Abandon());
  Must(merge_->AddCopied(copied, runs));
  EXPECT_GT(store_.reads, 0U);
  Must(Apply({Update(1, {"A", "x", 1}), Delete(3)}));
  Commit();
  EXPECT_EQ(Table(), (TestTable{{1, {"A", "x", 1}}, {2, {"b", "y", 2}}}));
}

TEST_F(TableMergeTest, FewKeysBesideTheCopyMakeNoRun) {
  Open();
  CopiedKeys keys(schema_, fs_, "/state/copied", 100);
  Must(keys.Add("file:///lake/a.parquet", *MakeBatch(schema_, {Insert(1, {})}).rows));
  EXPECT_THAT(Must(keys.Finish()).paths, IsEmpty());
  EXPECT_THAT(Must(fs_.List("/state/copied")), IsEmpty());
}

TEST_F(TableMergeTest, ACopyThatIsTruncatedBeforeItsCommitIsRemovedAfterIt) {
  Open();
  const std::vector<parquet::DataFile> copied = Window({Insert(1, {})}).added;
  lake_ = {};
  Open();
  Must(merge_->AddCopied(copied, {}));
  Must(Apply({Truncate()}));
  const RowDelta delta = Must(merge_->Finish({{1}, 0}));
  EXPECT_TRUE(delta.empty());
  EXPECT_EQ(store_.count(), 1U);
  Must(merge_->Committed(1));
  EXPECT_EQ(store_.count(), 0U);
}

TEST_F(TableMergeTest, AppendOnlyTablesTakeInsertsAndTruncates) {
  Open(TestSchema(ReplicaIdentity::kNothing, false));
  Window({Insert(1, {"a", {}, 1}), Insert(2, {"b", {}, 2})});
  Window({Insert(3, {}), Truncate(), Insert(4, {"d", {}, 4}), Insert(5, {"e", {}, 5})});
  EXPECT_EQ(Table(), (TestTable{{4, {"d", {}, 4}}, {5, {"e", {}, 5}}}));
  for (const TestChange& change : {Update(4, {}), Delete(4)}) {
    const Status refused = Apply({change});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind(), ErrorKind::kUnsupported);
    Must(merge_->Abandon());
  }
}

// Two rows may share a key inside a transaction, and across the files the window has written.
TEST_F(TableMergeTest, DeferredKeysSwapDirectly) {
  for (const uint64_t window_bytes : {uint64_t{1}, uint64_t{1} << 20}) {
    window_bytes_ = window_bytes;
    Open(TestSchema(ReplicaIdentity::kFull));
    Window(
        {Truncate(), Insert(1, {"a", "x", 1}), Insert(2, {"b", "y", 2}), Insert(3, {"c", "z", 3})});
    for (const TestChange& change :
         {Move(1, 2, {"a", "x", 1}), Move(2, 3, {"b", "y", 2}), Move(3, 1, {"c", "z", 3})}) {
      Must(Apply({change}));
    }
    Commit();
    EXPECT_EQ(Table(), (TestTable{{1, {"c", "z", 3}}, {2, {"a", "x", 1}}, {3, {"b", "y", 2}}}));
  }
}

TEST_F(TableMergeTest, ChangesOfAnotherVersionAreRefused) {
  Open();
  ChangeBatch batch = MakeBatch(schema_, {Insert(1, {})});
  batch.schema = {2};
  EXPECT_EQ(merge_->Apply(batch, nullptr).error().kind(), ErrorKind::kInternal);
}

// Ten thousand changes of two keys in a window that holds a few hundred.
TEST_F(TableMergeTest, HotKeysInAWindowLargerThanMemory) {
  window_bytes_ = 64 << 10;
  Open();
  Window({Insert(1, {"a", "long", 0}), Insert(2, {"b", "long", 0})});
  for (int i = 1; i <= 100; ++i) {
    std::vector<TestChange> changes;
    for (int j = 0; j < 100; ++j) {
      changes.push_back(WithoutBody(Update(j % 2 + 1, {"h", {}, i * 100 + j})));
    }
    Must(Apply(std::move(changes)));
  }
  Commit();
  EXPECT_EQ(Table(), (TestTable{{1, {"h", "long", 10098}}, {2, {"h", "long", 10099}}}));
}

TEST_F(TableMergeTest, OldRowsAreReadThroughFewOpenFiles) {
  Open();
  for (int64_t id = 1; id <= 9; ++id) Window({Insert(id, {"name", "body", 1})});
  std::vector<RowLocation> rows;
  for (const auto& [id, file] : files_.files()) rows.push_back({id, 0});
  ASSERT_THAT(rows, SizeIs(9));
  const KeyEncoder encoder(schema_);
  OutputFiles output(store_, file_schema_, files_, *index_, file_bytes_, {}, nullptr);
  LakeRows lake(store_, files_, output, encoder, KeyFields(schema_, *file_schema_));
  const auto reads = [&](std::span<const RowLocation> of) {
    const size_t before = store_.reads;
    EXPECT_THAT(Must(lake.ReadKeys(of)), SizeIs(of.size()));
    return store_.reads - before;
  };
  const auto eight = std::span(rows).first(8);
  const size_t opening = reads(eight);
  EXPECT_LT(reads(eight), opening) << "they are opened each time";
  reads(std::span(rows).last(1));
  EXPECT_EQ(reads(eight), opening) << "a ninth file did not close the others";
}

}  // namespace
}  // namespace sluice::merge
