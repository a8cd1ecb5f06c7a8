#include "iceberg/manifest.h"

#include <arrow/type.h>
#include <gtest/gtest.h>

#include "base/file_system_fake.h"
#include "iceberg/avro/container.h"
#include "iceberg/manifest_internal.h"
#include "iceberg/manifest_schema.h"

namespace sluice::iceberg {
namespace {

constexpr SnapshotId kSnapshot = 77;

Schema SmallSchema() {
  Field id;
  id.id = 1;
  id.name = "id";
  id.required = true;
  id.type = arrow::int64();
  Schema out;
  out.fields = {id};
  out.identifier_field_ids = {1};
  return out;
}

ManifestEntry DataEntry(const std::string& name, int64_t rows) {
  ManifestEntry out;
  out.snapshot_id = kSnapshot;
  out.file.location = "file:///lake/t/data/" + name;
  out.file.record_count = rows;
  out.file.size_bytes = 1000;
  out.file.columns = {
      {.field_id = 1,
       .size_bytes = 80,
       .value_count = rows,
       .null_count = 0,
       .nan_count = std::nullopt,
       .lower = std::string("\1\0\0\0\0\0\0\0", 8),
       .upper = std::string("\2\0\0\0\0\0\0\0", 8)},
      {.field_id = 2,
       .size_bytes = 90,
       .value_count = rows,
       .null_count = 1,
       .nan_count = 3,
       .lower = std::nullopt,
       .upper = std::nullopt},
  };
  out.file.split_offsets = {4, 500};
  return out;
}

ManifestEntry WithStatus(ManifestEntry entry, EntryStatus status, SnapshotId snapshot,
                         int64_t number) {
  entry.status = status;
  entry.snapshot_id = snapshot;
  entry.sequence_number = number;
  entry.file_sequence_number = number;
  return entry;
}

class ManifestTest : public testing::Test {
 protected:
  Result<ManifestFile> Write(std::span<const ManifestEntry> entries,
                             ManifestContent content = ManifestContent::kData) {
    const ManifestContext context{&schema_, kSnapshot, content};
    return WriteManifest(*store_, at_, context, entries);
  }

