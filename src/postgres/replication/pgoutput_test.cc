#include "postgres/replication/pgoutput.h"

#include <gtest/gtest.h>

#include "postgres/replication/testing/pgoutput_encoder.h"

namespace sluice::postgres {
namespace {

std::string FromHex(std::string_view hex) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  std::string out;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    out += static_cast<char>(digit(hex[i]) << 4 | digit(hex[i + 1]));
  }
  return out;
}

// `bytes` outlives the message.
PgoutputMessage Parse(const std::string& bytes, bool in_stream = false) {
  PgoutputMessage out;
  const Status parsed = ParsePgoutput(bytes, in_stream, out);
  EXPECT_TRUE(parsed) << (parsed ? "" : parsed.error().message());
  return out;
}

// The golden bytes below were written by Postgres 15.20
// (pg_logical_slot_get_binary_changes, proto_version 2, binary true).

TEST(Pgoutput, ReadsBeginAndCommitAsPostgresWritesThem) {
  const std::string begin = FromHex("42000000000154b9c8000303e0ea7fcbfa000002dc");
  const PgoutputMessage b = Parse(begin);
  EXPECT_EQ(b.type, MessageType::kBegin);
  EXPECT_EQ(ToString(b.commit_lsn), "0/154B9C8");
  EXPECT_EQ(b.xid, 0x2dcu);
  EXPECT_EQ(b.commit_time_us, 946'684'800'000'000 + 0x000303e0ea7fcbfa);

  const std::string commit = FromHex("4300000000000154b9c8000000000154b9f8000303e0ea7fcbfa");
  const PgoutputMessage c = Parse(commit);
  EXPECT_EQ(c.type, MessageType::kCommit);
  EXPECT_EQ(ToString(c.commit_lsn), "0/154B9C8");
  EXPECT_EQ(ToString(c.end_lsn), "0/154B9F8");
  EXPECT_EQ(c.commit_time_us, b.commit_time_us);
}

TEST(Pgoutput, ReadsARelationAsPostgresWritesIt) {
  const std::string bytes = FromHex(
      "52000040037075626c69630074006400030169640000000017ffffffff006e6f74650000000019ffffffff006d00"
      "00004001ffffffff");
  const RelationMessage relation = Parse(bytes).relation;
  const RelationMessage expected{
      0x4003,
      "public",
      "t",
      'd',
      {{true, "id", 23, -1}, {false, "note", 25, -1}, {false, "m", 0x4001, -1}}};
  EXPECT_EQ(relation, expected);
  EXPECT_EQ(testing::EncodeRelation(expected), bytes);
}

TEST(Pgoutput, ReadsRowsAsPostgresWritesThem) {
  const std::string insert = FromHex("49000040034e00036200000004000000026e6e");
  const PgoutputMessage i = Parse(insert);
  EXPECT_EQ(i.relation_oid, 0x4003u);
  ASSERT_EQ(i.new_row.size(), 3u);
  EXPECT_EQ(i.new_row[0].form, 'b');
  EXPECT_EQ(i.new_row[0].bytes, std::string_view("\0\0\0\2", 4));
  EXPECT_EQ(i.new_row[1].form, 'n');

  const std::string update =
      FromHex("55000040034b00036200000004000000026e6e4e00036200000004000000036e6e");
  const PgoutputMessage u = Parse(update);
  EXPECT_EQ(u.old_form, 'K');
  EXPECT_EQ(u.old_row[0].bytes, std::string_view("\0\0\0\2", 4));
  EXPECT_EQ(u.new_row[0].bytes, std::string_view("\0\0\0\3", 4));

  const std::string removal = FromHex("44000040034b00036200000004000000016e6e");
  const PgoutputMessage d = Parse(removal);
  EXPECT_EQ(d.old_form, 'K');
  EXPECT_EQ(d.old_row[0].bytes, std::string_view("\0\0\0\1", 4));
}

TEST(Pgoutput, ReadsTruncateTypeAndLogicalMessageAsPostgresWritesThem) {
  const std::string truncate = FromHex("54000000010100004003");
  EXPECT_EQ(Parse(truncate).truncated, std::vector<uint32_t>{0x4003});
  const std::string type = FromHex("59000040017075626c6963006d6f6f6400");
  EXPECT_EQ(Parse(type).type, MessageType::kType);
  const std::string message = FromHex("4d01000000000154e4f87078000000000568656c6c6f");
  EXPECT_EQ(Parse(message).type, MessageType::kLogicalMessage);
}

