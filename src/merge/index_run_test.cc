#include "merge/index_run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file_system_fake.h"
#include "merge/key_encoding.h"
#include "merge/merge_test_support.h"
#include "merge/run_merge.h"

namespace sluice::merge {
namespace {

constexpr const char* kFolder = "/state/index";

class IndexRunTest : public ::testing::Test {
 protected:
  IndexRunTest() {
    a_ = files_.AddCommitted("file:///lake/a.parquet", 1000, {});
    b_ = files_.AddCommitted("file:///lake/b.parquet", 1000, {});
  }
  std::unique_ptr<IndexRun> Write(std::vector<IndexEntry> entries) {
    return Must(WriteRun(fs_, kFolder, fmt::format("{}.run", ++number_), files_, entries));
  }
  static std::vector<RowLocation> Find(const IndexRun& run, Fingerprint fingerprint) {
    std::vector<RowLocation> out;
    run.ForEach(fingerprint, [&](RowLocation at) { out.push_back(at); });
    return out;
  }

  FakeFileSystem fs_;
  FileSet files_;
  FileId a_;
  FileId b_;
  int number_ = 0;
};

TEST_F(IndexRunTest, FindsEveryEntryAgain) {
  std::vector<IndexEntry> entries;
  for (uint32_t i = 0; i < 1000; ++i) {
    entries.push_back({FingerprintOf(std::to_string(i)), {i % 2 == 0 ? a_ : b_, i}});
  }
  const auto run = Write(entries);
  for (const IndexEntry& entry : entries) {
    EXPECT_THAT(Find(*run, entry.fingerprint), ::testing::ElementsAre(entry.at));
  }
  EXPECT_TRUE(Find(*run, FingerprintOf("absent")).empty());
}

TEST_F(IndexRunTest, KeepsSeveralEntriesOfOneFingerprint) {
  const auto run = Write({{42U << 16, {a_, 1}}, {42U << 16, {b_, 2}}, {43U << 16, {a_, 3}}});
  EXPECT_THAT(Find(*run, 42U << 16),
              ::testing::UnorderedElementsAre(RowLocation{a_, 1}, RowLocation{b_, 2}));
}

TEST_F(IndexRunTest, ExtremeFingerprintsHaveTheirBuckets) {
  const auto run = Write({{0, {a_, 1}}, {UINT64_MAX, {b_, 2}}});
  EXPECT_THAT(Find(*run, 0), ::testing::ElementsAre(RowLocation{a_, 1}));
  EXPECT_THAT(Find(*run, UINT64_MAX), ::testing::ElementsAre(RowLocation{b_, 2}));
}

TEST_F(IndexRunTest, MergingDropsWhatIsDeadOrRepeated) {
  std::vector<std::unique_ptr<IndexRun>> runs;
  runs.push_back(Write({{1U << 20, {a_, 1}}, {5U << 20, {a_, 5}}}));
  runs.push_back(Write({{1U << 20, {b_, 1}}, {5U << 20, {a_, 5}}, {9U << 20, {a_, 9}}}));
  runs.push_back(Write({}));
  files_.Delete({a_, 1});
  const auto merged =
      Must(MergeRuns(fs_, kFolder, "merged.run", files_, runs, DeadEntries::kLeftOut));
  EXPECT_EQ(merged->size(), 3U);
  EXPECT_THAT(Find(*merged, 1U << 20), ::testing::ElementsAre(RowLocation{b_, 1}));
  EXPECT_THAT(Find(*merged, 5U << 20), ::testing::ElementsAre(RowLocation{a_, 5}));
  EXPECT_THAT(Find(*merged, 9U << 20), ::testing::ElementsAre(RowLocation{a_, 9}));
  const auto kept = Must(MergeRuns(fs_, kFolder, "kept.run", files_, runs, DeadEntries::kKept));
  EXPECT_EQ(kept->size(), 4U);
}

TEST_F(IndexRunTest, NamesFilesByLocationAcrossRestarts) {
  const std::string name = Write({{7, {a_, 70}}, {8U << 20, {b_, 80}}})->name();
  FileSet later;
  const FileId other = later.AddCommitted("file:///lake/other.parquet", 1, {});
  const FileId b = later.AddCommitted("file:///lake/b.parquet", 1000, {});
  ASSERT_NE(other, b);
  const auto run = Must(IndexRun::Open(fs_, kFolder, name, later));
  EXPECT_THAT(Find(*run, 8U << 20), ::testing::ElementsAre(RowLocation{b, 80}));
  for (const RowLocation& at : Find(*run, 7)) EXPECT_FALSE(later.IsLive(at));
}

// docs/formats/key_index.md, read by hand.
TEST_F(IndexRunTest, HasTheBytesThatTheFormatPageFixes) {
  const std::string name = Write({{0x0123'4567'89AB'CDEF, {a_, 0x11223344}}})->name();
  const std::string bytes = fs_.Content(std::string(kFolder) + "/" + name);
  const std::string location = "file:///lake/a.parquet";
  const size_t directory = 8 + 10;
  const size_t files = directory + ((1 << 16) + 1) * 4;
  ASSERT_EQ(bytes.size(), files + 4 + location.size() + 64);
  EXPECT_EQ(bytes.substr(0, 8), "SLKEYRUN");
  EXPECT_EQ(bytes.substr(8, 10), std::string("\xAB\x89\x67\x45\x00\x00\x44\x33\x22\x11", 10));
  EXPECT_EQ(bytes.substr(directory + 0x0123 * 4, 8), std::string("\0\0\0\0\1\0\0\0", 8));
  EXPECT_EQ(bytes.substr(files, 4), std::string("\x16\0\0\0", 4));
  EXPECT_EQ(bytes.substr(files + 4, location.size()), location);
  const std::string footer = bytes.substr(bytes.size() - 64);
  EXPECT_EQ(footer.substr(0, 8), std::string("\1\0\0\0\0\0\0\0", 8));
  EXPECT_EQ(footer.substr(24, 16), std::string("\1\0\0\0\x10\0\0\0\2\0\0\0\1\0\0\0", 16));
  EXPECT_EQ(footer.substr(56), "SLKEYRUN");
}

TEST_F(IndexRunTest, AnyDamageIsNoticed) {
  const std::string path = std::string(kFolder) + "/" + Write({{1, {a_, 1}}, {2, {b_, 2}}})->name();
  const std::string good = fs_.Content(path);
  for (size_t at = 0; at < good.size(); at += at < 64 || at + 128 > good.size() ? 1 : 997) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 0x10);
    fs_.SetContent(path, bad);
    const auto run = IndexRun::Open(fs_, kFolder, "1.run", files_);
    ASSERT_FALSE(run) << at;
    EXPECT_EQ(run.error().kind(), ErrorKind::kCorrupt);
  }
  for (const size_t size : {size_t{0}, size_t{8}, size_t{71}, good.size() - 1}) {
    fs_.SetContent(path, good.substr(0, size));
    EXPECT_FALSE(IndexRun::Open(fs_, kFolder, "1.run", files_)) << size;
  }
}

TEST(RunSizes, ARowCostsLittleMoreThanTenBytes) {
  FakeFileSystem fs;
  FileSet files;
  const FileId file = files.AddCommitted("file:///lake/a.parquet", 1 << 21, {});
  std::vector<IndexEntry> entries;
  for (uint32_t i = 0; i < 1 << 20; ++i)
    entries.push_back({FingerprintOf({reinterpret_cast<const char*>(&i), sizeof(i)}), {file, i}});
  const auto run = Must(WriteRun(fs, kFolder, "1.run", files, entries));
  EXPECT_LT(static_cast<double>(run->size_bytes()) / static_cast<double>(entries.size()), 10.3);
  for (const IndexEntry& entry : entries) {
    bool found = false;
    run->ForEach(entry.fingerprint, [&](RowLocation at) { found |= at == entry.at; });
    ASSERT_TRUE(found) << entry.at.row;
  }
}

}  // namespace
}  // namespace sluice::merge
