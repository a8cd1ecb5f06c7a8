#include "merge/memory_table.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace sluice::merge {

namespace {
constexpr size_t kSlotsMin = 64;
constexpr size_t kPrefetchAhead = 16;
}  // namespace

void MemoryTable::Insert(const IndexEntry& entry, const FileSet& files) {
  if ((size_ + 1) * 8 > slots_.size() * 7) Resize(std::max(kSlotsMin, slots_.size() * 2));
  for (size_t at = Home(entry.fingerprint);; at = Next(at)) {
    IndexEntry& slot = slots_[at];
    const bool is_free = slot.at.file == kNoFile;
    if (is_free || (slot.fingerprint == entry.fingerprint && !files.IsLive(slot.at))) {
      slot = entry;
      size_ += is_free ? 1 : 0;
      return;
    }
  }
}

void MemoryTable::InsertAll(std::span<const IndexEntry> entries, const FileSet& files) {
  if (size_ == 0 && !entries.empty()) {
    Resize(std::bit_ceil(std::max(kSlotsMin, entries.size() * 8 / 7 + 1)));
  }
  for (size_t i = 0; i < entries.size(); ++i) {
    if (i + kPrefetchAhead < entries.size()) Prefetch(entries[i + kPrefetchAhead].fingerprint);
    Insert(entries[i], files);
  }
}

void MemoryTable::Clear() {
  std::vector<IndexEntry>().swap(slots_);
  size_ = 0;
}

void MemoryTable::Resize(size_t slots) {
  const std::vector<IndexEntry> old = std::exchange(slots_, std::vector<IndexEntry>(slots));
  for (size_t at = 0; at < old.size(); ++at) {
    if (at + kPrefetchAhead < old.size()) Prefetch(old[at + kPrefetchAhead].fingerprint);
    if (old[at].at.file != kNoFile) Place(old[at]);
  }
}

void MemoryTable::Place(const IndexEntry& entry) {
  size_t at = Home(entry.fingerprint);
  while (slots_[at].at.file != kNoFile) at = Next(at);
  slots_[at] = entry;
}

std::vector<IndexEntry> MemoryTable::LiveEntries(const FileSet& files) const {
  std::vector<IndexEntry> out;
  for (const IndexEntry& entry : slots_) {
    if (entry.at.file != kNoFile && files.IsLive(entry.at)) out.push_back(entry);
  }
  return out;
}

}  // namespace sluice::merge
