#include "merge/tiered_index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "base/file_system_fake.h"
#include "merge/key_encoding.h"
#include "merge/merge_test_support.h"
#include "merge/run_merge.h"

namespace sluice::merge {
namespace {

constexpr const char* kFolder = "/state/index";
constexpr const char* kManifest = "/state/index/MANIFEST";

// Keys are numbers in text; row i of every file holds the key that `keys` says.
class TieredIndexTest : public ::testing::Test, public KeyReader {
 protected:
  void Open() {
    OpenedIndex opened = Must(OpenTieredIndex(fs_, files_, options_));
    index_ = std::move(opened.index);
    missing_ = opened.missing;
  }
  FileId AddFile(const std::string& location, const std::vector<int>& keys, bool whole = false) {
    const FileId file = files_.AddStaged(location);
    files_.SetRecordCount(file, static_cast<int64_t>(keys.size()));
    std::vector<IndexEntry> entries;
    for (uint32_t row = 0; row < keys.size(); ++row) {
      stored_[{static_cast<uint32_t>(file), row}] = std::to_string(keys[row]);
      entries.push_back({FingerprintOf(std::to_string(keys[row])), {file, row}});
    }
    Must(whole ? index_->StageFiles(entries) : index_->Stage(entries));
    return file;
  }
  // A file of the table whose row i holds key i; the index knows nothing of it.
  std::vector<IndexEntry> CommittedFile(const std::string& location, uint32_t rows) {
    files_.AddCommitted(location, rows, {});
    const FileId file = *files_.FindByLocation(location);
    std::vector<IndexEntry> entries;
    for (uint32_t row = 0; row < rows; ++row) {
      stored_[{static_cast<uint32_t>(file), row}] = std::to_string(row);
      entries.push_back({FingerprintOf(std::to_string(row)), {file, row}});
    }
    return entries;
  }
  void Publish() {
    files_.Publish();
    Must(index_->Publish(++snapshot_));
  }
  std::optional<RowLocation> Find(int key, FindMode mode = FindMode::kExists) {
    const std::string text = std::to_string(key);
    const Fingerprint fingerprint = FingerprintOf(text);
    const std::string_view view = text;
    std::optional<RowLocation> found;
    Must(index_->Find({&fingerprint, 1}, {&view, 1}, mode, *this, {&found, 1}));
    return found;
  }
  Result<std::vector<std::string>> ReadKeys(std::span<const RowLocation> rows) override {
    std::vector<std::string> out;
    for (const RowLocation& at : rows)
      out.push_back(stored_.at({static_cast<uint32_t>(at.file), at.row}));
    keys_read_ += rows.size();
    return out;
  }
  // A new process: files are known by other ids.
  void Restart() {
    index_.reset();
    FileSet fresh;
    std::map<std::pair<uint32_t, uint32_t>, std::string> stored;
    std::vector<std::pair<FileId, LiveFile>> files(files_.files().begin(), files_.files().end());
    std::reverse(files.begin(), files.end());
    for (const auto& [old, file] : files) {
      const FileId id = fresh.AddCommitted(file.location, file.record_count, file.deleted);
      for (uint32_t row = 0; row < file.record_count; ++row) {
        stored[{static_cast<uint32_t>(id), row}] = stored_.at({static_cast<uint32_t>(old), row});
      }
    }
    files_ = std::move(fresh);
    stored_ = std::move(stored);
    Open();
  }
  std::set<std::string> Locations(const std::vector<FileId>& files) const {
    std::set<std::string> out;
    for (const FileId file : files) out.insert(files_.Find(file)->location);
    return out;
  }

