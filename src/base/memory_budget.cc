#include "base/memory_budget.h"

#include "base/error.h"

namespace sluice {

namespace {
size_t Index(MemoryShare share) { return static_cast<size_t>(share); }
}  // namespace

MemoryBudget::MemoryBudget(uint64_t total_bytes) : total_bytes_(total_bytes) {}

uint64_t MemoryBudget::limit(MemoryShare share) const {
  const bool large = share == MemoryShare::kCopy || share == MemoryShare::kMerge;
  return total_bytes_ / 8 * (large ? 3 : 1);
}

uint64_t MemoryBudget::used(MemoryShare share) const { return used_[Index(share)]; }

bool MemoryBudget::TryReserve(MemoryShare share, uint64_t bytes) {
  std::atomic<uint64_t>& used = used_[Index(share)];
  uint64_t before = used.load();
  do {
    if (before + bytes > limit(share)) return false;
  } while (!used.compare_exchange_weak(before, before + bytes));
  return true;
}

void MemoryBudget::Release(MemoryShare share, uint64_t bytes) {
  const uint64_t before = used_[Index(share)].fetch_sub(bytes);
  SLUICE_CHECK(before >= bytes, "released {} of {} reserved bytes", bytes, before);
}

}  // namespace sluice
