#include "merge/file_set.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::merge {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr const char* kOld = "file:///lake/old.parquet";
constexpr const char* kNew = "file:///lake/new.parquet";

roaring::Roaring64Map Positions(const std::vector<uint32_t>& rows) {
  return {rows.size(), rows.data()};
}

TEST(FileSet, KnowsWhichRowsAreAlive) {
  FileSet files;
  roaring::Roaring deleted;
  deleted.add(1);
  const FileId file = files.AddCommitted(kOld, 3, deleted);
  EXPECT_TRUE(files.IsLive({file, 0}));
  EXPECT_FALSE(files.IsLive({file, 1}));
  EXPECT_TRUE(files.IsLive({file, 2}));
  EXPECT_FALSE(files.IsLive({file, 3}));
  EXPECT_FALSE(files.IsLive({FileId{77}, 0}));
  EXPECT_EQ(files.FindByLocation(kOld), file);
  EXPECT_EQ(files.FindByLocation(kNew), std::nullopt);
}

TEST(FileSet, ReportsOnlyTheWindowsOwnDeletes) {
  FileSet files;
  roaring::Roaring deleted;
  deleted.add(1);
  const FileId file = files.AddCommitted(kOld, 4, deleted);
  files.Delete({file, 3});
  const FileSet::Staged staged = files.StagedDeletes();
  ASSERT_EQ(staged.deleted.size(), 1U);
  EXPECT_EQ(staged.deleted.at(kOld), Positions({3}));
  EXPECT_EQ(staged.rows, 1);
  EXPECT_THAT(staged.removed, IsEmpty());
}

TEST(FileSet, DiscardBringsRowsBackAndForgetsStagedFiles) {
  FileSet files;
  const FileId file = files.AddCommitted(kOld, 2, {});
  const FileId staged = files.AddStaged(kNew);
  files.SetRecordCount(staged, 5);
  files.Delete({file, 0});
  files.Delete({staged, 2});
  files.Discard();
  EXPECT_TRUE(files.IsLive({file, 0}));
  EXPECT_EQ(files.Find(staged), nullptr);
  EXPECT_EQ(files.FindByLocation(kNew), std::nullopt);
  EXPECT_TRUE(files.StagedDeletes().deleted.empty());
  EXPECT_NE(files.AddStaged(kNew), staged);
}

TEST(FileSet, DeadFilesAreRemovedOrNeverCommitted) {
  FileSet files;
  roaring::Roaring deleted;
  deleted.add(0);
  const FileId file = files.AddCommitted(kOld, 2, deleted);
  const FileId staged = files.AddStaged(kNew);
  files.SetRecordCount(staged, 1);
  files.Delete({file, 1});
  files.Delete({staged, 0});
  const FileSet::Staged deletes = files.StagedDeletes();
  EXPECT_TRUE(deletes.deleted.empty());
  EXPECT_THAT(deletes.removed, ElementsAre(kOld));
  EXPECT_THAT(deletes.abandoned, ElementsAre(kNew));
  EXPECT_EQ(deletes.rows, 1);
  files.Publish();
  EXPECT_TRUE(files.files().empty());
}

TEST(FileSet, TruncateKillsEveryRowAndLaterOnesLive) {
  FileSet files;
  roaring::Roaring deleted;
  deleted.add(2);
  const FileId old = files.AddCommitted(kOld, 10, deleted);
  const FileId staged = files.AddStaged(kNew);
  files.SetRecordCount(staged, 2);
  files.DeleteAll();
  files.SetRecordCount(staged, 3);
  EXPECT_FALSE(files.IsLive({old, 0}));
  EXPECT_FALSE(files.IsLive({staged, 1}));
  EXPECT_TRUE(files.IsLive({staged, 2}));
  const FileSet::Staged deletes = files.StagedDeletes();
  EXPECT_THAT(deletes.removed, ElementsAre(kOld));
  EXPECT_EQ(deletes.deleted.at(kNew), Positions({0, 1}));
  EXPECT_EQ(deletes.rows, 11);
  files.Discard();
  EXPECT_TRUE(files.IsLive({old, 0}));
  EXPECT_FALSE(files.IsLive({old, 2}));
}

}  // namespace
}  // namespace sluice::merge
