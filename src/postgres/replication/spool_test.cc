#include "postgres/replication/spool.h"

#include <gtest/gtest.h>
#include <malloc.h>

#include <filesystem>

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
    EXPECT_EQ(folder->bytes(), 38u);
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
  const auto folder = OpenFolder(files, {40, 1000});
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

// Whatever the disk makes of it: the message is not decoded, and the stream begins again.
TEST(Spool, NoBitMayFlip) {
  FakeFileSystem files;
  const auto folder = OpenFolder(files, {uint64_t{1} << 30, 0});
  const auto spool = folder->Create(7);
  const Entries written = {{1, "first"}, {0, ""}, {0x01020304, std::string(100, 'x')}};
  for (const auto& [subxid, message] : written) ASSERT_TRUE(spool->Append(subxid, message));
  const std::string path = "/state/spool/1-7.spool";
  const size_t bits = files.Content(path).size() * 8;
  ASSERT_EQ(bits, (3 * 16 + 105) * 8u);
  for (size_t bit = 0; bit < bits; ++bit) {
    files.FlipBit(path, bit);
    SpoolReader reader(*spool);
    Result<std::optional<SpoolReader::Entry>> entry;
    size_t read = 0;
    for (entry = reader.Next(); entry && *entry; entry = reader.Next()) {
      EXPECT_EQ((*entry)->subxid, written[read].first) << bit;
      EXPECT_EQ((*entry)->message, written[read++].second) << bit;
    }
    ASSERT_FALSE(entry) << "bit " << bit;
    EXPECT_EQ(entry.error().kind(), ErrorKind::kUnavailable) << "the server has it still";
    EXPECT_NE(entry.error().message().find(path + " is damaged at byte "), std::string::npos)
        << entry.error().message();
    files.FlipBit(path, bit);
  }
  EXPECT_EQ(ReadAll(*spool), written);
}

TEST(Spool, AFileThatLostItsEndOrHasItsEntriesElsewhereIsDamaged) {
  FakeFileSystem files;
  const auto folder = OpenFolder(files, {uint64_t{1} << 30, 0});
  const auto spool = folder->Create(7);
  for (const char* message : {"same", "size"}) ASSERT_TRUE(spool->Append(1, message));
  const std::string path = "/state/spool/1-7.spool";
  const std::string whole = files.Content(path);
  const std::string swapped = whole.substr(20) + whole.substr(0, 20);
  for (const std::string& content : {swapped, whole.substr(0, 39), whole.substr(0, 20)}) {
    files.SetContent(path, content);
    SpoolReader reader(*spool);
    auto entry = reader.Next();
    while (entry && *entry) entry = reader.Next();
    ASSERT_FALSE(entry);
    EXPECT_EQ(entry.error().kind(), ErrorKind::kUnavailable);
  }
}

// On the disk, and counted by malloc: not even many transactions hold more than their share, nor
// more files open than a process may.
TEST(Spool, HoldsItsShareHoweverManyTransactionsThereAre) {
  constexpr uint64_t kShare = 1 << 20;
  constexpr size_t kTransactions = 2000;
  constexpr size_t kPerTransaction = 1 << 10;  // the objects themselves, generously
  const std::filesystem::path at =
      std::filesystem::path(::testing::TempDir()) / "sluice_spool_share";
  std::filesystem::remove_all(at);
  const auto folder = SpoolFolder::Open(LocalFileSystem(), at, {uint64_t{1} << 30, kShare}).value();
  std::vector<std::unique_ptr<Spool>> spools;
  for (uint32_t i = 0; i < kTransactions; ++i) spools.push_back(folder->Create(i));
  const std::string huge(3 * kShare, 'h');
  const std::string large(kShare / 3, 'l');
  const size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
  size_t most = 0;
  const auto append = [&](size_t i, const std::string& message) {
    ASSERT_TRUE(spools[i]->Append(9, message));
    most = std::max(most, mallinfo2().uordblks + mallinfo2().hblkhd - before);
  };
  // Each has had much in memory once.
  for (size_t i = 0; i < kTransactions; i += 20) append(i, large);
  for (size_t i = 0; i < kTransactions; ++i) append(i, std::string(i % 700, 's'));
  append(5, huge);
  EXPECT_LE(most, kShare + kTransactions * kPerTransaction);
  EXPECT_EQ(ReadAll(*spools[5]), (Entries{{9, std::string(5, 's')}, {9, huge}}));
  EXPECT_EQ(ReadAll(*spools[40]), (Entries{{9, large}, {9, std::string(40, 's')}}));
  const auto descriptors = std::filesystem::directory_iterator("/proc/self/fd");
  EXPECT_LT(std::distance(begin(descriptors), end(descriptors)), 200);
  spools.clear();
  EXPECT_TRUE(std::filesystem::is_empty(at));
}

}  // namespace
}  // namespace sluice::postgres
