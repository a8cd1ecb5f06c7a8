#include "base/file_system_fake.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace sluice {
namespace {

class FakeFileSystemTest : public testing::Test {
 protected:
  FakeFileSystemTest() { EXPECT_TRUE(CreateFoldersDurably(files_, "/d")); }

  std::unique_ptr<File> Open(const std::string& path) {
    return files_.Open(path, OpenMode::kAppend).value();
  }
  void WriteDurably(const std::string& path, const std::string& content) {
    const auto file = Open(path);
    ASSERT_TRUE(file->Append(content));
    ASSERT_TRUE(file->Sync());
    ASSERT_TRUE(files_.SyncFolder("/d"));
  }

  FakeFileSystem files_;
};

TEST_F(FakeFileSystemTest, WhatWasSyncedSurvivesAndTheRestSurvivesInPart) {
  std::set<std::string> outcomes;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    FakeFileSystem files;
    ASSERT_TRUE(CreateFoldersDurably(files, "/d"));
    const auto file = files.Open("/d/a", OpenMode::kAppend).value();
    ASSERT_TRUE(file->Append("kept."));
    ASSERT_TRUE(file->Sync());
    ASSERT_TRUE(files.SyncFolder("/d"));
    ASSERT_TRUE(file->Append("lost"));
    files.Crash(seed);
    const std::string content = files.Content("/d/a");
    EXPECT_EQ(content.substr(0, 5), "kept.");
    outcomes.insert(content);
    EXPECT_FALSE(file->Size()) << "a handle outlived the crash";
  }
  EXPECT_TRUE(outcomes.contains("kept."));
  EXPECT_TRUE(outcomes.contains("kept.lo"));
  EXPECT_TRUE(outcomes.contains("kept.lost"));
  EXPECT_TRUE(std::any_of(outcomes.begin(), outcomes.end(), [](const std::string& content) {
    return content.find('\0') != std::string::npos;
  })) << "blocks may reach the disk in any order";
}

TEST_F(FakeFileSystemTest, AnEntryNeedsItsFolderSynced) {
  bool survived = false;
  bool lost = false;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    FakeFileSystem files;
    ASSERT_TRUE(CreateFoldersDurably(files, "/d"));
    const auto file = files.Open("/d/a", OpenMode::kAppend).value();
    ASSERT_TRUE(file->Append("x"));
    ASSERT_TRUE(file->Sync());
    files.Crash(seed);
    const bool exists = files.Exists("/d/a").value();
    survived |= exists;
    lost |= !exists;
  }
  EXPECT_TRUE(survived && lost);
}

TEST_F(FakeFileSystemTest, FoldersThatSomebodyElseMadeAreMadeDurableToo) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    FakeFileSystem files;
    ASSERT_TRUE(files.CreateFolders("/a/b"));
    ASSERT_TRUE(CreateFoldersDurably(files, "/a/b/c"));
    ASSERT_TRUE(CreateFoldersDurably(files, "/a/b"));
    files.Crash(seed);
    EXPECT_TRUE(files.Exists("/a/b/c").value());
  }
}

TEST_F(FakeFileSystemTest, FoldersKnownToBeDurableAreNotSyncedAgain) {
  DurableFolders folders(files_);
  ASSERT_TRUE(folders.Ensure("/d/a/b"));
  const uint64_t before = files_.operation_count();
  ASSERT_TRUE(folders.Ensure("/d/a/b"));
  EXPECT_EQ(files_.operation_count(), before);
  ASSERT_TRUE(folders.Ensure("/d/a/c"));
  EXPECT_EQ(files_.operation_count() - before, 2) << "makes one and syncs one";
  for (uint64_t seed = 0; seed < 20; ++seed) {
    files_.Crash(seed);
    EXPECT_TRUE(files_.Exists("/d/a/b").value() && files_.Exists("/d/a/c").value());
  }
}

TEST_F(FakeFileSystemTest, ARenameHappensWholeOrNot) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    WriteDurably("/d/old", "1");
    ASSERT_TRUE(files_.Rename("/d/old", "/d/new"));
    files_.Crash(seed);
    EXPECT_NE(files_.Exists("/d/old").value(), files_.Exists("/d/new").value());
    ASSERT_TRUE(files_.Remove("/d/old"));
    ASSERT_TRUE(files_.Remove("/d/new"));
    ASSERT_TRUE(files_.SyncFolder("/d"));
  }
}

