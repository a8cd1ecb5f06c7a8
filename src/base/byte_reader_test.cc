#include "base/byte_reader.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(ByteReader, ReadsNetworkOrder) {
  ByteReader in(
      std::string_view("\x01\x02\x03\xff\xff\xff\xfe"
                       "ab\0z",
                       11));
  EXPECT_EQ(in.U8(), 1);
  EXPECT_EQ(in.U16(), 0x0203);
  EXPECT_EQ(in.I32(), -2);
  EXPECT_EQ(in.CString(), "ab");
  EXPECT_EQ(in.Bytes(1), "z");
  EXPECT_TRUE(in.done());
}

TEST(ByteReader, StaysFailedPastTheEnd) {
  ByteReader in("abc");
  EXPECT_EQ(in.U64(), 0U);
  EXPECT_FALSE(in.ok());
  EXPECT_EQ(in.U8(), 0);
  EXPECT_EQ(in.CString(), "");
  EXPECT_FALSE(in.done());
}

}  // namespace
}  // namespace sluice
