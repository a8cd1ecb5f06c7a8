// The bytes of manifests against those that PyIceberg wrote (testdata/), and against damage.
#include <gtest/gtest.h>

#include <random>

#include "iceberg/avro/container.h"
#include "iceberg/manifest_internal.h"
#include "iceberg/manifest_schema.h"
#include "iceberg/testdata.h"

namespace sluice::iceberg {
namespace {

// PyIceberg's own headers, less its comments: names, ids, order, nullability, defaults.
nlohmann::json SchemaOf(const std::string& file) {
  const std::string bytes = Testdata(file);
  auto schema = avro::ContainerReader::Open(bytes).value().metadata().at("avro.schema");
  const auto drop_doc = [](int, nlohmann::json::parse_event_t event, nlohmann::json& parsed) {
    return event != nlohmann::json::parse_event_t::key || parsed != "doc";
  };
  return nlohmann::json::parse(schema, drop_doc);
}

TEST(ManifestSchema, TheListsSchemaEqualsPyIcebergs) {
  EXPECT_EQ(nlohmann::json::parse(ManifestListAvroSchema()), SchemaOf("pyiceberg_plain_list.avro"));
}

TEST(ManifestSchema, TheEntrysSchemaEqualsPyIcebergsWithTwoDifferences) {
  auto ours = nlohmann::json::parse(ManifestEntryAvroSchema());
  auto& file = ours["fields"][4]["type"]["fields"];
  EXPECT_EQ(file.back()["name"], "referenced_data_file");  // optional in v2, which it leaves out
  EXPECT_EQ(file.back()["field-id"], 143);
  file.erase(file.size() - 1);
  auto& equality_ids = file[14];
  EXPECT_EQ(equality_ids["type"][1]["items"], "int");  // as the spec has it; PyIceberg says long
  equality_ids["type"][1]["items"] = "long";
  EXPECT_EQ(ours, SchemaOf("pyiceberg_plain_m0.avro"));
}

TEST(ForeignManifests, PyIcebergsReadAsWhatItWrote) {
  const auto list = DecodeManifestList(Testdata("pyiceberg_plain_list.avro")).value();
  ASSERT_EQ(list.size(), 3U);
  EXPECT_EQ(list[0].sequence_number, 3);
  EXPECT_EQ(list[0].length, 4892);
  EXPECT_EQ(list[0].added_snapshot_id, 553462078285300183);
  EXPECT_EQ(list[1].deleted_rows, 5);
  EXPECT_EQ(list[2].min_sequence_number, 2);

  const auto added = DecodeManifest(Testdata("pyiceberg_plain_m0.avro"), list[0]).value();
  ASSERT_EQ(added.size(), 1U);
  EXPECT_EQ(added[0].status, EntryStatus::kAdded);
  EXPECT_EQ(added[0].sequence_number, 3) << "inherited";
  EXPECT_EQ(added[0].file.record_count, 4);
  EXPECT_EQ(added[0].file.size_bytes, 4074U);
  EXPECT_EQ(added[0].file.split_offsets, std::vector<int64_t>{4});
  const auto& columns = added[0].file.columns;
  ASSERT_EQ(columns.size(), 10U);
  EXPECT_EQ(columns[1].field_id, 2);
  EXPECT_EQ(columns[1].lower, "name 0");
  EXPECT_EQ(columns[1].upper, "name 4");
  EXPECT_EQ(columns[9].field_id, 11) << "the list's element, named between 5 and 6, sorted here";
  EXPECT_EQ(columns[9].value_count, 8);
  EXPECT_FALSE(columns[9].lower);
  EXPECT_EQ(columns[8].null_count, 4);
  EXPECT_FALSE(columns[3].nan_count);

  const auto removed = DecodeManifest(Testdata("pyiceberg_plain_m1.avro"), list[1]).value();
  EXPECT_EQ(removed[0].status, EntryStatus::kDeleted);
  EXPECT_EQ(removed[0].sequence_number, 1);
}

TEST(ForeignManifests, PartitionTuplesAreSkipped) {
  const auto list = DecodeManifestList(Testdata("pyiceberg_partitioned_list.avro")).value();
  const auto entries =
      DecodeManifest(Testdata("pyiceberg_partitioned_m0.avro"), list.at(0)).value();
  ASSERT_EQ(entries.size(), 2U);
  EXPECT_EQ(entries[0].file.size_bytes, 1312U);
  EXPECT_EQ(entries[1].file.columns[1].null_count, 1);
}

TEST(ForeignManifests, ACarriedEntryWithoutNumbersIsCorrupt) {
  const std::string bytes = Testdata("pyiceberg_plain_m1.avro");
  ManifestFile manifest;
  manifest.sequence_number = 3;
  manifest.deleted_files = 1;
  EXPECT_TRUE(DecodeManifest(bytes, manifest));
  // Its one entry with null instead of both numbers.
  avro::ContainerWriter writer(
      R"({"type":"record","name":"e","fields":[{"name":"status","type":"int","field-id":0},)"
      R"({"name":"f","field-id":2,"type":{"type":"record","name":"d","fields":[)"
      R"({"name":"n","type":"long","field-id":103},{"name":"s","type":"long","field-id":104},)"
      R"({"name":"p","type":"string","field-id":100}]}}]})",
      {});
  writer.encoder().WriteLong(2);
  writer.encoder().WriteLong(1);
  writer.encoder().WriteLong(1);
  writer.encoder().WriteBytes("file:///x");
  ASSERT_TRUE(writer.EndRecord());
  const std::string file = writer.Finish().value();
  EXPECT_EQ(DecodeManifest(file, manifest).error().kind(), ErrorKind::kCorrupt);
  manifest.sequence_number = 0;  // of before v2
  EXPECT_EQ(DecodeManifest(file, manifest).value()[0].sequence_number, 0);
}

// The same records with codec null, so that a changed byte reaches the values, not only deflate.
std::string Uncompressed(const std::string& file) {
  auto reader = avro::ContainerReader::Open(file).value();
  int64_t count = 0;
  std::string records;
  const Status read = reader.ForEach([&](avro::Decoder& in) {
    avro::Decoder ahead = in;
    ahead.Skip(reader.schema());
    records += in.RawBytes(ahead.position() - in.position());
    ++count;
    return ahead.status();
  });
  EXPECT_TRUE(read);
  std::string out("Obj\1", 4);
  avro::Encoder to(out);
  to.WriteArrayStart(1);
  to.WriteBytes("avro.schema");
  to.WriteBytes(reader.metadata().at("avro.schema"));
  to.WriteArrayEnd();
  const std::string sync(avro::kSyncBytes, 's');
  out += sync;
  to.WriteLong(count);
  to.WriteBytes(records);
  return out + sync;
}

TEST(ForeignManifests, AnyCutAndAnyChangedByteEndsInRecordsOrAnError) {
  std::mt19937 random(1);  // NOLINT: seeded, so that a failure repeats
  for (const char* name :
       {"pyiceberg_plain_m0.avro", "pyiceberg_partitioned_m0.avro", "pyiceberg_plain_list.avro"}) {
    const std::string packed = Testdata(name);
    const std::string plain = Uncompressed(packed);
    for (int round = 0; round < 1000; ++round) {
      std::string changed = round % 2 == 0 ? packed : plain;
      for (int i = 0; i < 3; ++i) changed[random() % changed.size()] = static_cast<char>(random());
      if (round % 3 == 0) changed.resize(random() % changed.size());
      for (const auto& failure : {DecodeManifest(changed, {}).map([](auto) {}),
                                  DecodeManifestList(changed).map([](auto) {})}) {
        if (failure) continue;
        EXPECT_TRUE(failure.error().kind() == ErrorKind::kCorrupt ||
                    failure.error().kind() == ErrorKind::kUnsupported);
      }
    }
  }
}

}  // namespace
}  // namespace sluice::iceberg
