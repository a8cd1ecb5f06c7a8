// One budget for the process' large allocations, its shares named. A stage reserves before it
// grows and gives back when it lets go; a reservation that does not fit is refused, and the stage
// flushes, spills or waits. Thread-safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

namespace sluice {

enum class MemoryShare : uint8_t { kCapture, kCopy, kMerge, kIndex, kCount };

class MemoryBudget {
 public:
  // Shares: capture 1/8, copy 3/8, merge 3/8, index 1/8 of `total_bytes`.
  explicit MemoryBudget(uint64_t total_bytes);

  uint64_t total_bytes() const { return total_bytes_; }
  uint64_t limit(MemoryShare share) const;
  uint64_t used(MemoryShare share) const;

  // False when the share has no room; nothing is taken then.
  bool TryReserve(MemoryShare share, uint64_t bytes);
  void Release(MemoryShare share, uint64_t bytes);

 private:
  uint64_t total_bytes_;
  std::atomic<uint64_t> used_[static_cast<size_t>(MemoryShare::kCount)] = {};
};

}  // namespace sluice
