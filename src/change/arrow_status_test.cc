#include "change/arrow_status.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(ArrowStatus, OurErrorComesBackAsItWent) {
  const Error error =
      MakeError(ErrorKind::kExhausted, "disk is full").WithCode("ENOSPC").WithHint("make room");
  const arrow::Status through = ToArrow(error);
  EXPECT_TRUE(through.IsIOError());
  const Error back = FromArrow(through.WithMessage("writing a page: ", through.message()));
  EXPECT_EQ(back.kind(), ErrorKind::kExhausted);
  EXPECT_EQ(back.code(), "ENOSPC");
  EXPECT_EQ(back.hint(), "make room");
}

TEST(ArrowStatus, ArrowsCodesBecomeDecisions) {
  EXPECT_EQ(FromArrow(arrow::Status::OutOfMemory("x")).kind(), ErrorKind::kExhausted);
  EXPECT_EQ(FromArrow(arrow::Status::IOError("x")).kind(), ErrorKind::kUnavailable);
  EXPECT_EQ(FromArrow(arrow::Status::Invalid("x")).kind(), ErrorKind::kCorrupt);
  EXPECT_EQ(FromArrow(arrow::Status::TypeError("x")).kind(), ErrorKind::kInternal);
}

}  // namespace
}  // namespace sluice
