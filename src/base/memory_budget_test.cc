#include "base/memory_budget.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(MemoryBudget, RefusesWhatDoesNotFitAndTakesNothing) {
  MemoryBudget budget(800);
  EXPECT_EQ(budget.limit(MemoryShare::kMerge), 300U);
  EXPECT_TRUE(budget.TryReserve(MemoryShare::kMerge, 200));
  EXPECT_FALSE(budget.TryReserve(MemoryShare::kMerge, 101));
  EXPECT_EQ(budget.used(MemoryShare::kMerge), 200U);
  EXPECT_TRUE(budget.TryReserve(MemoryShare::kCapture, 100));
  budget.Release(MemoryShare::kMerge, 200);
  EXPECT_TRUE(budget.TryReserve(MemoryShare::kMerge, 300));
}

TEST(MemoryBudget, SharesAddUpToTheTotal) {
  const MemoryBudget budget(1 << 20);
  uint64_t sum = 0;
  for (uint8_t i = 0; i < static_cast<uint8_t>(MemoryShare::kCount); ++i) {
    sum += budget.limit(static_cast<MemoryShare>(i));
  }
  EXPECT_EQ(sum, budget.total_bytes());
}

}  // namespace
}  // namespace sluice