  FakeFileSystem fs_;
  FileSet files_;
  TieredIndexOptions options_{kFolder};
  std::unique_ptr<KeyIndex> index_;
  std::vector<FileId> missing_;
  std::map<std::pair<uint32_t, uint32_t>, std::string> stored_;
  int64_t snapshot_ = 0;
  size_t keys_read_ = 0;
};

TEST_F(TieredIndexTest, FindsStagedAndPublishedRowsAndForgetsDiscardedOnes) {
  Open();
  const FileId first = AddFile("a", {1, 2});
  EXPECT_EQ(Find(2), (RowLocation{first, 1}));
  Publish();
  const FileId second = AddFile("b", {3});
  EXPECT_EQ(Find(3), (RowLocation{second, 0}));
  index_->Discard();
  files_.Discard();
  EXPECT_EQ(Find(3), std::nullopt);
  EXPECT_EQ(Find(1), (RowLocation{first, 0}));
  EXPECT_EQ(keys_read_, 0U);
}

TEST_F(TieredIndexTest, RowsOfWholeFilesBecomeRunsAtOnceAndAreHeldAfterARestart) {
  options_.recent_entries_max = 3;
  Open();
  const FileId first = AddFile("a", {1, 2, 3, 4}, true);
  const FileId second = AddFile("b", {5}, true);
  Must(index_->FinishStageFiles());
  EXPECT_EQ(Find(4), (RowLocation{first, 3}));
  EXPECT_EQ(Find(5), (RowLocation{second, 0}));
  EXPECT_EQ(index_->statistics().run_entries, 5U);
  index_->Discard();
  EXPECT_EQ(Find(4), std::nullopt);
  files_.Discard();
  AddFile("c", {6, 7, 8}, true);
  AddFile("d", {9}, true);
  Must(index_->FinishStageFiles());
  Publish();
  Restart();
  EXPECT_TRUE(missing_.empty());
  EXPECT_EQ(Find(9)->row, 0U);
  EXPECT_EQ(Find(1), std::nullopt);
}

TEST_F(TieredIndexTest, RunsFromElsewhereAreTakenTogetherOrNotAtAll) {
  Open();
  const FileId file = files_.AddStaged("a");
  files_.SetRecordCount(file, 2);
  const auto make = [&](const std::string& name, int key, uint32_t row) {
    stored_[{static_cast<uint32_t>(file), row}] = std::to_string(key);
    IndexEntry entry{FingerprintOf(std::to_string(key)), {file, row}};
    Must(WriteRun(fs_, "/state/copied", name, files_, {&entry, 1}));
    return "/state/copied/" + name;
  };
  const std::vector<std::string> paths = {make("x.run", 1, 0), make("y.run", 2, 1)};
  EXPECT_TRUE(Must(index_->StageRuns(paths, {&file, 1})));
  EXPECT_EQ(Find(2), (RowLocation{file, 1}));
  index_->Discard();
  EXPECT_EQ(Find(2), std::nullopt);
  make("x.run", 1, 0);
  EXPECT_FALSE(Must(index_->StageRuns(paths, {&file, 1}))) << "the second is gone";
  EXPECT_EQ(Find(1), std::nullopt);
  make("x.run", 1, 0);
  make("y.run", 2, 1);
  EXPECT_TRUE(Must(index_->StageRuns(paths, {&file, 1})));
  Publish();
  Restart();
  EXPECT_TRUE(missing_.empty());
  EXPECT_EQ(Find(1)->row, 0U);
}

TEST_F(TieredIndexTest, AFewRowsOfWholeFilesStayInMemory) {
  Open();
  const FileId file = AddFile("a", {1, 2}, true);
  Must(index_->FinishStageFiles());
  EXPECT_EQ(Find(2), (RowLocation{file, 1}));
  EXPECT_EQ(index_->statistics().run_entries, 0U);
}

TEST_F(TieredIndexTest, ADeadEntryDoesNotCount) {
  Open();
  const FileId first = AddFile("a", {1});
  Publish();
  files_.Delete({first, 0});
  EXPECT_EQ(Find(1), std::nullopt);
  const FileId second = AddFile("b", {1});
  EXPECT_EQ(Find(1), (RowLocation{second, 0}));
  index_->Discard();
  files_.Discard();
  EXPECT_EQ(Find(1), (RowLocation{first, 0}));
}

TEST_F(TieredIndexTest, CollisionsAreToldApartByKey) {
  options_.fingerprint_bits = 1;
  Open();
  const FileId file = AddFile("a", {1, 2, 3, 4, 5, 6, 7, 8});
  for (int key = 1; key <= 8; ++key) {
    EXPECT_EQ(Find(key), (RowLocation{file, static_cast<uint32_t>(key - 1)}));
  }
  EXPECT_GT(keys_read_, 0U);
  EXPECT_EQ(Find(99, FindMode::kMayBeAbsent), std::nullopt);
}

TEST_F(TieredIndexTest, OfTwoRowsWithOneKeyTheOlderIsFound) {
  Open();
  const FileId first = AddFile("a", {1});
  const FileId second = AddFile("b", {1});
  EXPECT_EQ(Find(1), (RowLocation{first, 0}));
  files_.Delete({first, 0});
  EXPECT_EQ(Find(1), (RowLocation{second, 0}));
}

TEST_F(TieredIndexTest, PublishingFewRowsTouchesNoFile) {
  Open();
  AddFile("a", {1, 2, 3});
  const uint64_t before = fs_.operation_count();
  Publish();
  EXPECT_EQ(fs_.operation_count(), before);
}

TEST_F(TieredIndexTest, AHotKeyDoesNotGrowIt) {
  Open();
  for (int i = 0; i < 1000; ++i) {
    const auto old = Find(1);
    if (old) files_.Delete(*old);
    AddFile("f" + std::to_string(i), {1});
    Publish();
  }
  EXPECT_LE(index_->statistics().recent_entries, 2U);
}

TEST_F(TieredIndexTest, AfterARestartOnlyFilesOutsideRunsAreMissing) {
  options_.recent_entries_max = 4;
  options_.runs_max = 2;
  Open();
  for (int i = 0; i < 20; ++i) {
    AddFile("f" + std::to_string(i), {i * 3, i * 3 + 1, i * 3 + 2});
    Publish();
  }
  files_.Delete(*Find(7));
  AddFile("last", {100});
  Publish();
  Restart();
  EXPECT_THAT(Locations(missing_), ::testing::Contains("last"));
  EXPECT_LE(missing_.size(), 3U);
  const std::set<std::string> missing = Locations(missing_);
  for (int key = 0; key < 60; ++key) {
    const auto found = Find(key);
    const bool held = !missing.contains("f" + std::to_string(key / 3));
    ASSERT_EQ(found.has_value(), held && key != 7) << key;
    if (found) {
      EXPECT_EQ(ReadKeys({&*found, 1}).value()[0], std::to_string(key));
    }
  }
}

TEST_F(TieredIndexTest, RunsStayFewHoweverManyRowsCome) {
  options_.recent_entries_max = 4;
  options_.runs_max = 3;
  Open();
  for (int i = 0; i < 40; ++i) {
    AddFile("f" + std::to_string(i), {i * 3, i * 3 + 1, i * 3 + 2});
    Publish();
    EXPECT_LE(Must(fs_.List(kFolder)).size(), options_.runs_max + 1) << "with the manifest";
  }
}

TEST_F(TieredIndexTest, LoadedFilesCountOnlyOnceTheyAreWhole) {
  options_.recent_entries_max = 2;
  Open();
  std::vector<IndexEntry> entries = CommittedFile("a", 5);
  Must(index_->Load({entries.data(), 3}));
  Restart();
  EXPECT_THAT(Locations(missing_), ::testing::ElementsAre("a"));
  const FileId now = *files_.FindByLocation("a");
  for (IndexEntry& entry : entries) entry.at.file = now;
  Must(index_->Load(entries));
  Must(index_->FinishLoad());
  Restart();
  EXPECT_TRUE(missing_.empty());
  EXPECT_TRUE(Find(4).has_value());
}

// Whatever was loaded beyond memory is one run, as long as a piece of it fits.
TEST_F(TieredIndexTest, FilesLoadedBeyondMemoryBecomeOneRun) {
  options_.recent_entries_max = 100;
  Open();
  constexpr uint32_t kRows = 20'050;
  const std::vector<IndexEntry> entries = CommittedFile("a", kRows);
  const std::span<const IndexEntry> all(entries);
  for (size_t begin = 0; begin < kRows; begin += 64) {
    Must(index_->Load(all.subspan(begin, std::min<size_t>(64, kRows - begin))));
  }
  Must(index_->FinishLoad());
  EXPECT_EQ(index_->statistics().run_entries, kRows);
  EXPECT_EQ(Must(fs_.List(kFolder)).size(), 2U) << "one run and the manifest";
  for (int i = 0; i < 2; ++i) {
    for (int row = 0; row < static_cast<int>(kRows); row += 7) ASSERT_TRUE(Find(row)) << row;
    EXPECT_FALSE(Find(kRows));
    Restart();
    EXPECT_TRUE(missing_.empty());
  }
  EXPECT_EQ(keys_read_, 0U) << "each key has a fingerprint of its own";
}

TEST_F(TieredIndexTest, ADamagedFileOfALoadIsNoticedAndReadAgain) {
  options_.recent_entries_max = 4;
  Open();
  std::vector<IndexEntry> entries = CommittedFile("a", 9);
  Must(index_->Load(entries));
  const std::string loading = std::string(kFolder) + "/loading";
  ASSERT_EQ(fs_.Content(loading).size(), 9 * sizeof(IndexEntry));
  fs_.FlipBit(loading, 321);
  const Status finished = index_->FinishLoad();
  ASSERT_FALSE(finished);
  EXPECT_EQ(finished.error().kind(), ErrorKind::kUnavailable);
  Restart();
  EXPECT_THAT(Locations(missing_), ::testing::ElementsAre("a"));
  EXPECT_FALSE(Must(fs_.Exists(loading)));
  for (IndexEntry& entry : entries) entry.at.file = *files_.FindByLocation("a");
  Must(index_->Load(entries));
  Must(index_->FinishLoad());
  EXPECT_TRUE(Find(8));
}

// Staged entries beyond memory become runs, which a discarded window must not leave behind.
TEST_F(TieredIndexTest, HugeWindowsGoToRunsAndVanishWhenDiscarded) {
  options_.recent_entries_max = 3;
  options_.runs_max = 2;
  Open();
  std::vector<int> keys(50);
  for (int i = 0; i < 50; ++i) keys[static_cast<size_t>(i)] = i;
  AddFile("huge", keys);
  EXPECT_TRUE(Find(49).has_value());
  index_->Discard();
  files_.Discard();
  EXPECT_EQ(Find(0), std::nullopt);
  EXPECT_TRUE(Must(fs_.List(kFolder)).empty());
  AddFile("huge", keys);
  Publish();
  Restart();
  EXPECT_TRUE(missing_.empty());
  for (const int key : keys) EXPECT_TRUE(Find(key).has_value()) << key;
}

TEST_F(TieredIndexTest, RunsDropDeadRowsButNotThoseOfAWindowThatMayBeDiscarded) {
  options_.recent_entries_max = 4;
  Open();
  const FileId file = AddFile("a", {1, 2, 3});
  Publish();
  files_.Delete({file, 0});
  AddFile("b", {4, 5, 6, 7, 8, 9});
  index_->Discard();
  files_.Discard();
  EXPECT_EQ(Find(1), (RowLocation{file, 0}));
  files_.Delete({file, 1});
  AddFile("c", {4, 5, 6, 7});
  Publish();
  EXPECT_EQ(Find(1), (RowLocation{file, 0}));
  EXPECT_EQ(index_->statistics().run_entries + index_->statistics().recent_entries, 6U);
}

// Somebody rolled the table back: rows that runs have dropped live again.
TEST_F(TieredIndexTest, AFileWithFewerDeletedRowsThanBeforeIsMissing) {
  options_.recent_entries_max = 2;
  Open();
  const FileId file = AddFile("a", {1, 2, 3});
  Publish();
  files_.Delete({file, 1});
  AddFile("b", {4, 5});
  Publish();
  index_.reset();
  FileSet rolled_back;
  rolled_back.AddCommitted("a", 3, {});
  files_ = std::move(rolled_back);
  Open();
  EXPECT_THAT(Locations(missing_), ::testing::ElementsAre("a"));
}

TEST_F(TieredIndexTest, DamageStartsItAnew) {
  options_.recent_entries_max = 2;
  const auto damage = [&](auto harm) {
    Must(fs_.Remove(kManifest));
    files_ = {};
    Open();
    AddFile("a", {1, 2, 3});
    Publish();
    harm();
    Restart();
    EXPECT_EQ(missing_.size(), 1U);
    EXPECT_EQ(Find(1), std::nullopt);
    EXPECT_TRUE(Must(fs_.List(kFolder)).empty());
  };
  const auto run = [&] {
    const auto names = Must(fs_.List(kFolder));
    return std::string(kFolder) + "/" + names.front();
  };
  damage([&] { fs_.FlipBit(kManifest, 77); });
  damage([&] { fs_.SetContent(kManifest, ""); });
  damage([&] { fs_.FlipBit(run(), 8 * 9); });
  damage([&] { Must(fs_.Remove(run())); });
}

TEST_F(TieredIndexTest, FilesOfNobodyAreRemovedAtOpening) {
  fs_.SetContent(std::string(kFolder) + "/77.run", "left over");
  fs_.SetContent(std::string(kFolder) + "/78.run.tmp", "torn");
  Open();
  EXPECT_TRUE(Must(fs_.List(kFolder)).empty());
}

// The disk is full at any one write of a publish; the next one, with newer rows in memory,
// succeeds.
TEST_F(TieredIndexTest, AFullDiskAtPublishLosesNothing) {
  options_.recent_entries_max = 2;
  uint64_t failures = 0;
  for (uint64_t operation = 0;; ++operation) {
    files_ = {};
    Open();
    Must(index_->Clear());
    AddFile("a", {1});
    Publish();
    AddFile("b", {2});
    files_.Publish();
    fs_.FailAt(fs_.operation_count() + operation, Fault::kNoSpace);
    const Status full = index_->Publish(2);
    if (full) break;
    ++failures;
    EXPECT_EQ(full.error().kind(), ErrorKind::kExhausted);
    EXPECT_TRUE(Find(1).has_value());
    EXPECT_TRUE(Find(2).has_value());
    AddFile("c", {3});
    Publish();
    EXPECT_TRUE(Find(3).has_value());
    Restart();
    const std::set<std::string> missing = Locations(missing_);
    EXPECT_FALSE(missing.contains("a"));
    EXPECT_FALSE(missing.contains("b"));
    EXPECT_EQ(Find(3).has_value(), !missing.contains("c")) << operation;
  }
  EXPECT_GT(failures, 5U);
}

}  // namespace
}  // namespace sluice::merge
