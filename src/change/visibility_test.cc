#include "change/visibility.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(SnapshotVisibility, DecidesByTopTransaction) {
  const SnapshotVisibility snapshot = ParseSnapshot("10:20:14,12").value();
  EXPECT_TRUE(snapshot.Sees(9));
  EXPECT_TRUE(snapshot.Sees(10));
  EXPECT_FALSE(snapshot.Sees(12));
  EXPECT_TRUE(snapshot.Sees(13));
  EXPECT_FALSE(snapshot.Sees(14));
  EXPECT_FALSE(snapshot.Sees(20));
  EXPECT_FALSE(snapshot.Sees(21));
}

TEST(SnapshotVisibility, ReadsAnEmptyList) {
  const SnapshotVisibility snapshot = ParseSnapshot("748:748:").value();
  EXPECT_TRUE(snapshot.in_progress.empty());
  EXPECT_TRUE(snapshot.Sees(747));
  EXPECT_FALSE(snapshot.Sees(748));
}

// The newest commit may be at xmax, in nobody's list, while others do not see it.
TEST(SnapshotVisibility, ComparesWithAnother) {
  const auto sees_all = [](const char* now, const char* other) {
    return ParseSnapshot(now).value().SeesAllOf(ParseSnapshot(other).value());
  };
  EXPECT_TRUE(sees_all("10:20:12,14", "10:20:12,14"));
  EXPECT_TRUE(sees_all("30:30:", "10:20:12,14"));
  EXPECT_TRUE(sees_all("12:20:12", "10:20:12,14"));
  EXPECT_FALSE(sees_all("12:20:12,14", "10:20:14"));
  EXPECT_FALSE(sees_all("20:20:", "20:21:"));
  EXPECT_TRUE(sees_all("20:20:", "20:21:20"));
}

TEST(SnapshotVisibility, RejectsAnythingElse) {
  for (const char* text : {"", "1", "1:", "a:2:", "1:2:x", "1:2:3,,4"}) {
    EXPECT_FALSE(ParseSnapshot(text)) << text;
  }
}

TEST(SnapshotVisibility, WidensToTheNearestEpoch) {
  constexpr uint64_t kEpoch = uint64_t{1} << 32;
  EXPECT_EQ(WidenXid(5, 7), 5U);
  EXPECT_EQ(WidenXid(3, kEpoch - 2), kEpoch + 3);
  EXPECT_EQ(WidenXid(0xFFFFFFF0, kEpoch + 5), 0xFFFFFFF0U);
  EXPECT_EQ(WidenXid(5, 3 * kEpoch + 9), 3 * kEpoch + 5);
  EXPECT_EQ(WidenXid(0xFFFFFFF0, 5), 0xFFFFFFF0U);
}

}  // namespace
}  // namespace sluice
