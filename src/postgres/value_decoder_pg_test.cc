// Every type with its edge values, asked of a real server: binary and text must decode to the same,
// and what is carried as text must be the server's own.
#include <arrow/array.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <gtest/gtest.h>

#include "change/arrow_status.h"
#include "postgres/copy/table_copy.h"
#include "postgres/source_catalog.h"
#include "postgres/testing/throwaway_postgres.h"
#include "postgres/testing/type_cases.h"
#include "postgres/value_decoder.h"

namespace sluice::postgres {
namespace {

using testing::ThrowawayPostgres;
using testing::TypeCase;

Result<std::unique_ptr<Connection>> Open(const ThrowawayPostgres& server) {
  ConnectionOptions options;
  options.url = server.url();
  return Connection::Open(options);
}

Connection& Session() {
  static const auto server = ThrowawayPostgres::Start();
  static const std::unique_ptr<Connection> session = [] {
    SLUICE_CHECK(server, "{}", server.error().message());
    auto opened = Open(**server);
    SLUICE_CHECK(opened, "{}", opened.error().message());
    const Status made = (*opened)->Execute(testing::kTypeCasesSetup);
    SLUICE_CHECK(made, "{}", made.error().message());
    return std::move(*opened);
  }();
  return *session;
}

std::string Literal(const std::string& value) { return QuoteLiteral(value); }

// Table t(n, v) with these values and a null.
Result<SourceTable> Fill(const std::string& type, const std::vector<std::string>& values) {
  std::string sql =
      "DROP TABLE IF EXISTS t; CREATE TABLE t (n serial PRIMARY KEY, v " + type + ");";
  for (const std::string& value : values) {
    sql += "INSERT INTO t (v) VALUES (" + Literal(value) + "::" + type + ");";
  }
  sql += "INSERT INTO t (v) VALUES (null)";
  SLUICE_TRY(Session().Execute(sql));
  SLUICE_LET(const Rows oid, Session().Query("SELECT 't'::regclass::oid"));
  SLUICE_LET(auto table, DescribeTable(Session(), static_cast<uint32_t>(std::stoul(*oid[0][0]))));
  return *std::move(table);
}

using Texts = std::vector<std::optional<std::string>>;

Texts ServerTexts() {
  Texts out;
  const auto rows = Session().Query("SELECT v FROM t ORDER BY n");
  SLUICE_CHECK(rows, "{}", rows.error().message());
  for (const Row& row : *rows) out.push_back(row[0]);
  return out;
}

Result<MirroredTable> MirrorAs(const SourceTable& table,
                               const std::shared_ptr<arrow::DataType>& wanted) {
  ColumnChoice choice{.excluded = {}, .types = {}};
  if (wanted != nullptr) choice.types["v"] = wanted;
  return MirrorOf(table, choice, Session().server_version());
}

Result<std::shared_ptr<arrow::Array>> FromCopy(const MirroredTable& mirror) {
  SLUICE_LET(auto decoder, CopyDecoder::Make(mirror, arrow::default_memory_pool()));
  SLUICE_TRY(Session().StartCopyOut("COPY (SELECT " + CopyColumns(mirror) +
                                    " FROM t ORDER BY n) TO STDOUT (FORMAT binary)"));
  Status fed;
  while (true) {
    SLUICE_LET(const auto rows, Session().ReadCopy());
    if (rows.empty()) break;
    if (fed) fed = decoder->Feed(rows);
  }
  SLUICE_TRY(std::move(fed));
  SLUICE_CHECK(decoder->ended());
  SLUICE_LET(const auto batch, decoder->Take());
  SLUICE_TRY(sluice::ToStatus(batch->ValidateFull()));
  return batch->column(1);
}

Result<std::shared_ptr<arrow::Array>> FromTexts(const MirroredTable& mirror) {
  SLUICE_LET(auto decoder, ValueDecoder::Make("v", mirror.types[1], mirror.mappings[1],
                                              arrow::default_memory_pool()));
  for (const auto& text : ServerTexts()) {
    SLUICE_TRY(text ? decoder->Text(*text) : decoder->Null());
  }
  return decoder->Finish();
}

class EveryType : public ::testing::TestWithParam<TypeCase> {};

TEST_P(EveryType, DecodesToTheSameFromCopyAndFromText) {
  const auto table = Fill(GetParam().type, GetParam().values);
  ASSERT_TRUE(table) << table.error().message();
  const auto mirror = MirrorAs(*table, nullptr);
  ASSERT_TRUE(mirror) << mirror.error().message();
  EXPECT_EQ(LakeTypeName(*mirror->mappings[1].lake_type), GetParam().lake_type);
  EXPECT_EQ(mirror->mappings[1].binary, GetParam().binary);
  const auto copied = FromCopy(*mirror);
  ASSERT_TRUE(copied) << copied.error().message();
  const auto streamed = FromTexts(*mirror);
  ASSERT_TRUE(streamed) << streamed.error().message();
  EXPECT_EQ((*copied)->length(), static_cast<int64_t>(GetParam().values.size()) + 1);
  EXPECT_EQ((*copied)->null_count(), 1);
  const auto nans_equal =
      arrow::EqualOptions::Defaults().nans_equal(true).signed_zeros_equal(false);
  EXPECT_TRUE((*copied)->Equals(**streamed, nans_equal))
      << (*copied)->ToString() << " and " << (*streamed)->ToString();
}

TEST_P(EveryType, AsAStringIsWhatTheServerPrints) {
  std::vector<std::string> values = GetParam().values;
  values.insert(values.end(), GetParam().refused.begin(), GetParam().refused.end());
  const auto table = Fill(GetParam().type, values);
  ASSERT_TRUE(table) << table.error().message();
  const auto mirror = MirrorAs(*table, arrow::utf8());
  ASSERT_TRUE(mirror) << mirror.error().message();
  const auto copied = FromCopy(*mirror);
  ASSERT_TRUE(copied) << copied.error().message();
  const Texts expected = ServerTexts();
  const auto& strings = static_cast<const arrow::StringArray&>(**copied);
  ASSERT_EQ(strings.length(), static_cast<int64_t>(expected.size()));
  for (size_t i = 0; i < expected.size(); ++i) {
    const auto at = static_cast<int64_t>(i);
    ASSERT_EQ(strings.IsNull(at), !expected[i].has_value()) << i;
    EXPECT_EQ(strings.IsNull(at) ? "" : strings.GetString(at), expected[i].value_or(""));
  }
  const auto streamed = FromTexts(*mirror);
  ASSERT_TRUE(streamed) << streamed.error().message();
  EXPECT_TRUE((*copied)->Equals(**streamed));
}

TEST_P(EveryType, RefusesByNameWhatDoesNotFit) {
  for (const std::string& value : GetParam().refused) {
    const auto table = Fill(GetParam().type, {value});
    ASSERT_TRUE(table) << table.error().message();
    const auto mirror = MirrorAs(*table, nullptr);
    ASSERT_TRUE(mirror) << mirror.error().message();
    EXPECT_NE(mirror->mappings[1].cannot_hold, "") << value;
    for (const auto& decoded : {FromCopy(*mirror), FromTexts(*mirror)}) {
      ASSERT_FALSE(decoded) << value;
      EXPECT_EQ(decoded.error().kind(), ErrorKind::kUnsupported) << value;
      EXPECT_NE(decoded.error().message().find("column v: "), std::string::npos);
      EXPECT_NE(decoded.error().hint().find("columns: { types: { v: string } }"),
                std::string::npos);
      // Reasons name NaN and infinity; never a value.
      if (value.find_first_of("0123456789") != std::string::npos) {
        EXPECT_EQ(decoded.error().message().find(value), std::string::npos);
      }
    }
  }
}

std::string CaseName(const ::testing::TestParamInfo<TypeCase>& info) {
  std::string out = std::to_string(info.index) + "_";
  for (const char c : info.param.type) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0) out += c;
  }
  return out;
}