TEST_F(FakeFileSystemTest, ACutThatWasNotSyncedMayComeBack) {
  std::set<std::string> outcomes;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    FakeFileSystem files;
    ASSERT_TRUE(CreateFoldersDurably(files, "/d"));
    files.SetContent("/d/a", "0123456789");
    const auto file = files.Open("/d/a", OpenMode::kAppend).value();
    ASSERT_TRUE(file->Truncate(4));
    files.Crash(seed);
    outcomes.insert(files.Content("/d/a"));
  }
  EXPECT_EQ(outcomes, (std::set<std::string>{"0123", "0123456789"}));
}

// The Linux trap: after a failed sync the next one succeeds, reads still show the bytes, and they
// are not on the disk.
TEST_F(FakeFileSystemTest, AFailedSyncLosesWhatItWasToSave) {
  WriteDurably("/d/a", "kept");
  const auto file = Open("/d/a");
  ASSERT_TRUE(file->Append("gone"));
  files_.FailAt(files_.operation_count(), Fault::kIo);
  EXPECT_FALSE(file->Sync());
  ASSERT_TRUE(file->Append("new"));
  ASSERT_TRUE(file->Sync());
  EXPECT_EQ(files_.Content("/d/a"), "keptgonenew");
  files_.Crash(1);
  EXPECT_EQ(files_.Content("/d/a"), std::string("kept\0\0\0\0new", 11));
}

TEST_F(FakeFileSystemTest, FaultsHitTheOperationTheyName) {
  const auto file = Open("/d/a");
  const uint64_t now = files_.operation_count();
  files_.FailAt(now, Fault::kNoSpace);
  files_.FailAt(now + 1, Fault::kShortWrite);
  files_.FailAt(now + 2, Fault::kIo);
  EXPECT_EQ(file->Append("1234").error().kind(), ErrorKind::kExhausted);
  EXPECT_EQ(file->Append("1234").error().code(), "ENOSPC");
  EXPECT_EQ(file->Append("1234").error().code(), "EIO");
  EXPECT_EQ(files_.Content("/d/a"), "12");
  EXPECT_TRUE(file->Append("3"));
}

TEST_F(FakeFileSystemTest, StoppedMeansStoppedUntilTheCrash) {
  WriteDurably("/d/a", "1");
  const auto file = Open("/d/a");
  files_.StopAt(files_.operation_count() + 1);
  EXPECT_TRUE(file->Append("2"));
  EXPECT_FALSE(file->Append("3"));
  EXPECT_FALSE(file->Size());
  EXPECT_FALSE(files_.List("/d"));
  files_.Crash(0);
  EXPECT_EQ(files_.List("/d").value(), std::vector<std::string>{"a"});
}

TEST_F(FakeFileSystemTest, AFullDiskTakesWhatFits) {
  files_.SetCapacity(6);
  const auto file = Open("/d/a");
  EXPECT_EQ(file->Append("12345678").error().kind(), ErrorKind::kExhausted);
  EXPECT_EQ(file->Size().value(), 6U);
  EXPECT_EQ(files_.FreeBytes("/d").value(), 0U);
}

TEST_F(FakeFileSystemTest, LocksExcludeAndDieWithTheProcess) {
  auto lock = files_.Lock("/d/lock").value();
  EXPECT_EQ(files_.Lock("/d/lock").error().kind(), ErrorKind::kConfig);
  lock.reset();
  lock = files_.Lock("/d/lock").value();
  files_.KillProcess();
  EXPECT_TRUE(files_.Lock("/d/lock"));
}

TEST_F(FakeFileSystemTest, ARenameToANewNameReplacesNothing) {
  WriteDurably("/d/a", "a");
  WriteDurably("/d/b", "b");
  EXPECT_EQ(files_.RenameNew("/d/a", "/d/b").error().kind(), ErrorKind::kConflict);
  EXPECT_EQ(files_.Content("/d/b"), "b");
  EXPECT_TRUE(files_.RenameNew("/d/a", "/d/c"));
}

}  // namespace
}  // namespace sluice
