#include "base/fault_point.h"

#include <gtest/gtest.h>

#include <set>

namespace sluice {
namespace {

using FaultPointDeathTest = ::testing::Test;

TEST(FaultPointDeathTest, EndsTheProcessAtTheTimeAskedFor) {
  const auto twice = [] {
    ASSERT_TRUE(ArmFaultPoint("bus.cut_synced:2"));
    ReachFaultPoint("bus.cut_written");
    ReachFaultPoint("bus.cut_synced");
    std::fputs("once", stderr);
    ReachFaultPoint("bus.cut_synced");
    std::fputs("never", stderr);
  };
  EXPECT_EXIT(twice(), ::testing::KilledBySignal(SIGKILL), "once$|once.*cut_synced is reached");
}

TEST(FaultPoint, IsInertUntilArmed) {
  for (int i = 0; i < 3; ++i) ReachFaultPoint("commit.committed");
}

TEST(FaultPoint, AnUnknownNameOrNumberIsRefused) {
  for (const char* wanted : {"bus", "bus.cut_synced:0", "bus.cut_synced:", "bus.cut_synced:x",
                             "bus.cut_synced:1x", ":1", "bus.cut_synced:-1"}) {
    const Status armed = ArmFaultPoint(wanted);
    ASSERT_FALSE(armed) << wanted;
    EXPECT_EQ(armed.error().kind(), ErrorKind::kConfig) << wanted;
  }
  EXPECT_TRUE(ArmFaultPoint(""));
}

TEST(FaultPoint, NamesAreDifferent) {
  EXPECT_EQ(std::set(kFaultPoints.begin(), kFaultPoints.end()).size(), kFaultPoints.size());
}

}  // namespace
}  // namespace sluice
