#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "postgres/source_catalog.h"
#include "postgres/testing/shared_postgres.h"

namespace sluice::postgres {
namespace {

using testing::Connect;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::MakeDatabase;
using testing::Sql;
using ::testing::UnorderedElementsAre;
using testing::Value;

struct SourceCatalogPgTest : ::testing::Test {
  SourceCatalogPgTest() : connection(Connect(MakeDatabase())) {}

  SourceTable Find(const std::string& name) {
    const auto tables = ListTables(*connection);
    SLUICE_CHECK(tables.has_value(), "{}", tables.error().message());
    const auto found = std::find_if(tables->begin(), tables->end(),
                                    [&](const SourceTable& table) { return table.name == name; });
    SLUICE_CHECK(found != tables->end(), "no table {}", name);
    return *found;
  }
  static std::vector<std::string> KeyOf(const SourceTable& table) {
    std::vector<std::string> out;
    for (const SourceColumn& column : table.columns) {
      if (column.key) out.push_back(column.name);
    }
    return out;
  }
  std::unique_ptr<Connection> connection;
};

TEST_F(SourceCatalogPgTest, KnowsWhoTheSourceIs) {
  const auto identity = IdentifySource(*connection);
  ASSERT_TRUE(identity.has_value()) << identity.error().message();
  EXPECT_EQ(identity->timeline, 1u);
  EXPECT_EQ(identity->database, Value(*connection, "SELECT current_database()"));
  EXPECT_EQ(identity->system_id,
            Value(*connection, "SELECT system_identifier FROM pg_control_system()"));
  EXPECT_EQ(std::to_string(identity->database_oid),
            Value(*connection, "SELECT oid FROM pg_database WHERE datname = current_database()"));
  EXPECT_GT(identity->wal_lsn.value, 0u);
}

TEST_F(SourceCatalogPgTest, ListsTablesButNoLeavesViewsOrTemporaryOnes) {
  Sql(*connection, {"CREATE SCHEMA s", "CREATE TABLE s.a(id int)", "CREATE TABLE public.b(id int)",
                    "CREATE VIEW public.v AS SELECT 1", "CREATE TEMPORARY TABLE tmp(id int)",
                    "CREATE TABLE public.p(id int) PARTITION BY RANGE (id)",
                    "CREATE TABLE public.p1 PARTITION OF public.p FOR VALUES FROM (0) TO (9)"});
  const auto tables = ListTables(*connection);
  ASSERT_TRUE(tables.has_value()) << tables.error().message();
  std::vector<std::string> names;
  for (const SourceTable& table : *tables) names.push_back(table.schema_name + "." + table.name);
  EXPECT_THAT(names, ElementsAre("public.b", "public.p", "s.a"));
}

TEST_F(SourceCatalogPgTest, DescribesColumnsKeysAndComments) {
  Sql(*connection,
      {"CREATE TABLE public.t(dropped int, \"Id\" bigint, name varchar(40) NOT NULL, "
       "price numeric(10,2), doubled numeric GENERATED ALWAYS AS (price * 2) STORED, extra int, "
       "PRIMARY KEY (name, \"Id\") INCLUDE (extra))",
       "ALTER TABLE public.t DROP COLUMN dropped", "COMMENT ON TABLE public.t IS 'of things'",
       "COMMENT ON COLUMN public.t.name IS 'its name'",
       "INSERT INTO public.t SELECT i, i, 1 FROM generate_series(1, 100) i", "ANALYZE public.t"});
  const SourceTable table = Find("t");
  EXPECT_EQ(table.comment, "of things");
  EXPECT_EQ(table.owner, "postgres");
  EXPECT_TRUE(table.has_primary_key);
  EXPECT_TRUE(table.can_select);
  EXPECT_EQ(table.row_estimate, 100);
  EXPECT_GT(table.bytes, 8000);
  EXPECT_THAT(KeyOf(table), ElementsAre("Id", "name"));
  ASSERT_EQ(table.columns.size(), 5u);
  EXPECT_EQ(table.columns[0].attnum, 2);
  EXPECT_EQ(table.columns[1].type_text, "character varying(40)");
  EXPECT_EQ(table.columns[1].comment, "its name");
  EXPECT_TRUE(table.columns[1].not_null);
  EXPECT_EQ(table.columns[2].type.typmod, (10 << 16 | 2) + 4);
  EXPECT_EQ(table.columns[3].generated, 's');
  const auto described = DescribeTable(*connection, table.oid);
  ASSERT_TRUE(described && *described);
  EXPECT_EQ((*described)->columns.size(), 5u);
  Sql(*connection, {"DROP TABLE public.t"});
  EXPECT_FALSE(DescribeTable(*connection, table.oid)->has_value());
}

TEST_F(SourceCatalogPgTest, TakesTheReplicaIdentityIndexAsKey) {
  Sql(*connection,
      {"CREATE TABLE public.i(id int PRIMARY KEY, code text NOT NULL UNIQUE)",
       "ALTER TABLE public.i REPLICA IDENTITY USING INDEX i_code_key",
       "CREATE TABLE public.n(id int PRIMARY KEY)", "ALTER TABLE public.n REPLICA IDENTITY NOTHING",
       "CREATE TABLE public.f(id int PRIMARY KEY)", "ALTER TABLE public.f REPLICA IDENTITY FULL",
       "CREATE TABLE public.k(line text)"});
  EXPECT_THAT(KeyOf(Find("i")), ElementsAre("code"));
  EXPECT_EQ(Find("i").replica_identity, 'i');
  EXPECT_EQ(Find("n").replica_identity, 'n');
  EXPECT_THAT(KeyOf(Find("f")), ElementsAre("id"));
  EXPECT_EQ(Find("f").replica_identity, 'f');
  EXPECT_THAT(KeyOf(Find("k")), IsEmpty());
  EXPECT_FALSE(Find("k").has_primary_key);
}

TEST_F(SourceCatalogPgTest, DescribesTablesThatSomebodyKeepsLocked) {
  Sql(*connection,
      {"CREATE TABLE public.t(id int PRIMARY KEY, v text)",
       "INSERT INTO public.t SELECT i, repeat('x', 500) FROM generate_series(1, 200) i",
       "CREATE TABLE public.p(id int) PARTITION BY RANGE (id)",
       "CREATE TABLE public.p1 PARTITION OF public.p FOR VALUES FROM (0) TO (9)",
       "CREATE TABLE public.free(id int)", "INSERT INTO public.free VALUES (1)",
       "VACUUM ANALYZE public.t", "CREATE PUBLICATION every FOR TABLE public.t, public.p"});
  const auto holder = Connect(Value(*connection, "SELECT current_database()"));
  Sql(*holder, {"BEGIN", "LOCK TABLE public.t, public.p"});
  Sql(*connection, {"SET lock_timeout = '20ms'"});
  const SourceTable locked = Find("t");
  EXPECT_EQ(locked.columns.size(), 2u);
  EXPECT_GT(locked.bytes, 100'000) << "as the vacuum found it";
  EXPECT_EQ(Find("p").leaves.size(), 1u);
  EXPECT_GE(Find("free").bytes, 8192) << "measured, though nobody has analyzed it";
  const auto described = DescribeTable(*connection, locked.oid);
  ASSERT_TRUE(described && *described);
  EXPECT_EQ((*described)->columns.size(), 2u);
  const auto publication = FindPublication(*connection, "every");
  ASSERT_TRUE(publication && *publication);
  EXPECT_THAT((*publication)->tables, UnorderedElementsAre(locked.oid, Find("p").oid));
}

TEST_F(SourceCatalogPgTest, FindsWhatAPublicationNamesInWholeSchemas) {
  Sql(*connection,
      {"CREATE SCHEMA s", "CREATE TABLE s.a(id int)", "CREATE UNLOGGED TABLE s.unlogged(id int)",
       "CREATE TABLE s.p(id int) PARTITION BY RANGE (id)",
       "CREATE TABLE s.p1 PARTITION OF s.p FOR VALUES FROM (0) TO (9)",
       "CREATE TABLE public.b(id int)", "CREATE PUBLICATION one FOR TABLES IN SCHEMA s",
       "CREATE PUBLICATION every FOR ALL TABLES", "CREATE PUBLICATION none"});
  const auto tables = [&](const std::string& name) {
    const auto found = FindPublication(*connection, name);
    SLUICE_CHECK(found && *found);
    return (*found)->tables;
  };
  EXPECT_THAT(tables("one"), UnorderedElementsAre(Find("a").oid, Find("p").oid));
  EXPECT_THAT(tables("every"), UnorderedElementsAre(Find("a").oid, Find("p").oid, Find("b").oid));
  EXPECT_THAT(tables("none"), IsEmpty());
}

TEST_F(SourceCatalogPgTest, FollowsPartitionsToTheirLeaves) {
  Sql(*connection,
      {"CREATE TABLE public.p(id int, at date, PRIMARY KEY (id, at)) PARTITION BY RANGE (at)",
       "CREATE TABLE public.p1 PARTITION OF public.p FOR VALUES FROM ('2024-01-01') TO "
       "('2025-01-01')",
       "CREATE TABLE public.p2 PARTITION OF public.p FOR VALUES FROM ('2025-01-01') TO "
       "('2026-01-01') PARTITION BY LIST (id)",
       "CREATE TABLE public.p21 PARTITION OF public.p2 DEFAULT",
       "INSERT INTO public.p VALUES (1, '2024-05-05'), (2, '2025-05-05')", "ANALYZE public.p"});
  SourceTable table = Find("p");
  EXPECT_EQ(table.kind, 'p');
  EXPECT_EQ(table.leaves.size(), 2u);
  EXPECT_EQ(table.replica_identity, 'd');
  EXPECT_THAT(KeyOf(table), ElementsAre("id", "at"));
  EXPECT_EQ(table.row_estimate, 2);
  Sql(*connection, {"ALTER TABLE public.p21 REPLICA IDENTITY FULL"});
  EXPECT_EQ(Find("p").replica_identity, '?');
}

TEST_F(SourceCatalogPgTest, ResolvesTypes) {
  Sql(*connection,
      {"CREATE DOMAIN public.amount AS numeric(8,3)", "CREATE DOMAIN public.tip AS public.amount",
       "CREATE TYPE public.mood AS ENUM ('ok')", "CREATE TYPE public.pair AS (a int, b aclitem)",
       "CREATE COLLATION public.ci (provider = icu, locale = 'und-u-ks-level2', "
       "deterministic = false)",
       "CREATE TABLE public.t(tip public.tip, tips public.tip[], mood public.mood, "
       "moods public.mood[], grid int[][], pair public.pair, n numeric(5,1)[], word text COLLATE "
       "public.ci, cash money, spans int4multirange, boxes box[], v int2vector)"});
  const SourceTable table = Find("t");
  const auto type = [&](const std::string& name) {
    const auto found = std::find_if(table.columns.begin(), table.columns.end(),
                                    [&](const SourceColumn& c) { return c.name == name; });
    SLUICE_CHECK(found != table.columns.end(), "{}", name);
    return found->type;
  };
  constexpr uint32_t kInt4 = 23;
  constexpr uint32_t kNumeric = 1700;
  EXPECT_NE(type("tip").oid, kNumeric);
  EXPECT_EQ(type("tip").base_oid, kNumeric);
  EXPECT_EQ(type("tip").typmod, (8 << 16 | 3) + 4);
  EXPECT_EQ(type("tip").name, "");
  EXPECT_EQ(type("tips").element_oid, kNumeric);
  EXPECT_EQ(type("tips").element_typmod, (8 << 16 | 3) + 4);
  EXPECT_EQ(type("mood").kind, 'e');
  EXPECT_EQ(type("mood").name, "public.mood");
  EXPECT_EQ(type("moods").element_kind, 'e');
  EXPECT_EQ(type("grid").element_oid, kInt4);
  EXPECT_EQ(type("grid").array_dimensions, 2);
  EXPECT_EQ(type("n").element_typmod, (5 << 16 | 1) + 4);
  EXPECT_TRUE(type("grid").has_send);
  EXPECT_FALSE(type("pair").has_send) << "aclitem has no binary form";
  EXPECT_TRUE(type("spans").has_send);
  EXPECT_EQ(type("spans").kind, 'm');
  EXPECT_EQ(type("boxes").element_delimiter, ';');
  EXPECT_TRUE(type("word").nondeterministic_collation);
  EXPECT_FALSE(type("mood").nondeterministic_collation);
  EXPECT_EQ(type("cash").money_digits, 2);
}

TEST_F(SourceCatalogPgTest, SeesWhatItMayNotRead) {
  Sql(*connection,
      {"CREATE TABLE public.hidden(id int)", "CREATE TABLE public.guarded(id int)",
       "ALTER TABLE public.guarded ENABLE ROW LEVEL SECURITY",
       "CREATE UNLOGGED TABLE public.light(id int)", "CREATE ROLE c_reader",
       "GRANT SELECT ON public.guarded, public.light TO c_reader", "SET ROLE c_reader"});
  EXPECT_FALSE(Find("hidden").can_select);
  EXPECT_TRUE(Find("guarded").can_select);
  EXPECT_TRUE(Find("guarded").row_security);
  EXPECT_FALSE(Find("light").row_security);
  EXPECT_TRUE(Find("light").unlogged);
}

TEST_F(SourceCatalogPgTest, DescribesSlots) {
  EXPECT_FALSE(FindSlot(*connection, "catalog_slot")->has_value());
  Sql(*connection, {"SELECT pg_create_logical_replication_slot('catalog_slot', 'pgoutput')"});
  const auto slot = FindSlot(*connection, "catalog_slot");
  ASSERT_TRUE(slot && *slot);
  EXPECT_EQ((*slot)->plugin, "pgoutput");
  EXPECT_EQ((*slot)->database, Value(*connection, "SELECT current_database()"));
  EXPECT_FALSE((*slot)->active);
  EXPECT_EQ((*slot)->wal_status, "reserved");
  EXPECT_GT((*slot)->confirmed_lsn.value, 0u);
  EXPECT_GE((*slot)->retained_bytes, 0);
  Sql(*connection, {"SELECT pg_drop_replication_slot('catalog_slot')"});
}

}  // namespace
}  // namespace sluice::postgres
