#include "iceberg/table_metadata.h"

#include <arrow/type.h>
#include <arrow/util/key_value_metadata.h>
#include <gtest/gtest.h>

#include <random>

#include "iceberg/testdata.h"

namespace sluice::iceberg {
namespace {

Field MakeField(int id, const std::string& name, std::shared_ptr<arrow::DataType> type,
                bool required = false) {
  Field out;
  out.id = id;
  out.name = name;
  out.type = std::move(type);
  out.required = required;
  return out;
}

Schema SmallSchema() {
  Schema out;
  out.fields = {MakeField(1, "id", arrow::int64(), true),
                MakeField(2, "price", arrow::decimal128(9, 2))};
  out.fields[1].doc = "pg: money";
  out.identifier_field_ids = {1};
  return out;
}

TableMetadata SmallTable() {
  return NewTableMetadata("e00e8a0e-123f-4b49-ac7b-f38f9388f516", "file:///lake/s/t/",
                          SmallSchema(), {{"owner", "sluice"}}, 1700000000000);
}

Snapshot MakeSnapshot(SnapshotId id, std::optional<SnapshotId> parent, int64_t number) {
  Snapshot out;
  out.id = id;
  out.parent_id = parent;
  out.sequence_number = number;
  out.timestamp_ms = 1700000000000 + number;
  out.manifest_list = "file:///lake/s/t/metadata/snap-" + std::to_string(id) + ".avro";
  out.summary = {{"operation", "append"}, {"added-records", "1"}};
  out.schema_id = 0;
  return out;
}

TableMetadata TableOfTwoSnapshots() {
  TableMetadata out = SmallTable();
  out.snapshots = {MakeSnapshot(11, std::nullopt, 1), MakeSnapshot(22, 11, 2)};
  out.last_sequence_number = 2;
  out.current_snapshot_id = 22;
  out.refs["main"].snapshot_id = 22;
  SnapshotRef& kept = out.refs["kept"];
  kept.snapshot_id = 11;
  kept.is_branch = false;
  kept.max_ref_age_ms = 5;
  out.snapshot_log = {{1700000000001, 11}, {1700000000002, 22}};
  out.metadata_log = {{1700000000000, "file:///lake/s/t/metadata/00000-a.metadata.json"}};
  return out;
}

// Byte for byte: readers stumble over a null, a missing member, a decimal without its space.
TEST(TableMetadata, AnEmptyTableIsWrittenAsReadersWantIt) {
  EXPECT_EQ(
      ToJson(SmallTable()),
      R"({"format-version":2,"table-uuid":"e00e8a0e-123f-4b49-ac7b-f38f9388f516",)"
      R"("location":"file:///lake/s/t","last-sequence-number":0,"last-updated-ms":1700000000000,)"
      R"("last-column-id":2,"current-schema-id":0,"schemas":[{"type":"struct","schema-id":0,)"
      R"("identifier-field-ids":[1],"fields":[{"id":1,"name":"id","required":true,"type":"long"},)"
      R"x({"id":2,"name":"price","required":false,"type":"decimal(9, 2)","doc":"pg: money"}]}],)x"
      R"("default-spec-id":0,"partition-specs":[{"spec-id":0,"fields":[]}],)"
      R"("last-partition-id":999,"default-sort-order-id":0,)"
      R"("sort-orders":[{"order-id":0,"fields":[]}],"statistics":[],"partition-statistics":[],)"
      R"("properties":{"owner":"sluice"},"current-snapshot-id":-1,"refs":{},"snapshots":[],)"
      R"("snapshot-log":[],"metadata-log":[]})");
}

TEST(TableMetadata, SnapshotsAndRefsLeaveOutWhatIsAbsent) {
  const Json json = Json::parse(ToJson(TableOfTwoSnapshots()));
  EXPECT_EQ(json["snapshots"][0].dump(),
            R"({"sequence-number":1,"snapshot-id":11,"timestamp-ms":1700000000001,)"
            R"("summary":{"added-records":"1","operation":"append"},)"
            R"("manifest-list":"file:///lake/s/t/metadata/snap-11.avro","schema-id":0})");
  EXPECT_EQ(json["snapshots"][1]["parent-snapshot-id"], 11);
  EXPECT_EQ(json["refs"].dump(), R"({"kept":{"snapshot-id":11,"type":"tag","max-ref-age-ms":5},)"
                                 R"("main":{"snapshot-id":22,"type":"branch"}})");
  EXPECT_EQ(json["current-snapshot-id"], 22);
}

TEST(TableMetadata, WritingAndReadingLosesNothing) {
  for (const TableMetadata& table : {SmallTable(), TableOfTwoSnapshots()}) {
    const std::string written = ToJson(table);
    const auto read = ParseTableMetadata(written);
    ASSERT_TRUE(read) << read.error().message();
    EXPECT_EQ(ToJson(*read), written);
  }
}

TEST(TableMetadata, TheAncestryFollowsParentsAndEndsInACircle) {
  TableMetadata table = TableOfTwoSnapshots();
  const auto ancestry = table.Ancestry();
  ASSERT_EQ(ancestry.size(), 2U);
  EXPECT_EQ(ancestry[0]->id, 22);
  EXPECT_EQ(ancestry[1]->id, 11);
  table.snapshots[0].parent_id = 22;
  EXPECT_EQ(table.Ancestry().size(), 2U);
  EXPECT_TRUE(SmallTable().Ancestry().empty());
}

TEST(TableMetadata, ReadsWhatPyIcebergWrites) {
  const std::string text = Testdata("pyiceberg_plain.metadata.json");
  const auto table = ParseTableMetadata(text);
  ASSERT_TRUE(table) << table.error().message();
  EXPECT_EQ(table->location, "file:///tmp/lake/s/plain");
  EXPECT_EQ(table->last_sequence_number, 3);
  EXPECT_EQ(table->snapshots.size(), 3U);
  EXPECT_EQ(table->Ancestry().size(), 3U);
  EXPECT_EQ(table->current_snapshot()->summary.at("operation"), "overwrite");
  EXPECT_EQ(table->properties.at("owner"), "someone");
  EXPECT_EQ(table->metadata_log.size(), 3U);
  const Schema& schema = table->current_schema();
  EXPECT_EQ(schema.identifier_field_ids, std::vector<int>{1});
  EXPECT_EQ(schema.fields[1].doc, "a name");
  EXPECT_EQ(schema.fields[4].element_id, 11);
  EXPECT_TRUE(schema.fields[6].type->Equals(*arrow::fixed_size_binary(16)));
  // As objects, so that only order may differ; nulls that PyIceberg leaves out stay out.
  EXPECT_EQ(nlohmann::json::parse(ToJson(*table)), nlohmann::json::parse(text));
}

TEST(TableMetadata, KeepsForeignPartitionSpecsAsTheyAre) {
  const std::string text = Testdata("pyiceberg_partitioned.metadata.json");
  const auto table = ParseTableMetadata(text);
  ASSERT_TRUE(table) << table.error().message();
  EXPECT_EQ(table->extra["partition-specs"], Json::parse(text)["partition-specs"]);
  EXPECT_EQ(table->extra["last-partition-id"], 1001);
  EXPECT_EQ(nlohmann::json::parse(ToJson(*table))["partition-specs"],
            nlohmann::json::parse(text)["partition-specs"]);
}

TEST(TableMetadata, TakesNullAndAbsentForTheSame) {
  Json json = Json::parse(ToJson(SmallTable()));
  for (const char* name : {"current-snapshot-id", "refs", "snapshots", "snapshot-log",
                           "metadata-log", "statistics", "properties"}) {
    json[name] = nullptr;
  }
  const auto nulls = ParseTableMetadata(json.dump());
  ASSERT_TRUE(nulls) << nulls.error().message();
  EXPECT_FALSE(nulls->current_snapshot_id);
  EXPECT_TRUE(nulls->properties.empty());
  json = Json::parse(ToJson(TableOfTwoSnapshots()));
  json["snapshots"][0]["parent-snapshot-id"] = nullptr;
  json.erase("refs");
  const auto no_refs = ParseTableMetadata(json.dump());
  ASSERT_TRUE(no_refs) << no_refs.error().message();
  EXPECT_EQ(no_refs->refs.at("main").snapshot_id, 22) << "main is the current snapshot";
  EXPECT_FALSE(no_refs->snapshots[0].parent_id);
}

TEST(TableMetadata, RefusesOtherFormatVersions) {
  for (const int version : {1, 3, 4}) {
    Json json = Json::parse(ToJson(SmallTable()));
    json["format-version"] = version;
    EXPECT_EQ(ParseTableMetadata(json.dump()).error().kind(), ErrorKind::kUnsupported);
  }
}

TEST(TableMetadata, RefusesWhatContradictsItself) {
  const auto refused = [](const char* what, auto change) {
    Json json = Json::parse(ToJson(TableOfTwoSnapshots()));
    change(json);
    const auto read = ParseTableMetadata(json.dump());
    ASSERT_FALSE(read) << what;
    EXPECT_EQ(read.error().kind(), ErrorKind::kCorrupt) << what;
  };
  refused("no location", [](Json& j) { j.erase("location"); });
  refused("no such schema", [](Json& j) { j["current-schema-id"] = 7; });
  refused("no such snapshot", [](Json& j) { j["current-snapshot-id"] = 7; });
  refused("main elsewhere", [](Json& j) { j["refs"]["main"]["snapshot-id"] = 11; });
  refused("main is a tag", [](Json& j) { j["refs"]["main"]["type"] = "tag"; });
  refused("a ref to nothing", [](Json& j) { j["refs"]["kept"]["snapshot-id"] = 7; });
  refused("a number too high", [](Json& j) { j["last-sequence-number"] = 1; });
  refused("an id twice", [](Json& j) { j["schemas"][0]["fields"][1]["id"] = 1; });
  refused("an id as text", [](Json& j) { j["schemas"][0]["fields"][0]["id"] = "1"; });
  refused("properties as list", [](Json& j) { j["properties"] = Json::array(); });
  refused("no partition specs", [](Json& j) { j.erase("partition-specs"); });
}

TEST(TableMetadata, ACutOrChangedFileNeverCrashes) {
  const std::string text = Testdata("pyiceberg_plain.metadata.json");
  for (size_t size = 0; size < text.size(); size += 7) {
    EXPECT_FALSE(ParseTableMetadata(std::string_view(text).substr(0, size)));
  }
  std::mt19937 random(1);  // NOLINT: seeded, so that a failure repeats
  for (int round = 0; round < 500; ++round) {
    std::string changed = text;
    changed[random() % changed.size()] = static_cast<char>(random() % 128);
    const auto read = ParseTableMetadata(changed);
    EXPECT_TRUE(!read || ParseTableMetadata(ToJson(*read)));
  }
}

TEST(TableMetadata, TextThatIsNotUtf8IsReplacedNotThrown) {
  TableMetadata table = SmallTable();
  table.properties["comment"] = "caf\xe9";
  EXPECT_TRUE(ParseTableMetadata(ToJson(table)));
}

TEST(SchemaJson, WritesEveryTypeAndReadsItBack) {
  const std::string text =
      R"({"type":"struct","schema-id":3,"fields":[)"
      R"({"id":1,"name":"a","required":false,"type":"boolean"},)"
      R"({"id":2,"name":"b","required":false,"type":"int"},)"
      R"({"id":3,"name":"c","required":false,"type":"long"},)"
      R"({"id":4,"name":"d","required":false,"type":"float"},)"
      R"({"id":5,"name":"e","required":false,"type":"double"},)"
      R"x({"id":6,"name":"f","required":false,"type":"decimal(38, 10)"},)x"
      R"({"id":7,"name":"g","required":false,"type":"date"},)"
      R"({"id":8,"name":"h","required":false,"type":"time"},)"
      R"({"id":9,"name":"i","required":false,"type":"timestamp"},)"
      R"({"id":10,"name":"j","required":false,"type":"timestamptz"},)"
      R"({"id":11,"name":"k","required":false,"type":"string"},)"
      R"({"id":12,"name":"l","required":false,"type":"binary"},)"
      R"({"id":13,"name":"m","required":false,"type":"uuid"},)"
      R"({"id":14,"name":"n","required":true,"type":{"type":"list","element-id":16,)"
      R"("element":"timestamptz","element-required":true}},)"
      R"({"id":15,"name":"o","required":false,"type":{"type":"map","key-id":17,"key":"string",)"
      R"("value-id":18,"value":"long","value-required":true}}]})";
  const auto schema = SchemaFromJson(Json::parse(text));
  ASSERT_TRUE(schema) << schema.error().message();
  EXPECT_EQ(SchemaToJson(*schema).dump(), text);
}

TEST(SchemaJson, ReadsADecimalWithoutSpaceAndNamesATypeThatIsNotOurs) {
  const auto of_type = [](const Json& type) {
    const Json field = {{"id", 1}, {"name", "c"}, {"required", false}, {"type", type}};
    return SchemaFromJson({{"type", "struct"}, {"fields", Json::array({field})}});
  };
  EXPECT_TRUE(of_type("decimal(9,2)")->fields[0].type->Equals(*arrow::decimal128(9, 2)));
  for (const Json& type : {Json("fixed[4]"), Json("timestamp_ns"), Json("list<int>"),
                           Json({{"type", "struct"}, {"fields", Json::array()}})}) {
    const auto schema = of_type(type);
    ASSERT_FALSE(schema) << type;
    EXPECT_EQ(schema.error().kind(), ErrorKind::kUnsupported) << type;
    EXPECT_NE(schema.error().message().find("column 1 ('c')"), std::string::npos);
  }
  EXPECT_EQ(of_type(Json::object()).error().kind(), ErrorKind::kCorrupt);
}

TEST(ArrowSchema, CarriesFieldIdsDownToElements) {
  Schema schema = SmallSchema();
  schema.fields.push_back(MakeField(3, "tags", arrow::list(arrow::utf8())));
  schema.fields.back().element_id = 5;
  schema.fields.push_back(MakeField(4, "map", arrow::map(arrow::utf8(), arrow::int64())));
  schema.fields.back().element_id = 6;
  schema.fields.back().value_id = 7;
  const auto id = [](const arrow::Field& field) {
    return field.metadata()->Get("PARQUET:field_id").ValueOrDie();
  };
  const auto arrow_schema = ToArrowSchema(schema);
  EXPECT_EQ(id(*arrow_schema->field(0)), "1");
  EXPECT_FALSE(arrow_schema->field(0)->nullable());
  EXPECT_TRUE(arrow_schema->field(1)->nullable());
  const auto& list = static_cast<const arrow::ListType&>(*arrow_schema->field(2)->type());
  EXPECT_EQ(id(*list.value_field()), "5");
  const auto& map = static_cast<const arrow::MapType&>(*arrow_schema->field(3)->type());
  EXPECT_EQ(id(*map.key_field()), "6");
  EXPECT_EQ(id(*map.item_field()), "7");
}

}  // namespace
}  // namespace sluice::iceberg