INSTANTIATE_TEST_SUITE_P(Postgres, EveryType, ::testing::ValuesIn(testing::TypeCases()), CaseName);

struct Choice {
  std::string type;
  std::string wanted;
  std::vector<std::string> values;
  std::vector<std::string> refused;
};

TEST(TypeChoices, CarryWhatFitsAndRefuseTheRest) {
  const std::vector<Choice> choices{
      {"numeric",
       "decimal(10, 2)",
       {"1.50", "-99999999.99", "0.1000"},
       {"1.001", "100000000", "1e300", "1e-300", "-Infinity"}},
      {"numeric",
       "decimal(38, 10)",
       {"9999999999999999999999999999.9999999999"},
       {"0.00000000001"}},
      {"money", "decimal(10, 2)", {"12.34", "-0.05"}, {"99999999999.00"}},
      {"int4", "long", {"-2147483648", "2147483647"}, {}},
      {"int2", "long", {"-32768", "32767"}, {}},
      {"float4", "double", {"0.1", "1e38", "NaN", "-Infinity"}, {}},
      {"time", "time", {"00:00:00", "23:59:59.999999"}, {"24:00:00"}},
      {"text", "binary", {"plain", "ümlaut", ""}, {}},
      {"bit(1)", "boolean", {"0", "1"}, {}},
      {"text[]", "list<binary>", {"{a,NULL}", "{}"}, {"{{a}}"}},
      {"int2[]", "list<long>", {"{1,2}"}, {"[0:1]={1,2}"}},
      {"time[]", "list<time>", {"{10:00:00}"}, {"{10:00:00,24:00:00}"}},
  };
  for (const Choice& choice : choices) {
    const auto wanted = ParseLakeType(choice.wanted);
    ASSERT_TRUE(wanted) << choice.wanted;
    const auto table = Fill(choice.type, choice.values);
    ASSERT_TRUE(table) << table.error().message();
    const auto mirror = MirrorAs(*table, *wanted);
    ASSERT_TRUE(mirror) << mirror.error().message();
    const auto copied = FromCopy(*mirror);
    ASSERT_TRUE(copied) << choice.type << ": " << copied.error().message();
    const auto streamed = FromTexts(*mirror);
    ASSERT_TRUE(streamed) << choice.type << ": " << streamed.error().message();
    EXPECT_TRUE((*copied)->Equals(**streamed, arrow::EqualOptions::Defaults().nans_equal(true)));
    for (const std::string& value : choice.refused) {
      ASSERT_TRUE(Fill(choice.type, {value}));
      for (const auto& decoded : {FromCopy(*mirror), FromTexts(*mirror)}) {
        ASSERT_FALSE(decoded) << choice.type << " " << value;
        EXPECT_EQ(decoded.error().kind(), ErrorKind::kUnsupported) << choice.type << " " << value;
      }
    }
  }
}

