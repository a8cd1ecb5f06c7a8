#include "merge/memory_table.h"

#include <utility>

namespace sluice::merge {

namespace {
constexpr size_t kSlotsMin = 64;
}

void MemoryTable::Insert(const IndexEntry& entry, const FileSet& files) {
  if ((size_ + 1) * 8 > slots_.size() * 7) Grow();
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

void MemoryTable::Clear() {
  std::vector<IndexEntry>().swap(slots_);
  size_ = 0;
}

void MemoryTable::Grow() {
  const std::vector<IndexEntry> old =
      std::exchange(slots_, std::vector<IndexEntry>(std::max(kSlotsMin, slots_.size() * 2)));
  for (const IndexEntry& entry : old) {
    if (entry.at.file != kNoFile) Place(entry);
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