TEST(Pgoutput, ReadsStreamBlocksAsPostgresWritesThem) {
  const std::string start = FromHex("53000002e401");
  EXPECT_EQ(Parse(start).xid, 0x2e4u);
  const std::string insert =
      FromHex("49000002e6000040034e00036200000004000013886200000003656e646e");
  EXPECT_EQ(PeekSubxid(insert), 0x2e6u);
  const PgoutputMessage i = Parse(insert, true);
  EXPECT_EQ(i.xid, 0x2e6u);
  EXPECT_EQ(i.relation_oid, 0x4003u);
  EXPECT_EQ(i.new_row[1].bytes, "end");
  const std::string abort = FromHex("41000002e4000002e5");
  const PgoutputMessage a = Parse(abort);
  EXPECT_EQ(a.xid, 0x2e4u);
  EXPECT_EQ(a.subxid, 0x2e5u);
  const std::string commit =
      FromHex("63000002e40000000000015af50000000000015af538000303e0ea7fe79c");
  const PgoutputMessage c = Parse(commit);
  EXPECT_EQ(c.xid, 0x2e4u);
  EXPECT_EQ(ToString(c.commit_lsn), "0/15AF500");
  EXPECT_EQ(ToString(c.end_lsn), "0/15AF538");
  const std::string stop = FromHex("45");
  EXPECT_EQ(Parse(stop).type, MessageType::kStreamStop);
}

TEST(Pgoutput, RejectsUnknownMessages) {
  PgoutputMessage out;
  for (const char* bytes : {"", "Z", "b", "P", "\x80"}) {
    const Status parsed = ParsePgoutput(bytes, false, out);
    ASSERT_FALSE(parsed) << bytes;
    EXPECT_EQ(parsed.error().kind(), ErrorKind::kCorrupt);
  }
}

// Every way a message can be cut, and one byte too many.
TEST(Pgoutput, RejectsEveryTruncationOfEveryMessage) {
  const RelationMessage relation{7, "s", "t", 'd', {{true, "id", 23, -1}}};
  const testing::WireRow row = {testing::WireValue::Int4(1)};
  const std::vector<std::string> messages = {testing::EncodeBegin(Lsn{1}, 2, 3),
                                             testing::EncodeCommit(Lsn{1}, Lsn{2}, 3),
                                             testing::EncodeOrigin(Lsn{1}, "o"),
                                             testing::EncodeRelation(relation),
                                             testing::EncodeType(9, "s", "mood"),
                                             testing::EncodeInsert(7, row),
                                             testing::EncodeUpdate(7, 'K', row, row),
                                             testing::EncodeDelete(7, 'O', row),
                                             testing::EncodeTruncate({7, 8}),
                                             testing::EncodeLogicalMessage(true, Lsn{1}, "p", "c"),
                                             testing::EncodeStreamStart(3, true),
                                             testing::EncodeStreamStop(),
                                             testing::EncodeStreamCommit(3, Lsn{1}, Lsn{2}, 3),
                                             testing::EncodeStreamAbort(3, 4)};
  PgoutputMessage out;
  for (const std::string& message : messages) {
    EXPECT_TRUE(ParsePgoutput(message, false, out)) << message[0];
    EXPECT_FALSE(ParsePgoutput(message + '\0', false, out)) << message[0];
    for (size_t size = 0; size < message.size(); ++size) {
      EXPECT_FALSE(ParsePgoutput(message.substr(0, size), false, out)) << message[0] << size;
    }
  }
}

TEST(Pgoutput, RejectsForeignTupleAndRowForms) {
  PgoutputMessage out;
  std::string insert = testing::EncodeInsert(7, {testing::WireValue::Null()});
  insert.back() = 'x';
  EXPECT_FALSE(ParsePgoutput(insert, false, out));
  EXPECT_FALSE(ParsePgoutput(testing::EncodeDelete(7, 'N', {}), false, out));
  EXPECT_FALSE(ParsePgoutput(testing::EncodeUpdate(7, 'Q', {}, {}), false, out));
}

}  // namespace
}  // namespace sluice::postgres
