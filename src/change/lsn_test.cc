#include "change/lsn.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(Lsn, ReadsAndWritesPostgresText) {
  EXPECT_EQ(ParseLsn("16/B374D848").value().value, 0x16B374D848U);
  EXPECT_EQ(ToString(Lsn{0x16B374D848}), "16/B374D848");
  EXPECT_EQ(ToString(Lsn{0}), "0/0");
  EXPECT_EQ(ParseLsn("FFFFFFFF/FFFFFFFF").value().value, UINT64_MAX);
}

// Every way the text can be cut or padded on its way through a file.
TEST(Lsn, RejectsAnythingElse) {
  for (const char* text : {"", "/", "16", "16/", "/1", "16/X", " 16/1", "16/1\n", "1/123456789"}) {
    const auto lsn = ParseLsn(text);
    ASSERT_FALSE(lsn) << text;
    EXPECT_EQ(lsn.error().kind(), ErrorKind::kCorrupt) << text;
  }
}

}  // namespace
}  // namespace sluice
