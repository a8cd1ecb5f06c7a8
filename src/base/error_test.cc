#include "base/error.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

Status Fails() { return MakeError(ErrorKind::kCorrupt, "page {} is torn", 7); }

Result<int> Calls() {
  SLUICE_TRY(Fails(), "reading {}", "a.log");
  return 1;
}

Result<int> Doubles(Result<int> in) {
  SLUICE_LET(const int value, std::move(in), "doubling");
  return value * 2;
}

TEST(Error, CarriesContextOutermostFirst) {
  Result<int> result = Calls();
  ASSERT_FALSE(result);
  result.error().AddContext("starting");
  EXPECT_EQ(result.error().message(), "starting: reading a.log: page 7 is torn");
  EXPECT_EQ(result.error().kind(), ErrorKind::kCorrupt);
}

TEST(Error, LetPassesTheValueOn) {
  EXPECT_EQ(Doubles(21).value(), 42);
  EXPECT_EQ(Doubles(Error(ErrorKind::kStopped, "x")).error().message(), "doubling: x");
}

TEST(Error, CopyKeepsHintAndCode) {
  const Error first = MakeError(ErrorKind::kConfig, "no").WithHint("grant it").WithCode("42501");
  const Error second = first;
  EXPECT_EQ(second.hint(), "grant it");
  EXPECT_EQ(second.code(), "42501");
  EXPECT_EQ(ErrorKindName(second.kind()), "config");
}

TEST(ErrorDeathTest, CheckEndsTheProgramWithTheCondition) {
  EXPECT_DEATH(SLUICE_CHECK(1 == 2, "{} rows", 3), "1 == 2 3 rows");
}

}  // namespace
}  // namespace sluice