// Shortest digits, compared with the server's over many bit patterns, boundary cases included.
TEST(Floats, AreWrittenAsTheServerWritesThem) {
  for (const char* type : {"float8", "float4"}) {
    ASSERT_TRUE(Session().Execute(fmt::format(
        "DROP TABLE IF EXISTS t; SELECT setseed(0.5); CREATE TABLE t (n serial PRIMARY KEY, v {0});"
        "INSERT INTO t (v) SELECT ((random() - 0.5) * pow(10.0, (random() * 70)::int - 35))::{0}"
        " FROM generate_series(1, 20000);"
        "INSERT INTO t (v) SELECT pow(2::float8, i)::{0} FROM generate_series(-140, 120) i;"
        "INSERT INTO t (v) SELECT (pow(10::numeric, i))::text::{0} FROM generate_series(-37, 37) i",
        type)));
    const auto oid = Session().Query("SELECT 't'::regclass::oid");
    const auto table = DescribeTable(Session(), static_cast<uint32_t>(std::stoul(*(*oid)[0][0])));
    ASSERT_TRUE(table && table->has_value());
    const auto mirror = MirrorAs(**table, arrow::utf8());
    ASSERT_TRUE(mirror);
    const auto copied = FromCopy(*mirror);
    ASSERT_TRUE(copied) << copied.error().message();
    const auto& strings = static_cast<const arrow::StringArray&>(**copied);
    const Texts expected = ServerTexts();
    ASSERT_EQ(strings.length(), static_cast<int64_t>(expected.size()));
    for (size_t i = 0; i < expected.size(); ++i) {
      ASSERT_EQ(strings.GetString(static_cast<int64_t>(i)), *expected[i]) << type;
    }
  }
}

TEST(Encoding, InvalidUtf8StopsTheColumnAndBinaryTakesIt) {
  testing::ThrowawayOptions options;
  options.encoding = "SQL_ASCII";
  const auto server = ThrowawayPostgres::Start(options);
  ASSERT_TRUE(server) << server.error().message();
  const auto session = Open(**server);
  ASSERT_TRUE(session) << session.error().message();
  const auto rows = (*session)->Query("SELECT convert_from('\\x6180'::bytea, 'SQL_ASCII')");
  ASSERT_TRUE(rows) << rows.error().message();
  SourceType text;
  text.oid = text.base_oid = 25;
  const auto as_string = MapType(text, nullptr);
  auto decoder = ValueDecoder::Make("v", text, *as_string, arrow::default_memory_pool());
  const Status taken = (*decoder)->Text(*(*rows)[0][0]);
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().kind(), ErrorKind::kUnsupported);
  EXPECT_NE(taken.error().hint().find("columns: { types: { v: binary } }"), std::string::npos);
  const auto as_binary = MapType(text, arrow::binary());
  auto raw = ValueDecoder::Make("v", text, *as_binary, arrow::default_memory_pool());
  EXPECT_TRUE((*raw)->Text(*(*rows)[0][0]));
}

}  // namespace
}  // namespace sluice::postgres