  const store::Location at_ = "file:///lake/t/metadata/m0.avro";
  Schema schema_ = SmallSchema();
  FakeFileSystem files_;
  std::unique_ptr<store::ObjectStore> store_ = store::MakeLocalStore(files_);
};

void ExpectSameFile(const ManifestEntry& a, const ManifestEntry& b) {
  EXPECT_EQ(a.content, b.content);
  EXPECT_EQ(a.file_format, b.file_format);
  EXPECT_EQ(a.file.location, b.file.location);
  EXPECT_EQ(a.file.record_count, b.file.record_count);
  EXPECT_EQ(a.file.size_bytes, b.file.size_bytes);
  EXPECT_EQ(a.file.split_offsets, b.file.split_offsets);
  EXPECT_EQ(a.referenced_data_file, b.referenced_data_file);
  EXPECT_EQ(a.sort_order_id, b.sort_order_id);
  ASSERT_EQ(a.file.columns.size(), b.file.columns.size());
  for (size_t i = 0; i < a.file.columns.size(); ++i) {
    const auto& x = a.file.columns[i];
    const auto& y = b.file.columns[i];
    EXPECT_EQ(x.field_id, y.field_id);
    EXPECT_EQ(x.size_bytes, y.size_bytes);
    EXPECT_EQ(x.value_count, y.value_count);
    EXPECT_EQ(x.null_count, y.null_count);
    EXPECT_EQ(x.nan_count, y.nan_count);
    EXPECT_EQ(x.lower, y.lower);
    EXPECT_EQ(x.upper, y.upper);
  }
}

TEST_F(ManifestTest, CountsByStatusAndReadsBackWithInheritedNumbers) {
  const ManifestEntry entries[] = {
      DataEntry("a", 10), WithStatus(DataEntry("b", 20), EntryStatus::kExisting, 5, 3),
      WithStatus(DataEntry("c", 30), EntryStatus::kExisting, 6, 4),
      WithStatus(DataEntry("d", 40), EntryStatus::kDeleted, kSnapshot, 2)};
  auto manifest = Write(entries).value();
  EXPECT_EQ(manifest.path, at_);
  EXPECT_EQ(static_cast<uint64_t>(manifest.length), store_->Size(at_).value());
  EXPECT_EQ(manifest.added_snapshot_id, kSnapshot);
  EXPECT_EQ(manifest.added_files, 1);
  EXPECT_EQ(manifest.existing_files, 2);
  EXPECT_EQ(manifest.deleted_files, 1);
  EXPECT_EQ(manifest.added_rows, 10);
  EXPECT_EQ(manifest.existing_rows, 50);
  EXPECT_EQ(manifest.deleted_rows, 40);
  EXPECT_EQ(manifest.sequence_number, kUnassignedSequenceNumber);
  EXPECT_EQ(manifest.min_sequence_number, 3) << "of live entries only";

  manifest.sequence_number = 9;
  const auto read = ReadManifest(*store_, manifest).value();
  ASSERT_EQ(read.size(), 4U);
  for (size_t i = 0; i < 4; ++i) ExpectSameFile(read[i], entries[i]);
  EXPECT_EQ(read[0].sequence_number, 9) << "inherited";
  EXPECT_EQ(read[0].file_sequence_number, 9);
  EXPECT_EQ(read[1].sequence_number, 3);
  EXPECT_EQ(read[1].snapshot_id, 5);
  EXPECT_EQ(read[3].status, EntryStatus::kDeleted);
}

TEST_F(ManifestTest, AnAddedFileMayKeepItsOlderDataSequence) {
  ManifestEntry entry = DataEntry("compacted", 1);
  entry.sequence_number = 4;
  auto manifest = Write(std::span(&entry, 1)).value();
  EXPECT_EQ(manifest.min_sequence_number, 4);
  manifest.sequence_number = 9;
  const auto read = ReadManifest(*store_, manifest).value();
  EXPECT_EQ(read[0].sequence_number, 4);
  EXPECT_EQ(read[0].file_sequence_number, 9);
}

TEST_F(ManifestTest, PositionDeletesCarryTheirBoundsAndTheFileTheyCover) {
  ManifestEntry entry = DataEntry("deletes.parquet", 2);
  entry.content = FileContent::kPositionDeletes;
  entry.referenced_data_file = "file:///lake/t/data/" + std::string(300, 'x');
  entry.file.columns[0].field_id = 2147483545;
  entry.file.columns[1].field_id = 2147483546;
  entry.file.columns[1].lower = entry.file.columns[1].upper = *entry.referenced_data_file;
  const auto manifest = Write(std::span(&entry, 1), ManifestContent::kDeletes).value();
  const auto read = ReadManifest(*store_, manifest).value();
  ExpectSameFile(read[0], entry);
}

TEST_F(ManifestTest, CountsThatAreNotKnownStayUnknown) {
  ManifestEntry entry = DataEntry("a", 5);
  entry.file.columns[0] = {.field_id = 1,
                           .size_bytes = 80,
                           .value_count = parquet::kUnknownCount,
                           .null_count = parquet::kUnknownCount,
                           .nan_count = std::nullopt,
                           .lower = std::nullopt,
                           .upper = std::nullopt};
  const auto manifest = Write(std::span(&entry, 1)).value();
  const auto read = ReadManifest(*store_, manifest).value();
  ExpectSameFile(read[0], entry);
}

TEST_F(ManifestTest, AManifestHasOneHeaderThatReadersCheck) {
  const ManifestEntry entry = DataEntry("a", 1);
  ASSERT_TRUE(Write(std::span(&entry, 1)));
  const std::string bytes = store::ReadAll(*store_, at_).value();
  auto header = avro::ContainerReader::Open(bytes).value().metadata();
  EXPECT_EQ(header.extract("avro.schema").mapped(), ManifestEntryAvroSchema());
  EXPECT_EQ(header, (avro::Metadata{{"avro.codec", "deflate"},
                                    {"content", "data"},
                                    {"format-version", "2"},
                                    {"partition-spec", "[]"},
                                    {"partition-spec-id", "0"},
                                    {"schema", SchemaToJson(schema_).dump()},
                                    {"schema-id", "0"},
                                    {"sluice.sync", "xxh3-128"}}));
}

TEST_F(ManifestTest, RefusesEntriesThatWouldMisleadReaders) {
  const auto refused = [&](ManifestEntry entry, ErrorKind kind,
                           ManifestContent content = ManifestContent::kData) {
    const auto manifest = Write(std::span(&entry, 1), content);
    ASSERT_FALSE(manifest);
    EXPECT_EQ(manifest.error().kind(), kind);
    EXPECT_FALSE(store_->Size(at_)) << "nothing is written";
  };
  ManifestEntry entry = DataEntry("a", 1);
  refused(entry, ErrorKind::kInternal, ManifestContent::kDeletes);
  entry.status = EntryStatus::kExisting;
  refused(entry, ErrorKind::kInternal);  // no numbers
  refused(WithStatus(entry, EntryStatus::kDeleted, kSnapshot - 1, 2), ErrorKind::kInternal);
  entry = DataEntry("a", 1);
  entry.content = FileContent::kEqualityDeletes;
  refused(entry, ErrorKind::kUnsupported, ManifestContent::kDeletes);
}

TEST_F(ManifestTest, ALengthOrCountThatIsNotTheFilesIsCorrupt) {
  const ManifestEntry entries[] = {DataEntry("a", 1), DataEntry("b", 1)};
  const auto manifest = Write(entries).value();
  auto wrong = manifest;
  wrong.added_files = 3;
  EXPECT_EQ(ReadManifest(*store_, wrong).error().kind(), ErrorKind::kCorrupt);
  wrong = manifest;
  wrong.length -= 1;
  EXPECT_EQ(ReadManifest(*store_, wrong).error().kind(), ErrorKind::kCorrupt);
  wrong = manifest;
  wrong.length += 1;
  EXPECT_FALSE(ReadManifest(*store_, wrong));
}

TEST_F(ManifestTest, TheListGivesUnassignedManifestsTheSnapshotsNumber) {
  Snapshot snapshot;
  snapshot.id = kSnapshot;
  snapshot.parent_id = 5;
  snapshot.sequence_number = 12;
  ManifestFile fresh;
  fresh.path = at_;
  fresh.length = 4711;
  fresh.sequence_number = fresh.min_sequence_number = kUnassignedSequenceNumber;
  fresh.added_snapshot_id = kSnapshot;
  fresh.added_files = 1;
  fresh.added_rows = int64_t{1} << 40;
  ManifestFile carried = fresh;
  carried.path = "file:///lake/t/metadata/old.avro";
  carried.content = ManifestContent::kDeletes;
  carried.partition_spec_id = 3;
  carried.sequence_number = 7;
  carried.min_sequence_number = 2;
  carried.added_snapshot_id = 5;
  carried.existing_files = 2;
  carried.deleted_files = 3;
  carried.existing_rows = 4;
  carried.deleted_rows = 5;
  const ManifestFile files[] = {fresh, carried};
  const store::Location list = "file:///lake/t/metadata/snap-77.avro";
  const uint64_t size = WriteManifestList(*store_, list, snapshot, files).value();
  EXPECT_EQ(size, store_->Size(list).value());

  const auto read = ReadManifestList(*store_, list).value();
  ASSERT_EQ(read.size(), 2U);
  EXPECT_EQ(read[0].sequence_number, 12);
  EXPECT_EQ(read[0].min_sequence_number, 12);
  EXPECT_EQ(read[0].added_rows, int64_t{1} << 40);
  EXPECT_EQ(read[0].length, 4711);
  EXPECT_EQ(read[1].path, carried.path);
  EXPECT_EQ(read[1].content, ManifestContent::kDeletes);
  EXPECT_EQ(read[1].partition_spec_id, 3);
  EXPECT_EQ(read[1].sequence_number, 7);
  EXPECT_EQ(read[1].min_sequence_number, 2);
  EXPECT_EQ(read[1].added_snapshot_id, 5);
  EXPECT_EQ(read[1].existing_files, 2);
  EXPECT_EQ(read[1].deleted_files, 3);
  EXPECT_EQ(read[1].existing_rows, 4);
  EXPECT_EQ(read[1].deleted_rows, 5);

  const std::string bytes = store::ReadAll(*store_, list).value();
  auto header = avro::ContainerReader::Open(bytes).value().metadata();
  EXPECT_EQ(header.at("parent-snapshot-id"), "5");
  EXPECT_EQ(header.at("snapshot-id"), "77");
  EXPECT_EQ(header.at("sequence-number"), "12");
  EXPECT_EQ(header.at("format-version"), "2");
  EXPECT_EQ(Json::parse(header.at("iceberg.schema"))["fields"][0]["name"], "manifest_path");

  ManifestFile foreign = fresh;
  foreign.added_snapshot_id = 5;
  EXPECT_EQ(WriteManifestList(*store_, list, snapshot, std::span(&foreign, 1)).error().kind(),
            ErrorKind::kInternal);
  snapshot.parent_id.reset();
  const std::string first = EncodeManifestList(snapshot, {}).value();
  EXPECT_EQ(avro::ContainerReader::Open(first).value().metadata().at("parent-snapshot-id"), "null");
}

TEST(ManifestBytes, TenThousandFilesComeBackWithTheirColumns) {
  ManifestEntry entry = DataEntry("a", 1);
  const auto column = entry.file.columns[0];
  entry.file.columns.clear();
  for (int id = 1; id <= 30; ++id) {
    entry.file.columns.push_back(column);
    entry.file.columns.back().field_id = id;
  }
  const std::vector<ManifestEntry> entries(10'000, entry);
  const Schema schema = SmallSchema();
  const auto bytes = EncodeManifest({&schema, kSnapshot, ManifestContent::kData}, entries).value();
  ManifestFile manifest;
  manifest.added_files = 10'000;
  const auto read = DecodeManifest(bytes, manifest).value();
  ASSERT_EQ(read.size(), entries.size());
  ExpectSameFile(read.back(), entry);
}

}  // namespace
}  // namespace sluice::iceberg
