#include "bus/embedded/segment_format.h"

#include <gtest/gtest.h>

namespace sluice::bus {
namespace {

SegmentHeader Header() {
  return {.base = {.lsn = {0x16B374D848}, .time_us = -1},
          .created_us = 1'700'000'000'000'000,
          .partition = 3,
          .source_identity = "7312/16384/sluice_shop"};
}

std::string Bytes(std::initializer_list<int> bytes) {
  std::string out;
  for (const int byte : bytes) out += static_cast<char>(byte);
  return out;
}

// docs/formats/segment.md, written out by hand.
TEST(SegmentFormat, TheHeaderIsAsThePageSays) {
  const std::string bytes = EncodeHeader(Header());
  EXPECT_EQ(bytes.size(), 48 + 24 + 8U);
  EXPECT_EQ(bytes.substr(0, 8), "SLUICEBS");
  EXPECT_EQ(bytes.substr(8, 8), Bytes({1, 0, 0, 0, 80, 0, 0, 0}));
  EXPECT_EQ(bytes.substr(16, 8), Bytes({0x48, 0xD8, 0x74, 0xB3, 0x16, 0, 0, 0}));
  EXPECT_EQ(bytes.substr(24, 8), std::string(8, '\xFF'));
  EXPECT_EQ(bytes.substr(40, 8), Bytes({3, 0, 0, 0, 22, 0, 0, 0}));
  EXPECT_EQ(bytes.substr(48, 24), std::string("7312/16384/sluice_shop") + std::string(2, '\0'));
}

TEST(SegmentFormat, TheHeaderComesBack) {
  const auto header = ParseHeader(EncodeHeader(Header()));
  ASSERT_TRUE(header) << header.error().message();
  EXPECT_EQ(header->base, Header().base);
  EXPECT_EQ(header->created_us, Header().created_us);
  EXPECT_EQ(header->partition, Header().partition);
  EXPECT_EQ(header->source_identity, Header().source_identity);
}

TEST(SegmentFormat, AnyChangeOfTheHeaderIsSeen) {
  const std::string bytes = EncodeHeader(Header());
  for (size_t at = 0; at < bytes.size(); ++at) {
    std::string changed = bytes;
    changed[at] = static_cast<char>(changed[at] ^ 4);
    EXPECT_FALSE(ParseHeader(changed)) << at;
    EXPECT_FALSE(ParseHeader(bytes.substr(0, at))) << at;
  }
}

TEST(SegmentFormat, ARecordIsValidInItsPlaceOnly) {
  RecordHead head;
  head.kind = RecordKind::kBatch;
  head.lsn = {77};
  const std::string bytes = EncodeHead(head, "prelude", "body", Lsn{5}, 80);
  EXPECT_EQ(bytes.size(), 40 + 8U);
  EXPECT_EQ(bytes.substr(0, 16), std::string("SLR1") + Bytes({1, 0, 0, 0, 7, 0, 0, 0, 4, 0, 0, 0}));
  const auto parsed = ParseHead(bytes);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->lsn, Lsn{77});
  EXPECT_EQ(parsed->size(), 40 + 8 + 8U);
  EXPECT_EQ(parsed->body_checksum, BodyChecksum("body"));
  EXPECT_TRUE(HeadIsValid(bytes.substr(0, 40), "prelude", Lsn{5}, 80));
  EXPECT_FALSE(HeadIsValid(bytes.substr(0, 40), "prelude", Lsn{5}, 88));
  EXPECT_FALSE(HeadIsValid(bytes.substr(0, 40), "prelude", Lsn{6}, 80));
  EXPECT_FALSE(HeadIsValid(bytes.substr(0, 40), "preludE", Lsn{5}, 80));
}

TEST(SegmentFormat, ChecksumsAreXxh3) {
  // XXH3_64bits of nothing, as the xxHash specification lists it.
  EXPECT_EQ(BodyChecksum(""), 0x2D06800538D394C2ULL);
}

}  // namespace
}  // namespace sluice::bus
