#include <arrow/array.h>
#include <arrow/memory_pool.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "postgres/copy/table_copy.h"

namespace sluice::postgres {
namespace {

// (id int4, note text)
MirroredTable Notes() {
  MirroredTable out;
  for (const auto& [name, oid] : {std::pair("id", 23U), std::pair("note", 25U)}) {
    SourceType type;
    type.oid = type.base_oid = oid;
    Column column;
    column.name = name;
    column.lake_type = MapType(type, nullptr)->lake_type;
    out.schema.columns.push_back(column);
    out.types.push_back(type);
    out.mappings.push_back(*MapType(type, nullptr));
  }
  return out;
}

std::string Bytes(const char* text, size_t size) { return {text, size}; }
const std::string kHeader = Bytes("PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19);
const std::string kRowOne = Bytes("\0\2\0\0\0\4\0\0\0\1\0\0\0\3one", 17);
const std::string kRowNull = Bytes("\0\2\0\0\0\4\0\0\0\2\377\377\377\377", 14);
const std::string kTrailer = "\377\377";

std::unique_ptr<CopyDecoder> Make() {
  auto out = CopyDecoder::Make(Notes(), arrow::default_memory_pool());
  SLUICE_CHECK(out);
  return *std::move(out);
}

// Any piece size gives the same rows, since TCP cuts where it likes.
TEST(CopyDecoder, ReadsAStreamCutAnywhere) {
  const std::string stream = kHeader + kRowOne + kRowNull + kTrailer;
  for (size_t piece = 1; piece <= stream.size(); ++piece) {
    auto decoder = Make();
    for (size_t at = 0; at < stream.size(); at += piece) {
      ASSERT_TRUE(decoder->Feed(std::string_view(stream).substr(at, piece))) << piece;
    }
    EXPECT_TRUE(decoder->ended());
    EXPECT_EQ(decoder->rows(), 2);
    const auto batch = decoder->Take();
    ASSERT_TRUE(batch);
    ASSERT_TRUE((*batch)->ValidateFull().ok());
    EXPECT_EQ(static_cast<const arrow::Int32Array&>(*(*batch)->column(0)).Value(1), 2);
    EXPECT_EQ(static_cast<const arrow::StringArray&>(*(*batch)->column(1)).GetString(0), "one");
    EXPECT_TRUE((*batch)->column(1)->IsNull(1));
    EXPECT_EQ(decoder->rows(), 0);
  }
}

std::string IntRow(int id) {
  const std::string note = std::to_string(id);
  std::string out = Bytes("\0\2\0\0\0\4\0\0", 8);
  out += static_cast<char>(id / 256);
  out += static_cast<char>(id % 256);
  out += Bytes("\0\0\0", 3);
  out += static_cast<char>(note.size());
  return out + note;
}

// Rows that come together are decoded together, column by column.
TEST(CopyDecoder, ReadsManyRowsAtOnce) {
  std::vector<std::string> rows = {kHeader};
  for (int id = 0; id < 1000; ++id) rows.push_back(id % 7 == 3 ? kRowNull : IntRow(id));
  rows.push_back(kTrailer);
  for (const size_t together : {1, 2, 31, 32, 33, 64, 1002}) {
    auto decoder = Make();
    for (size_t at = 0; at < rows.size(); at += together) {
      const size_t end = std::min(rows.size(), at + together);
      const std::vector<std::string_view> pieces(rows.begin() + static_cast<ptrdiff_t>(at),
                                                 rows.begin() + static_cast<ptrdiff_t>(end));
      ASSERT_TRUE(decoder->Feed(pieces));
    }
    EXPECT_TRUE(decoder->ended());
    const auto batch = decoder->Take().value();
    ASSERT_TRUE(batch->ValidateFull().ok());
    ASSERT_EQ(batch->num_rows(), 1000);
    const auto& ids = static_cast<const arrow::Int32Array&>(*batch->column(0));
    const auto& notes = static_cast<const arrow::StringArray&>(*batch->column(1));
    for (int id = 0; id < 1000; ++id) {
      const bool null = id % 7 == 3;
      ASSERT_EQ(ids.Value(id), null ? 2 : id);
      ASSERT_EQ(notes.IsNull(id), null);
      if (!null) {
        ASSERT_EQ(notes.GetView(id), std::to_string(id));
      }
    }
  }
}

TEST(CopyDecoder, ARowThatIsCutAmongMany) {
  const std::string rest = kRowOne.substr(9);
  const std::vector<std::string> rows = {kHeader + kRowOne, kRowNull, kRowOne.substr(0, 9),
                                         rest + kRowNull, kRowOne + kTrailer};
  const std::vector<std::string_view> pieces(rows.begin(), rows.end());
  auto decoder = Make();
  ASSERT_TRUE(decoder->Feed(pieces));
  EXPECT_TRUE(decoder->ended());
  const auto batch = decoder->Take().value();
  ASSERT_TRUE(batch->ValidateFull().ok());
  EXPECT_EQ(batch->num_rows(), 5);
  const auto& notes = static_cast<const arrow::StringArray&>(*batch->column(1));
  EXPECT_EQ(notes.GetView(2), "one");
  EXPECT_TRUE(notes.IsNull(3));
  EXPECT_EQ(notes.GetView(4), "one");
}

TEST(CopyDecoder, AValueThatDoesNotFitIsSaidWhereverItStands) {
  std::vector<std::string> rows = {kHeader};
  for (int id = 0; id < 40; ++id) rows.push_back(IntRow(id));
  rows.push_back(Bytes("\0\2\0\0\0\4\0\0\0\1\0\0\0\1\377", 15));
  for (int id = 0; id < 40; ++id) rows.push_back(IntRow(id));
  const std::vector<std::string_view> pieces(rows.begin(), rows.end());
  const Status fed = Make()->Feed(pieces);
  ASSERT_FALSE(fed);
  EXPECT_EQ(fed.error().kind(), ErrorKind::kUnsupported);
  EXPECT_NE(fed.error().message().find("column note"), std::string::npos);
}

TEST(CopyDecoder, ABatchHoldsOnlyWholeRows) {
  auto decoder = Make();
  ASSERT_TRUE(decoder->Feed(kHeader + kRowOne + kRowOne.substr(0, 12)));
  EXPECT_EQ(decoder->rows(), 1);
  EXPECT_EQ((*decoder->Take())->num_rows(), 1);
  ASSERT_TRUE(decoder->Feed(kRowOne.substr(12)));
  EXPECT_EQ((*decoder->Take())->num_rows(), 1);
}

TEST(CopyDecoder, SkipsTheHeadersExtension) {
  auto decoder = Make();
  const std::string header = Bytes("PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\2xy", 21);
  ASSERT_TRUE(decoder->Feed(header + kRowOne + kTrailer));
  EXPECT_EQ(decoder->rows(), 1);
}

TEST(CopyDecoder, RefusesWhatIsNoStreamOfThisTable) {
  const std::string oids = Bytes("PGCOPY\n\377\r\n\0\0\1\0\0\0\0\0\0", 19);
  const std::string huge = Bytes("PGCOPY\n\377\r\n\0\0\0\0\0\177\0\0\0", 19);
  for (const std::string& stream :
       {std::string("1\tone\n"), oids, huge, kHeader + Bytes("\0\3", 2),
        kHeader + Bytes("\0\2\0\0\0\4\0\0\0\1\377\377\377\376", 14),
        kHeader + Bytes("\0\2\0\0\0\3\0\0\1\0\0\0\0", 13), kHeader + kTrailer + "x"}) {
    auto decoder = Make();
    const Status fed = decoder->Feed(stream);
    ASSERT_FALSE(fed) << stream.size();
    EXPECT_EQ(fed.error().kind(), ErrorKind::kCorrupt);
  }
}

TEST(CopyColumns, AskForTextWhereTheBinaryFormIsNotKnown) {
  MirroredTable table = Notes();
  table.schema.columns[0].name = "Odd \"name\"";
  table.mappings[1].binary = false;
  EXPECT_EQ(CopyColumns(table),
            "\"Odd \"\"name\"\"\", CASE WHEN pg_catalog.num_nonnulls(\"note\") = 1 THEN "
            "pg_catalog.format('%s', \"note\") END");
}

}  // namespace
}  // namespace sluice::postgres
