#include "iceberg/avro/container.h"

#include <gtest/gtest.h>

#include <random>

#include "iceberg/avro/deflate.h"

namespace sluice::iceberg::avro {
namespace {

constexpr const char* kSchema =
    R"({"type":"record","name":"r","fields":[{"name":"id","type":"long","field-id":1},)"
    R"({"name":"text","type":["null","string"],"default":null,"field-id":2},)"
    R"({"name":"list","type":{"type":"array","items":"int","element-id":4},"field-id":3}]})";

// A header of `schema` and `codec`, then one block of `records`: bytes no writer of ours makes.
std::string File(std::string_view schema, std::string_view codec, int64_t count,
                 std::string_view records) {
  std::string out("Obj\1", 4);
  Encoder to(out);
  to.WriteArrayStart(2);
  to.WriteBytes("avro.schema");
  to.WriteBytes(schema);
  to.WriteBytes("avro.codec");
  to.WriteBytes(codec);
  to.WriteArrayEnd();
  out += std::string(16, 's');
  to.WriteLong(count);
  to.WriteBytes(records);
  return out + std::string(16, 's');
}

Result<int> CountRecords(std::string_view file) {
  SLUICE_LET(auto reader, ContainerReader::Open(file));
  int count = 0;
  SLUICE_TRY(reader.ForEach([&](Decoder& in) {
    in.Skip(reader.schema());
    ++count;
    return in.status();
  }));
  return count;
}

TEST(Encoder, WritesTheExamplesOfTheSpecification) {
  const auto bytes = [](int64_t value) {
    std::string out;
    Encoder(out).WriteLong(value);
    return out;
  };
  EXPECT_EQ(bytes(0), std::string(1, '\0'));
  EXPECT_EQ(bytes(-1), "\x01");
  EXPECT_EQ(bytes(1), "\x02");
  EXPECT_EQ(bytes(-64), "\x7f");
  EXPECT_EQ(bytes(64), "\x80\x01");
  std::string foo;
  Encoder(foo).WriteBytes("foo");
  EXPECT_EQ(foo,
            "\x06"
            "foo");
  for (const int64_t value : {INT64_MIN, INT64_MAX, int64_t{-65}, int64_t{1} << 40}) {
    const std::string text = bytes(value);
    Decoder in(text);
    EXPECT_EQ(in.RawLong(), value);
    EXPECT_EQ(in.remaining(), 0U);
  }
}

TEST(Container, RecordsOfSeveralBlocksComeBackInOrder) {
  constexpr int64_t kRecords = 20'000;
  ContainerWriter writer(kSchema, {{"content", "data"}});
  Encoder& out = writer.encoder();
  for (int64_t i = 0; i < kRecords; ++i) {
    out.WriteLong(i);
    out.WriteUnionIndex(i % 2 == 0 ? 0 : 1);
    if (i % 2 == 1) out.WriteBytes("text " + std::to_string(i));
    out.WriteArrayStart(static_cast<size_t>(i % 3));
    for (int64_t j = 0; j < i % 3; ++j) out.WriteLong(j);
    out.WriteArrayEnd();
    ASSERT_TRUE(writer.EndRecord());
  }
  const std::string file = writer.Finish().value();
  auto reader = ContainerReader::Open(file).value();
  EXPECT_EQ(reader.metadata().at("content"), "data");
  EXPECT_EQ(reader.metadata().at("avro.schema"), kSchema) << "verbatim";
  int64_t next = 0;
  const Status status = reader.ForEach([&](Decoder& in) {
    int64_t id = -1;
    std::string text;
    int64_t items = 0;
    in.Record(reader.schema(), [&](int field, const Type& type) {
      if (field == 1) id = in.Long(type);
      if (field == 2) text = in.Bytes(type);
      if (field == 3) in.Array(type, [&](const Type& item) { EXPECT_EQ(in.Int(item), items++); });
      return true;
    });
    EXPECT_EQ(id, next);
    EXPECT_EQ(text, next % 2 == 0 ? "" : "text " + std::to_string(next));
    EXPECT_EQ(items, next % 3);
    ++next;
    return in.status();
  });
  ASSERT_TRUE(status) << status.error().message();
  EXPECT_EQ(next, kRecords);
  EXPECT_EQ(CountRecords(file).value(), kRecords) << "skipping finds the same ends";
}

TEST(Container, TheSameInputGivesTheSameBytes) {
  const auto make = [] {
    ContainerWriter writer(R"("long")", {});
    writer.encoder().WriteLong(1);
    EXPECT_TRUE(writer.EndRecord());
    return writer.Finish().value();
  };
  EXPECT_EQ(make(), make());
}

TEST(Container, AFileWithoutRecordsIsOne) {
  const std::string file = ContainerWriter(kSchema, {}).Finish().value();
  EXPECT_EQ(CountRecords(file).value(), 0);
}

TEST(Container, ReadsUncompressedBlocksAndNamesAnUnknownCodec) {
  EXPECT_EQ(CountRecords(File(R"("long")", "null", 2, "\x02\x04")).value(), 2);
  const auto snappy = CountRecords(File(R"("long")", "snappy", 2, "\x02\x04"));
  ASSERT_FALSE(snappy);
  EXPECT_EQ(snappy.error().kind(), ErrorKind::kUnsupported);
  EXPECT_NE(snappy.error().message().find("'snappy'"), std::string::npos);
}

// Each claims more than its bytes can hold, or would keep a trusting reader busy for ever.
TEST(Container, RefusesBytesThatClaimTooMuch) {
  const std::string huge = "\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01";   // INT64_MAX
  const std::string least = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01";  // INT64_MIN
  const std::string array = R"({"type":"array","items":)";
  std::string doubling = R"({"type":"record","name":"r0","fields":[]})";
  for (int i = 1; i < 25; ++i) {
    doubling = R"({"type":"record","name":"r)" + std::to_string(i) +
               R"(","fields":[{"name":"a","type":)" + doubling + R"(},{"name":"b","type":"r)" +
               std::to_string(i - 1) + R"("}]})";
  }
  const std::string circle = R"({"type":"record","name":"r","fields":[{"name":"a","type":"r"}]})";
  const struct {
    const char* what;
    std::string file;
  } kCases[] = {
      {"records of no size", File(R"("null")", "null", INT64_MAX, "")},
      {"more records than bytes", File(R"("long")", "null", 3, "\x02\x04")},
      {"fewer records than bytes", File(R"("long")", "null", 1, "\x02\x04")},
      {"a negative count of records", File(R"("long")", "null", -1, "\x02")},
      {"a string without end", File(R"("string")", "null", 1, huge)},
      {"a string of negative length", File(R"("string")", "null", 1, "\x01")},
      {"an array of very many nulls", File(array + R"("null"})", "null", 1, huge)},
      {"a negative count without opposite", File(array + R"("int"})", "null", 1, least)},
      {"a block to skip past the end", File(array + R"("int"})", "null", 1, "\x01" + huge)},
      {"an integer of eleven bytes", File(R"("long")", "null", 1, std::string(11, '\xff'))},
      {"a union without that branch", File(R"(["null"])", "null", 1, "\x02")},
      {"a record in itself", File(circle, "null", 1, "x")},
      {"records of records of nothing", File(doubling, "null", 1, "x")},
      {"bytes that are not deflate", File(R"("long")", "deflate", 1, "\xff\xff")},
  };
  for (const auto& [what, file] : kCases) {
    const auto count = CountRecords(file);
    ASSERT_FALSE(count) << what;
    EXPECT_EQ(count.error().kind(), ErrorKind::kCorrupt) << what;
  }
}

