#include "postgres/replication/spool.h"

#include <gtest/gtest.h>

#include "base/file_system_fake.h"

namespace sluice::postgres {
namespace {

using Entries = std::vector<std::pair<uint32_t, std::string>>;

Entries ReadAll(const Spool& spool) {
  SpoolReader reader(spool);
  Entries out;
  while (true) {
    const auto entry = reader.Next();
    EXPECT_TRUE(entry.has_value());
    if (!entry || !*entry) return out;
    out.emplace_back((*entry)->subxid, std::string((*entry)->message));
  }
}

std::unique_ptr<SpoolFolder> OpenFolder(FileSystem& files, SpoolLimits limits) {
  auto folder = SpoolFolder::Open(files, "/state/spool", limits);
  EXPECT_TRUE(folder.has_value());
  return std::move(*folder);
}

TEST(Spool, GivesBackWhatItWasGivenInOrder) {
  for (const uint64_t memory : {uint64_t{0}, uint64_t{20}, uint64_t{1} << 20}) {
    FakeFileSystem files;
    const auto folder = OpenFolder(files, {uint64_t{1} << 30, memory});
    const auto spool = folder->Create(7);
    Entries expected;
    for (uint32_t i = 0; i < 100; ++i) {
      const std::string message(i * 37 % 91, static_cast<char>('a' + i % 26));
      ASSERT_TRUE(spool->Append(i, message));
      expected.emplace_back(i, message);
    }
    EXPECT_EQ(ReadAll(*spool), expected) << memory;
    EXPECT_EQ(ReadAll(*spool), expected) << "a second reader";
  }
}

TEST(Spool, ReadsMessagesLargerThanItsPieces) {
  FakeFileSystem files;
  const auto folder = OpenFolder(files, {uint64_t{1} << 30, 1000});
  const auto spool = folder->Create(7);
  const std::string large(5 << 20, 'x');
  ASSERT_TRUE(spool->Append(1, "before"));
  ASSERT_TRUE(spool->Append(2, large));
  ASSERT_TRUE(spool->Append(3, "after"));
  EXPECT_EQ(ReadAll(*spool), (Entries{{1, "before"}, {2, large}, {3, "after"}}));
}

TEST(Spool, LeavesNothingBehind) {
  FakeFileSystem files;
  const auto folder = OpenFolder(files, {1000, 0});
  {
    const auto spool = folder->Create(7);
    ASSERT_TRUE(spool->Append(1, "abc"));
    ASSERT_TRUE(spool->Append(1, "def"));
    EXPECT_EQ(files.List("/state/spool")->size(), 1u);
    EXPECT_EQ(folder->bytes(), 22u);
  }
  EXPECT_TRUE(files.List("/state/spool")->empty());
  EXPECT_EQ(folder->bytes(), 0u);
}

TEST(Spool, RemovesOnlySpoolFilesOfAnEarlierRun) {
  FakeFileSystem files;
  ASSERT_TRUE(files.CreateFolders("/state/spool"));
  for (const char* name : {"/state/spool/1-7.spool", "/state/spool/notes.txt"}) {
    ASSERT_TRUE(files.Open(name, OpenMode::kAppend));
  }
  OpenFolder(files, {1000, 0});
  EXPECT_EQ(*files.List("/state/spool"), std::vector<std::string>{"notes.txt"});
}

TEST(Spool, RefusesWhatPassesItsLimitAndGoesOnWhenThereIsRoom) {
  FakeFileSystem files;
  const auto folder = OpenFolder(files, {30, 1000});
  auto other = folder->Create(8);
  const auto spool = folder->Create(7);
  ASSERT_TRUE(other->Append(1, "0123456789"));
  const Status refused = spool->Append(1, "0123456789");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind(), ErrorKind::kExhausted);
  other.reset();
  ASSERT_TRUE(spool->Append(1, "0123456789"));
  EXPECT_EQ(ReadAll(*spool), (Entries{{1, "0123456789"}}));
}

TEST(Spool, SurvivesAWriteThatStoppedHalfWay) {
  FakeFileSystem files;
  const auto folder = OpenFolder(files, {uint64_t{1} << 30, 0});
  const auto spool = folder->Create(7);
  ASSERT_TRUE(spool->Append(1, "first"));
  ASSERT_TRUE(spool->Append(2, "second"));  // writes the first out
  files.FailAt(files.operation_count(), Fault::kShortWrite);
  const Status full = spool->Append(3, "third");
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().kind(), ErrorKind::kExhausted);
  ASSERT_TRUE(spool->Append(3, "third"));
  EXPECT_EQ(ReadAll(*spool), (Entries{{1, "first"}, {2, "second"}, {3, "third"}}));
}

}  // namespace
}  // namespace sluice::postgres
