#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "postgres/preflight.h"
#include "postgres/testing/shared_postgres.h"

namespace sluice::postgres {
namespace {

using testing::Connect;
using ::testing::HasSubstr;
using testing::MakeDatabase;
using testing::OptionsFor;
using testing::Sql;
using Outcome = CheckLine::Outcome;

std::string Print(const std::vector<CheckLine>& lines) {
  std::string out;
  for (const CheckLine& line : lines) {
    const char* const outcome[] = {"ok", "warn", "FAIL"};
    out += fmt::format("{} {}: {} -> {}\n", outcome[static_cast<int>(line.outcome)], line.name,
                       line.what, line.mend);
  }
  return out;
}

std::vector<CheckLine> Check(Connection& connection) {
  const auto tables = ListTables(connection);
  SLUICE_CHECK(tables.has_value(), "{}", tables.error().message());
  std::vector<PublishedTable> published;
  for (const SourceTable& table : *tables) {
    published.push_back({table.oid, table.schema_name, table.name, !table.has_primary_key});
  }
  auto lines = CheckTables(connection, "sluice_pub", *tables, published);
  SLUICE_CHECK(lines.has_value(), "{}", lines.error().message());
  return *lines;
}

TEST(PreflightPg, PassesAServerThatIsReady) {
  const std::string database = MakeDatabase();
  const auto lines = CheckSource(OptionsFor(database), "nobody_made_it");
  const std::string text = Print(lines);
  EXPECT_EQ(text.find("FAIL"), std::string::npos) << text;
  for (const char* part : {"ok wal_level", "ok replication right", "ok max_wal_senders",
                           "warn max_slot_wal_keep_size", "ok slot", "ok replication connection",
                           "ok encryption", "logical_decoding_work_mem 256MB"}) {
    EXPECT_THAT(text, HasSubstr(part));
  }
}

TEST(PreflightPg, SaysWhatARoleLacks) {
  const std::string database = MakeDatabase();
  const auto admin = Connect(database);
  Sql(*admin, {"CREATE ROLE weak LOGIN", "CREATE TABLE public.t(id int PRIMARY KEY)"});
  const ConnectionOptions options = OptionsFor(database, false, "", "weak");
  const std::string text = Print(CheckSource(options, "s"));
  EXPECT_THAT(text, HasSubstr("FAIL replication right: weak may not replicate -> ALTER ROLE"));
  EXPECT_THAT(text, HasSubstr("FAIL replication connection"));
  const auto connection = Connection::Open(options);
  ASSERT_TRUE(connection.has_value());
  const std::string tables = Print(Check(**connection));
  EXPECT_THAT(tables, HasSubstr("FAIL select: weak may not read \"public\".\"t\""));
  EXPECT_THAT(tables, HasSubstr("FAIL publication"));
  EXPECT_THAT(tables, HasSubstr("CREATE PUBLICATION \"sluice_pub\" FOR TABLE ONLY"));
}

TEST(PreflightPg, SaysThatThereIsNoServer) {
  ConnectionOptions options;
  options.url = "host=/nonexistent dbname=x";
  const auto lines = CheckSource(options, "s");
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(lines[0].outcome, Outcome::kFail);
  EXPECT_EQ(lines[0].name, "connection");
}

TEST(PreflightPg, NamesTransactionsThatANewSlotWouldWaitFor) {
  const std::string database = MakeDatabase();
  const auto connection = Connect(database);
  Sql(*connection, {"CREATE TABLE public.t(id int PRIMARY KEY)", "BEGIN",
                    "INSERT INTO public.t VALUES (1)", "PREPARE TRANSACTION 'forgotten'"});
  EXPECT_THAT(Print(CheckSource(OptionsFor(database), "s")),
              HasSubstr("warn old transactions: prepared forgotten"));
  Sql(*connection, {"ROLLBACK PREPARED 'forgotten'"});
}

TEST(PreflightPg, JudgesTables) {
  const auto connection = Connect(MakeDatabase());
  Sql(*connection,
      {"CREATE TABLE public.good(id int PRIMARY KEY)", "CREATE TABLE public.keyless(line text)",
       "CREATE UNLOGGED TABLE public.light(id int PRIMARY KEY)",
       "CREATE TABLE public.mute(id int PRIMARY KEY)",
       "ALTER TABLE public.mute REPLICA IDENTITY NOTHING",
       "CREATE TABLE public.p(id int PRIMARY KEY) PARTITION BY RANGE (id)",
       "CREATE TABLE public.p1 PARTITION OF public.p FOR VALUES FROM (0) TO (9)",
       "CREATE TABLE public.p2 PARTITION OF public.p FOR VALUES FROM (9) TO (19)",
       "ALTER TABLE public.p2 REPLICA IDENTITY FULL", "CREATE EXTENSION file_fdw",
       "CREATE SERVER files FOREIGN DATA WRAPPER file_fdw",
       "CREATE TABLE public.q(id int) PARTITION BY RANGE (id)",
       "CREATE FOREIGN TABLE public.q1 PARTITION OF public.q FOR VALUES FROM (0) TO (9) "
       "SERVER files OPTIONS (filename '/dev/null')"});
  const std::string text = Print(Check(*connection));
  EXPECT_THAT(text, HasSubstr("warn key: \"public\".\"keyless\" has no key"));
  EXPECT_THAT(text, HasSubstr("FAIL unlogged: changes of \"public\".\"light\""));
  EXPECT_THAT(text, HasSubstr("warn replica identity: \"public\".\"mute\""));
  EXPECT_THAT(text, HasSubstr("FAIL replica identity: the partitions of \"public\".\"p\" differ"));
  EXPECT_THAT(text, HasSubstr("FAIL foreign partitions: \"public\".\"q\" has partitions on another "
                              "server: public.q1"));
  EXPECT_EQ(text.find("good\" "), std::string::npos) << text;
  EXPECT_THAT(text, HasSubstr("ok publication: `run` will do: CREATE PUBLICATION"));
}

}  // namespace
}  // namespace sluice::postgres