TEST(Container, AnyCutAndAnyFlippedByteEndsInAnError) {
  ContainerWriter writer(kSchema, {{"content", "data"}});
  for (int i = 0; i < 20; ++i) {
    writer.encoder().WriteLong(i);
    writer.encoder().WriteUnionIndex(0);
    writer.encoder().WriteArrayEnd();
    ASSERT_TRUE(writer.EndRecord());
  }
  const std::string file = writer.Finish().value();
  for (size_t size = 0; size < file.size(); ++size) {
    EXPECT_FALSE(CountRecords(std::string_view(file).substr(0, size))) << "cut at " << size;
  }
  // But for those that hide that there is a checksum.
  const size_t key = file.find("sluice.sync") - 1;
  const size_t key_end = key + 1 + 11 + 1 + 8;
  for (size_t bit = 0; bit < file.size() * 8; ++bit) {
    std::string flipped = file;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    const auto count = CountRecords(flipped);
    if (bit / 8 >= key && bit / 8 < key_end) {
      EXPECT_EQ(count.value_or(20), 20) << "bit " << bit;
    } else {
      EXPECT_FALSE(count) << "bit " << bit;
    }
  }
  std::mt19937 random(1);  // NOLINT: seeded, so that a failure repeats
  for (int round = 0; round < 2000; ++round) {
    std::string changed = file;
    changed[random() % changed.size()] = static_cast<char>(random());
    const auto count = CountRecords(changed);
    if (!count) {
      EXPECT_TRUE(count.error().kind() == ErrorKind::kCorrupt ||
                  count.error().kind() == ErrorKind::kUnsupported);
    }
  }
}

TEST(Deflate, RoundsTripsAndKeepsItsLimit) {
  std::string text;
  for (int i = 0; i < 50'000; ++i) text += std::to_string(i);
  std::string packed = "before";
  ASSERT_TRUE(Deflate(text, packed));
  ASSERT_TRUE(packed.starts_with("before"));
  packed.erase(0, 6);
  EXPECT_LT(packed.size(), text.size() / 2);
  std::string back = "old content";
  ASSERT_TRUE(Inflate(packed, text.size(), back));
  EXPECT_EQ(back, text);
  EXPECT_EQ(Inflate(packed, 100'000, back).error().kind(), ErrorKind::kCorrupt);
  EXPECT_TRUE(Inflate(packed + "abc", text.size(), back)) << "as Avro for Python leaves it";
  EXPECT_EQ(Inflate(packed + "12345", text.size(), back).error().kind(), ErrorKind::kCorrupt);
  EXPECT_EQ(Inflate("", text.size(), back).error().kind(), ErrorKind::kCorrupt);
}

}  // namespace
}  // namespace sluice::iceberg::avro
