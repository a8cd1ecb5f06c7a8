#include "postgres/source_schema.h"

#include <arrow/type.h>
#include <gtest/gtest.h>

namespace sluice::postgres {
namespace {

constexpr int kVersion15 = 150004;

SourceColumn MakeColumn(int attnum, const std::string& name, uint32_t oid, bool key = false) {
  SourceColumn out;
  out.attnum = static_cast<int16_t>(attnum);
  out.name = name;
  out.type.oid = out.type.base_oid = oid;
  out.type_text = "type " + std::to_string(oid);
  out.key = key;
  out.not_null = key;
  return out;
}

SourceTable Orders() {
  SourceTable out;
  out.oid = 4711;
  out.schema_name = "public";
  out.name = "orders";
  out.has_primary_key = true;
  out.columns = {MakeColumn(1, "id", 20, true), MakeColumn(2, "note", 25),
                 MakeColumn(4, "at", 1184)};
  return out;
}

Error Refused(const SourceTable& table, const ColumnChoice& choice = {}) {
  auto mirror = MirrorOf(table, choice, kVersion15);
  SLUICE_CHECK(!mirror, "it was not refused");
  return mirror.error();
}

TEST(MirrorOf, KeepsColumnsOrderKeyAndTypes) {
  const auto mirror = MirrorOf(Orders(), {}, kVersion15);
  ASSERT_TRUE(mirror) << mirror.error().message();
  ASSERT_EQ(mirror->schema.columns.size(), 3U);
  EXPECT_EQ(mirror->types.size(), 3U);
  EXPECT_EQ(mirror->mappings.size(), 3U);
  EXPECT_EQ(mirror->schema.columns[2].attnum, 4);
  EXPECT_EQ(mirror->schema.KeyColumns(), std::vector<int>{0});
  EXPECT_EQ(LakeTypeName(*mirror->schema.columns[2].lake_type), "timestamptz");
  EXPECT_FALSE(mirror->append_only);
  EXPECT_TRUE(mirror->notes.empty());
}

TEST(MirrorOf, TakesTheChoiceOfColumnsAndTypes) {
  const auto mirror =
      MirrorOf(Orders(), {.excluded = {"note"}, .types = {{"at", arrow::utf8()}}}, kVersion15);
  ASSERT_TRUE(mirror) << mirror.error().message();
  ASSERT_EQ(mirror->schema.columns.size(), 2U);
  EXPECT_EQ(LakeTypeName(*mirror->schema.columns[1].lake_type), "string");
  ASSERT_EQ(mirror->left_out.size(), 1U);
  EXPECT_EQ(mirror->left_out[0].first, "note");
}

TEST(MirrorOf, RefusesAChoiceOfWhatIsNotThere) {
  EXPECT_EQ(Refused(Orders(), {.excluded = {"Note"}, .types = {}}).kind(), ErrorKind::kConfig);
  EXPECT_EQ(Refused(Orders(), {.excluded = {}, .types = {{"nope", arrow::utf8()}}}).message(),
            "`columns: types:` names nope, which is no column of public.orders");
}

TEST(MirrorOf, RefusesToExcludeTheKey) {
  EXPECT_EQ(Refused(Orders(), {.excluded = {"id"}, .types = {}}).message(),
            "key column id of public.orders: it is excluded, but rows are found by it");
}

TEST(MirrorOf, LeavesGeneratedColumnsOutByName) {
  SourceTable table = Orders();
  table.columns[1].generated = 's';
  const auto mirror = MirrorOf(table, {}, kVersion15);
  ASSERT_TRUE(mirror);
  ASSERT_EQ(mirror->left_out.size(), 1U);
  EXPECT_EQ(mirror->left_out[0].first, "note");
  EXPECT_EQ(mirror->left_out[0].second,
            "generated columns never reach the stream before Postgres 18");
  table.columns[1].key = true;
  EXPECT_EQ(Refused(table).kind(), ErrorKind::kConfig);
}

TEST(MirrorOf, ATableWithoutAKeyIsAppendOnly) {
  SourceTable table = Orders();
  table.has_primary_key = false;
  table.columns[0].key = false;
  auto mirror = MirrorOf(table, {}, kVersion15);
  ASSERT_TRUE(mirror);
  EXPECT_TRUE(mirror->append_only);
  ASSERT_EQ(mirror->notes.size(), 1U);
  EXPECT_EQ(mirror->notes[0].substr(0, 27), "append-only: no primary key");
  table.replica_identity = 'f';
  mirror = MirrorOf(table, {}, kVersion15);
  EXPECT_TRUE(mirror->append_only);
  EXPECT_EQ(mirror->schema.identity, ReplicaIdentity::kFull);
}

TEST(MirrorOf, FullIdentityWithAPrimaryKeyFindsRowsByIt) {
  SourceTable table = Orders();
  table.replica_identity = 'f';
  const auto mirror = MirrorOf(table, {}, kVersion15);
  ASSERT_TRUE(mirror);
  EXPECT_FALSE(mirror->append_only);
  EXPECT_EQ(mirror->schema.KeyColumns(), std::vector<int>{0});
}

TEST(MirrorOf, NoIdentityAtAllIsAppendOnlyEvenWithAPrimaryKey) {
  SourceTable table = Orders();
  table.replica_identity = 'n';
  const auto mirror = MirrorOf(table, {}, kVersion15);
  ASSERT_TRUE(mirror);
  EXPECT_TRUE(mirror->append_only);
  EXPECT_TRUE(mirror->schema.KeyColumns().empty());
}

TEST(MirrorOf, RefusesPartitionsThatDiffer) {
  SourceTable table = Orders();
  table.replica_identity = '?';
  EXPECT_EQ(Refused(table).kind(), ErrorKind::kConfig);
}

TEST(MirrorOf, RefusesNamesThatDifferOnlyInCase) {
  SourceTable table = Orders();
  table.columns.push_back(MakeColumn(5, "Note", 25));
  EXPECT_EQ(Refused(table).message(),
            "columns note and \"Note\" of public.orders differ only in case");
  EXPECT_TRUE(MirrorOf(table, {.excluded = {"Note"}, .types = {}}, kVersion15));
  table.columns.back().name = "Übung";
  table.columns[1].name = "übung";
  EXPECT_EQ(Refused(table).kind(), ErrorKind::kConfig);
}

TEST(MirrorOf, RefusesKeysWhoseEqualityIsNotThatOfBytes) {
  SourceTable table = Orders();
  table.columns[0] = MakeColumn(1, "id", 20'000, true);
  table.columns[0].type.name = "public.citext";
  const Error error = Refused(table);
  EXPECT_EQ(error.kind(), ErrorKind::kConfig);
  EXPECT_NE(error.hint(), "");
  table.columns[0].key = false;
  table.has_primary_key = false;
  EXPECT_TRUE(MirrorOf(table, {}, kVersion15));
}

TEST(MirrorOf, SaysWhichColumnCannotBeCarriedAsWanted) {
  const Error error = Refused(Orders(), {.excluded = {}, .types = {{"note", arrow::int32()}}});
  EXPECT_EQ(error.message(),
            "column note (type 25) of public.orders: the type cannot be carried as int");
  EXPECT_EQ(error.hint(), "it can be string or binary");
}

}  // namespace
}  // namespace sluice::postgres
