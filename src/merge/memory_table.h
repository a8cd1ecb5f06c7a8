// Fingerprint -> locations in memory: open addressing, 16 bytes a slot, several entries for one
// fingerprint side by side. Entries are only added; one whose row is dead gives its slot to the
// next entry of the same fingerprint, so that a hot key does not grow it.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "merge/file_set.h"
#include "merge/key_index.h"

namespace sluice::merge {

class MemoryTable {
 public:
  // Odd. Where entries of one table go to another one, the two need different ones: in the order of
  // the same hash they would fill a table that grows from one end, and every insert walk past all.
  static constexpr uint64_t kHash = 0x9E3779B97F4A7C15U;
  static constexpr uint64_t kOtherHash = 0xD6E8FEB86659FD93U;
  explicit MemoryTable(uint64_t hash = kHash) : hash_(hash) {}

  // An entry may take the place of one that is dead, so the death must be final: of a published
  // table not while the FileSet holds staged deletes of committed rows.
  void Insert(const IndexEntry& entry, const FileSet& files);
  // The same for many: the memory of each is asked for before its turn, and an empty table gets its
  // size at once.
  void InsertAll(std::span<const IndexEntry> entries, const FileSet& files);
  void Clear();

  void Prefetch(Fingerprint fingerprint) const {
    if (!slots_.empty()) __builtin_prefetch(&slots_[Home(fingerprint)]);
  }
  template <typename Take>
  void ForEach(Fingerprint fingerprint, Take take) const {
    if (slots_.empty()) return;
    for (size_t at = Home(fingerprint); slots_[at].at.file != kNoFile; at = Next(at)) {
      if (slots_[at].fingerprint == fingerprint) take(slots_[at].at);
    }
  }
  // Those that are alive, in no order.
  std::vector<IndexEntry> LiveEntries(const FileSet& files) const;

  size_t size() const { return size_; }
  uint64_t memory_bytes() const { return slots_.capacity() * sizeof(IndexEntry); }

 private:
  static constexpr FileId kNoFile{};  // FileSet numbers from 1
  static_assert(sizeof(IndexEntry) == 16);

  size_t Home(Fingerprint fingerprint) const {
    // Fingerprints are hashes already, but a test may leave few of their high bits.
    return static_cast<size_t>((fingerprint * hash_) >> 20) & (slots_.size() - 1);
  }
  size_t Next(size_t at) const { return (at + 1) & (slots_.size() - 1); }
  void Place(const IndexEntry& entry);
  void Resize(size_t slots);

  uint64_t hash_;
  std::vector<IndexEntry> slots_;
  size_t size_ = 0;
};

}  // namespace sluice::merge
