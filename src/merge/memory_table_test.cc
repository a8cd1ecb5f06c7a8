#include "merge/memory_table.h"

#include <gtest/gtest.h>

#include <set>

#include "merge/key_encoding.h"

namespace sluice::merge {
namespace {

std::vector<IndexEntry> Entries(FileId file, uint32_t count) {
  std::vector<IndexEntry> out;
  for (uint32_t row = 0; row < count; ++row) {
    out.push_back({FingerprintOf(std::to_string(row)), {file, row}});
  }
  return out;
}

std::set<uint32_t> RowsOf(const MemoryTable& table, Fingerprint fingerprint) {
  std::set<uint32_t> out;
  table.ForEach(fingerprint, [&](RowLocation at) { out.insert(at.row); });
  return out;
}

TEST(MemoryTable, ManyAtOnceAreThoseOneByOne) {
  FileSet files;
  const FileId file = files.AddStaged("f");
  files.SetRecordCount(file, 2000);
  const std::vector<IndexEntry> entries = Entries(file, 2000);
  const std::span<const IndexEntry> all(entries);
  MemoryTable one_by_one;
  for (const IndexEntry& entry : entries) one_by_one.Insert(entry, files);
  for (const size_t first : {size_t{0}, size_t{1}, size_t{1000}, entries.size()}) {
    MemoryTable table;
    table.InsertAll(all.first(first), files);
    table.InsertAll(all.subspan(first), files);
    EXPECT_EQ(table.size(), one_by_one.size());
    EXPECT_EQ(table.LiveEntries(files).size(), entries.size());
    for (const IndexEntry& entry : entries) {
      EXPECT_EQ(RowsOf(table, entry.fingerprint), std::set<uint32_t>{entry.at.row});
    }
  }
}

// What a window publishes comes in the order of the staged table's slots.
TEST(MemoryTable, TakesTheEntriesOfAnotherTableInItsOrder) {
  FileSet files;
  const FileId file = files.AddStaged("f");
  files.SetRecordCount(file, 1 << 16);
  MemoryTable staged(MemoryTable::kOtherHash);
  staged.InsertAll(Entries(file, 1 << 16), files);
  MemoryTable recent;
  recent.InsertAll(staged.LiveEntries(files), files);
  EXPECT_EQ(recent.size(), staged.size());
  EXPECT_EQ(recent.memory_bytes(), staged.memory_bytes());
}

TEST(MemoryTable, ADeadRowGivesItsSlotToTheNextOfItsKey) {
  FileSet files;
  const FileId file = files.AddStaged("f");
  files.SetRecordCount(file, 100);
  MemoryTable table;
  for (uint32_t row = 0; row < 100; ++row) {
    if (row > 0) files.Delete({file, row - 1});
    table.InsertAll(std::vector<IndexEntry>{{FingerprintOf("hot"), {file, row}}}, files);
  }
  EXPECT_EQ(table.size(), 1u);
  EXPECT_EQ(RowsOf(table, FingerprintOf("hot")), std::set<uint32_t>{99});
}

}  // namespace
}  // namespace sluice::merge
