#include "bus/embedded/retention.h"

#include <gtest/gtest.h>

#include <vector>

namespace sluice::bus {
namespace {

const std::vector<ClosedSegment> kSegments = {{.end = {10}, .closed_us = 100, .bytes = 20},
                                              {.end = {20}, .closed_us = 200, .bytes = 20},
                                              {.end = {30}, .closed_us = 300, .bytes = 20}};

TEST(Retention, OldSegmentsGo) {
  const RetentionLimits limits{.now_us = 1250, .retention_us = 1000, .bytes_max = 1000};
  EXPECT_EQ(SegmentsToRemove(kSegments, 80, limits, Lsn{100}), 2U);
}

TEST(Retention, TheNewestStaysWhateverItsAge) {
  RetentionLimits limits{.now_us = 9999, .retention_us = 1000, .bytes_max = 1000};
  EXPECT_EQ(SegmentsToRemove(kSegments, 80, limits, Lsn{100}), 2U);
  limits.bytes_max = 40;
  EXPECT_EQ(SegmentsToRemove(kSegments, 80, limits, Lsn{100}), 3U) << "but for room";
}

TEST(Retention, WhatIsPinnedStaysWhateverItsAge) {
  const RetentionLimits limits{.now_us = 9999, .retention_us = 1000, .bytes_max = 50};
  EXPECT_EQ(SegmentsToRemove(kSegments, 80, limits, Lsn{9}), 0U);
  EXPECT_EQ(SegmentsToRemove(kSegments, 80, limits, Lsn{29}), 2U);
}

TEST(Retention, YoungSegmentsGoWhenTheBusIsNearlyFull) {
  RetentionLimits limits{.now_us = 400, .retention_us = 1000, .bytes_max = 100};
  EXPECT_EQ(SegmentsToRemove(kSegments, 80, limits, Lsn{100}), 0U) << "exactly 80 % is not above";
  EXPECT_EQ(SegmentsToRemove(kSegments, 81, limits, Lsn{100}), 1U) << "as few as bring it below";
  limits.bytes_max = 60;
  EXPECT_EQ(SegmentsToRemove(kSegments, 81, limits, Lsn{100}), 2U);
}

TEST(Retention, AClockThatWentBackRemovesNothing) {
  const RetentionLimits limits{.now_us = 0, .retention_us = 1000, .bytes_max = 1000};
  EXPECT_EQ(SegmentsToRemove(kSegments, 80, limits, Lsn{100}), 0U);
}

}  // namespace
}  // namespace sluice::bus
