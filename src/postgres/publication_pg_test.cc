#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "postgres/publication.h"
#include "postgres/source_catalog.h"
#include "postgres/testing/shared_postgres.h"

namespace sluice::postgres {
namespace {

using testing::Connect;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::Sql;
using ::testing::UnorderedElementsAre;
using testing::Value;

struct PublicationPgTest : ::testing::Test {
  PublicationPgTest() : connection(Connect(testing::MakeDatabase())) {
    Sql(*connection,
        {"CREATE TABLE public.\"Odd \"\"T\"(id int PRIMARY KEY)",
         "CREATE TABLE public.\"order\"(id int PRIMARY KEY)", "CREATE TABLE public.log(line text)",
         "CREATE TABLE public.parent(id int PRIMARY KEY)",
         "CREATE TABLE public.child() INHERITS (public.parent)"});
    odd = Table("Odd \"T", false);
    order = Table("order", false);
    log = Table("log", true);
    parent = Table("parent", false);
  }
  PublishedTable Table(const std::string& name, bool append_only) {
    const std::string oid =
        Value(*connection, "SELECT oid FROM pg_class WHERE relname = " + QuoteLiteral(name));
    return {static_cast<uint32_t>(std::stoul(oid)), "public", name, append_only};
  }
  std::unique_ptr<Connection> connection;
  PublishedTable odd, order, log, parent;
};

TEST_F(PublicationPgTest, MakesBothPublicationsAndThenHasNothingToDo) {
  const std::vector<PublishedTable> tables = {odd, log, parent};
  const auto planned = PlanPublication(*connection, "p", tables);
  ASSERT_TRUE(planned.has_value());
  EXPECT_EQ(planned->statements.size(), 2u);
  const auto made = EnsurePublication(*connection, "p", tables);
  ASSERT_TRUE(made.has_value()) << made.error().message();
  EXPECT_EQ(made->statements, planned->statements);

  const auto keyed = FindPublication(*connection, "p");
  ASSERT_TRUE(keyed && *keyed);
  EXPECT_THAT((*keyed)->tables, UnorderedElementsAre(odd.oid, parent.oid));
  EXPECT_TRUE((*keyed)->via_root && (*keyed)->update && (*keyed)->delete_ && (*keyed)->truncate);
  const auto append = FindPublication(*connection, AppendPublicationName("p"));
  ASSERT_TRUE(append && *append);
  EXPECT_THAT((*append)->tables, ElementsAre(log.oid));
  EXPECT_FALSE((*append)->update || (*append)->delete_);

  const auto again = EnsurePublication(*connection, "p", tables);
  ASSERT_TRUE(again.has_value());
  EXPECT_THAT(again->statements, IsEmpty());
}

TEST_F(PublicationPgTest, NeverMakesPostgresRefuseTheApplicationsUpdates) {
  ASSERT_TRUE(EnsurePublication(*connection, "p", std::vector{odd, log}).has_value());
  Sql(*connection, {"INSERT INTO public.log VALUES ('a')", "UPDATE public.log SET line = 'b'",
                    "DELETE FROM public.log"});
}

TEST_F(PublicationPgTest, AddsMissingTablesAndRemovesNone) {
  ASSERT_TRUE(EnsurePublication(*connection, "p", std::vector{odd}).has_value());
  const auto added = EnsurePublication(*connection, "p", std::vector{order});
  ASSERT_TRUE(added.has_value()) << added.error().message();
  EXPECT_THAT(added->statements,
              ElementsAre("ALTER PUBLICATION \"p\" ADD TABLE ONLY \"public\".\"order\""));
  EXPECT_THAT((*FindPublication(*connection, "p"))->tables,
              UnorderedElementsAre(odd.oid, order.oid));
}

TEST_F(PublicationPgTest, WarnsOfKeylessTablesInAPublicationOfUpdates) {
  Sql(*connection, {"CREATE PUBLICATION p FOR ALL TABLES"});
  const auto plan = PlanPublication(*connection, "p", std::vector{odd, log});
  ASSERT_TRUE(plan.has_value());
  EXPECT_THAT(plan->warnings, ElementsAre(HasSubstr("DROP PUBLICATION \"p\"")));
  EXPECT_THAT(plan->statements[0], HasSubstr("publish_via_partition_root = true"));
}

TEST_F(PublicationPgTest, RefusesFiltersThatWouldLoseRows) {
  Sql(*connection, {"CREATE PUBLICATION p FOR TABLE public.\"order\" WHERE (id > 5)"});
  const auto plan = PlanPublication(*connection, "p", std::vector{order});
  ASSERT_FALSE(plan.has_value());
  EXPECT_EQ(plan.error().kind(), ErrorKind::kConfig);
  EXPECT_THAT(plan.error().hint(), HasSubstr("DROP TABLE"));
}

TEST_F(PublicationPgTest, PrintsTheSqlWhenItMayNotRunIt) {
  Sql(*connection, {"CREATE ROLE p_stranger", "SET ROLE p_stranger"});
  const auto made = EnsurePublication(*connection, "p", std::vector{order});
  ASSERT_FALSE(made.has_value());
  EXPECT_EQ(made.error().code(), "42501");
  EXPECT_THAT(made.error().hint(), HasSubstr("CREATE PUBLICATION \"p\" FOR TABLE ONLY"));
  Sql(*connection, {"RESET ROLE"});
  EXPECT_FALSE(FindPublication(*connection, "p")->has_value()) << "nothing half made";
}

TEST_F(PublicationPgTest, SaysWhoKeepsATableLocked) {
  ASSERT_TRUE(EnsurePublication(*connection, "p", std::vector{odd}).has_value());
  const auto holder = Connect(Value(*connection, "SELECT current_database()"));
  Sql(*holder, {"BEGIN", "LOCK TABLE public.\"order\" IN SHARE MODE"});
  Sql(*connection, {"SET lock_timeout = '20ms'"});
  const auto refused = EnsurePublication(*connection, "p", std::vector{order, parent});
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().kind(), ErrorKind::kUnavailable);
  EXPECT_EQ(refused.error().code(), "55P03");
  EXPECT_THAT(refused.error().message(),
              HasSubstr(fmt::format("waited 20ms for a lock: public.\"order\" is locked by pid {} "
                                    "(sluice_test) since ",
                                    holder->backend_pid())));
  EXPECT_THAT(refused.error().hint(),
              HasSubstr(fmt::format("pg_terminate_backend({})", holder->backend_pid())));
  Sql(*holder, {"ROLLBACK"});
  EXPECT_TRUE(EnsurePublication(*connection, "p", std::vector{order}).has_value());
}

TEST_F(PublicationPgTest, DropsBothAndMindsNoneMissing) {
  ASSERT_TRUE(EnsurePublication(*connection, "p", std::vector{odd}).has_value());
  ASSERT_TRUE(DropPublications(*connection, "p"));
  EXPECT_FALSE(FindPublication(*connection, "p")->has_value());
  EXPECT_FALSE(FindPublication(*connection, "p_append")->has_value());
  EXPECT_TRUE(DropPublications(*connection, "p"));
}

}  // namespace
}  // namespace sluice::postgres
