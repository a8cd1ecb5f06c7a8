#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <thread>

#include "postgres/connection.h"
#include "postgres/testing/shared_postgres.h"

namespace sluice::postgres {
namespace {

using testing::Connect;
using testing::MakeDatabase;
using testing::OptionsFor;
using testing::Sql;
using testing::ThrowawayPostgres;
using testing::Value;

TEST(ConnectionPg, OpensSessionsThatPrintLosslessly) {
  const std::string database = MakeDatabase();
  Sql(*Connect(database), {"ALTER DATABASE " + database + " SET DateStyle = 'German'",
                           "ALTER DATABASE " + database + " SET statement_timeout = '1ms'"});
  for (const bool replication : {false, true}) {
    const auto connection = Connect(database, replication);
    EXPECT_EQ(Value(*connection, "SELECT '2024-01-31 12:00:00.5+02'::timestamptz"),
              "2024-01-31 10:00:00.5+00");
    EXPECT_EQ(Value(*connection, "SELECT 0.1::float8 + 0.2::float8"), "0.30000000000000004");
    EXPECT_EQ(Value(*connection, "SELECT '1 year 2 days'::interval"), "P1Y2D");
    EXPECT_EQ(Value(*connection, "SELECT '\\x01ff'::bytea"), "\\x01ff");
    EXPECT_EQ(Value(*connection, "SELECT current_setting('statement_timeout')"), "0");
    EXPECT_EQ(connection->server_version() / 10000, 15);
    EXPECT_EQ(connection->setting("application_name"), "sluice_test");
  }
  EXPECT_EQ(Value(*Connect(database, true), "SHOW logical_decoding_work_mem"), "256MB");
}

TEST(ConnectionPg, BindsParametersAndTellsNullFromEmpty) {
  const auto connection = Connect("postgres");
  const std::vector<std::string> parameters = {"it's", "2"};
  const auto rows = connection->Query("SELECT $1::text, $2::int + 1, NULL, ''", parameters);
  ASSERT_TRUE(rows.has_value());
  EXPECT_EQ(rows->at(0), (Row{"it's", "3", std::nullopt, ""}));
}

// Sum of the sizes of what a COPY sends, or its error.
Result<size_t> CopiedBytes(Connection& connection, const std::string& query) {
  SLUICE_TRY(connection.StartCopyOut("COPY (" + query + ") TO STDOUT"));
  size_t total = 0;
  while (true) {
    SLUICE_LET(const auto rows, connection.ReadCopy());
    if (rows.empty()) return total;
    for (const std::string_view row : rows) total += row.size();
  }
}

// By a unix socket, and by TCP under TLS.
class ConnectionPgCopy : public ::testing::TestWithParam<bool> {
 protected:
  static std::unique_ptr<Connection> Open(bool replication = false) {
    return GetParam() ? OpenTls(replication) : Connect("postgres", replication);
  }

 private:
  static std::unique_ptr<Connection> OpenTls(bool replication) {
    static const auto server = ThrowawayPostgres::Start({.settings = {}, .tls = true});
    SLUICE_CHECK(server.has_value(), "{}", server.error().message());
    ConnectionOptions options;
    options.url = (*server)->tls_url();
    options.replication = replication;
    auto connection = Connection::Open(options);
    SLUICE_CHECK(connection.has_value(), "{}", connection.error().message());
    EXPECT_TRUE((*connection)->encrypted());
    return std::move(*connection);
  }
};

INSTANTIATE_TEST_SUITE_P(, ConnectionPgCopy, ::testing::Bool(),
                         [](const auto& tls) { return tls.param ? "Tls" : "Socket"; });

TEST_P(ConnectionPgCopy, CopiesRowsLargerThanItsBufferAndServesOnAfterwards) {
  const auto connection = Open();
  for (const size_t size : {size_t{1}, size_t{600'000}, size_t{9'000'000}, size_t{10}}) {
    const auto copied = CopiedBytes(
        *connection, fmt::format("SELECT repeat('x', {}) FROM generate_series(1, 3)", size));
    ASSERT_TRUE(copied.has_value()) << copied.error().message();
    EXPECT_EQ(*copied, 3 * (size + 1));
    EXPECT_EQ(Value(*connection, "SELECT 7"), "7");
  }
}

TEST_P(ConnectionPgCopy, ACopyThatFailsBeforeOrAmongItsRowsLeavesTheSessionUsable) {
  const auto connection = Open();
  for (const char* query :
       {"SELECT nothing", "SELECT 1 / (9000 - g) FROM generate_series(1, 9999) g"}) {
    const auto copied = CopiedBytes(*connection, query);
    ASSERT_FALSE(copied.has_value());
    EXPECT_EQ(copied.error().code(), query[7] == 'n' ? "42703" : "22012");
    EXPECT_EQ(Value(*connection, "SELECT 7"), "7");
  }
}

TEST_P(ConnectionPgCopy, CopiesToTheEndAndIsIdleAfterIt) {
  const auto connection = Open();
  ASSERT_TRUE(connection->StartCopyOut("COPY (SELECT generate_series(1, 3)) TO STDOUT"));
  std::string all;
  while (true) {
    const auto rows = connection->ReadCopy();
    ASSERT_TRUE(rows.has_value());
    if (rows->empty()) break;
    for (const std::string_view row : *rows) all += row;
  }
  EXPECT_EQ(all, "1\n2\n3\n");
  EXPECT_EQ(Value(*connection, "SELECT 1"), "1");
  EXPECT_FALSE(connection->StartCopyOut("COPY nothing TO STDOUT"));
  ASSERT_TRUE(
      connection->StartCopyOut("COPY (SELECT 1 / (3 - g) FROM generate_series(1, 5) g) "
                               "TO STDOUT"));
  auto rows = connection->ReadCopy();
  while (rows && !rows->empty()) rows = connection->ReadCopy();
  ASSERT_FALSE(rows.has_value());
  EXPECT_EQ(rows.error().code(), "22012");
  EXPECT_EQ(Value(*connection, "SELECT 1"), "1");
}

TEST_P(ConnectionPgCopy, ATransactionOfManyMegabytesComesByTheStreamWhole) {
  const auto session = Open();
  Sql(*session,
      {"CREATE TABLE public.many (v text)", "CREATE PUBLICATION many FOR TABLE public.many"});
  const auto stream = Open(true);
  Sql(*stream, {"CREATE_REPLICATION_SLOT many TEMPORARY LOGICAL pgoutput"});
  Sql(*session,
      {"INSERT INTO public.many SELECT repeat(md5(i::text), 30) FROM generate_series(1, 20000) "
       "i"});
  ASSERT_TRUE(stream->StartReplication(
      "START_REPLICATION SLOT many LOGICAL 0/0 (proto_version '1', publication_names 'many')"));
  size_t inserts = 0;
  size_t bytes = 0;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (inserts < 20000 && std::chrono::steady_clock::now() < deadline) {
    const auto message = stream->ReceiveCopyData();
    ASSERT_TRUE(message.has_value()) << message.error().message();
    if (!message->has_value()) continue;
    const bool insert = (**message)[0] == 'w' && (**message)[25] == 'I';
    inserts += insert ? 1 : 0;
    bytes += insert ? (*message)->size() : 0;
  }
  EXPECT_EQ(inserts, 20000U);
  EXPECT_GT(bytes, 20000U * 960);
  // Written up to 0/7, nothing flushed or applied: what the server took of it shows in its view.
  ASSERT_TRUE(
      stream->SendCopyData(std::string("r") + std::string(7, '\0') + '\7' + std::string(25, '\0')));
  const std::string seen = "SELECT count(*) FROM pg_stat_replication WHERE write_lsn = '0/7'";
  while (Value(*session, seen) != "1") ASSERT_LT(std::chrono::steady_clock::now(), deadline);
}

TEST_P(ConnectionPgCopy, AServerThatGoesAwayDuringACopyIsALostConnection) {
  const auto connection = Open();
  const auto admin = Open();
  ASSERT_TRUE(connection->StartCopyOut(
      "COPY (SELECT repeat('x', 1000) FROM generate_series(1, 10000000)) TO STDOUT"));
  Sql(*admin, {fmt::format("SELECT pg_terminate_backend({}, 10000)", connection->backend_pid())});
  auto rows = connection->ReadCopy();
  while (rows && !rows->empty()) rows = connection->ReadCopy();
  ASSERT_FALSE(rows.has_value());
  EXPECT_EQ(rows.error().kind(), ErrorKind::kUnavailable);
  EXPECT_EQ(connection->Execute("SELECT 1").error().kind(), ErrorKind::kUnavailable);
  EXPECT_FALSE(connection->ReadCopy().has_value());
}

TEST(ConnectionPg, GivesALockUpAfterItsTime) {
  const std::string database = MakeDatabase();
  const auto holder = Connect(database);
  Sql(*holder, {"CREATE TABLE public.t (id int)", "BEGIN", "LOCK TABLE public.t"});
  ConnectionOptions options = OptionsFor(database);
  options.lock_timeout_ms = 20;
  const auto connection = Connection::Open(options);
  ASSERT_TRUE(connection.has_value()) << connection.error().message();
  const auto rows = (*connection)->Query("SELECT FROM public.t");
  ASSERT_FALSE(rows.has_value());
  EXPECT_EQ(rows.error().code(), "55P03");
  EXPECT_EQ(rows.error().kind(), ErrorKind::kUnavailable);
}

TEST(ConnectionPg, AnInterruptEndsWhatWaitsAndWhateverFollows) {
  const std::string database = MakeDatabase();
  const auto holder = Connect(database);
  Sql(*holder, {"CREATE TABLE public.t (id int)", "BEGIN", "LOCK TABLE public.t"});
  for (const bool copy : {false, true}) {
    const auto connection = Connect(database);
    Status ended;
    std::thread waiting([&] {
      ended = copy ? connection->StartCopyOut("COPY public.t TO STDOUT")
                   : connection->Execute("SELECT FROM public.t");
    });
    const std::string waits = fmt::format(
        "SELECT wait_event_type = 'Lock' FROM pg_stat_activity "
        "WHERE pid = {}",
        connection->backend_pid());
    const auto watch = Connect(database);
    while (Value(*watch, waits) != "t") std::this_thread::yield();
    connection->Interrupt();
    waiting.join();
    ASSERT_FALSE(ended.has_value());
    EXPECT_EQ(ended.error().kind(), ErrorKind::kStopped) << ended.error().message();
    for (const Status& later :
         {connection->Execute("SELECT 1"), connection->StartCopyOut("COPY (SELECT 1) TO STDOUT")}) {
      ASSERT_FALSE(later.has_value());
      EXPECT_EQ(later.error().kind(), ErrorKind::kStopped) << later.error().message();
    }
    EXPECT_FALSE(connection->alive());
  }
}

TEST(ConnectionPg, NamesWhatKeepsItOut) {
  ConnectionOptions options = OptionsFor("no_such_database");
  auto opened = Connection::Open(options);
  ASSERT_FALSE(opened.has_value());
  EXPECT_EQ(opened.error().code(), "3D000");
  EXPECT_EQ(opened.error().kind(), ErrorKind::kConfig);

  options.url = "host=/nonexistent dbname=x";
  opened = Connection::Open(options);
  ASSERT_FALSE(opened.has_value());
  EXPECT_EQ(opened.error().kind(), ErrorKind::kUnavailable);
  EXPECT_FALSE(opened.error().hint().empty());
}

TEST(ConnectionPg, NamesAWrongPasswordWithoutShowingIt) {
  const auto admin = Connect("postgres");
  const std::string hba = Value(*admin, "SHOW hba_file");
  std::ifstream in(hba);
  const std::string trust((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  std::ofstream(hba) << "local all locked scram-sha-256\n" << trust;
  Sql(*admin, {"CREATE ROLE locked LOGIN PASSWORD 'right-password'", "SELECT pg_reload_conf()"});
  ConnectionOptions options = OptionsFor("postgres", false, "", "locked");
  options.password = "wrong-password";
  // The reload takes a moment to reach the postmaster.
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  auto opened = Connection::Open(options);
  while (opened && std::chrono::steady_clock::now() < deadline) opened = Connection::Open(options);
  ASSERT_FALSE(opened.has_value());
  EXPECT_EQ(opened.error().code(), "28P01");
  EXPECT_EQ(opened.error().kind(), ErrorKind::kConfig);
  EXPECT_EQ((opened.error().message() + opened.error().hint()).find("wrong-password"),
            std::string::npos);
  options.password.clear();
  EXPECT_EQ(Connection::Open(options).error().kind(), ErrorKind::kConfig);
  options.password = "right-password";
  EXPECT_TRUE(Connection::Open(options).has_value());
}

TEST(ConnectionPg, TakesRawBytesFromSqlAsciiDatabases) {
  const std::string database =
      MakeDatabase("ENCODING SQL_ASCII LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0");
  for (const bool replication : {false, true}) {
    EXPECT_EQ(Value(*Connect(database, replication), "SELECT E'\\xff'"), "\xff");
  }
}

TEST(ConnectionPg, StopsAStatementFromAnotherThread) {
  const auto connection = Connect("postgres");
  const auto watcher = Connect("postgres");
  const std::string running =
      "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT "
      "pg_sleep%' AND state = 'active'";
  std::jthread canceller([&] {
    while (Value(*watcher, running) == "0") std::this_thread::yield();
    connection->Cancel();
  });
  const Status slept = connection->Execute("SELECT pg_sleep(60)");
  ASSERT_FALSE(slept);
  EXPECT_EQ(slept.error().kind(), ErrorKind::kStopped);
  EXPECT_TRUE(connection->alive());
}

TEST(ConnectionPg, TriesEveryHostOfAList) {
  ConnectionOptions options = OptionsFor("postgres");
  const size_t host = options.url.find("host=");
  ASSERT_NE(host, std::string::npos);
  options.url.insert(host + 5, "/nonexistent,");
  EXPECT_TRUE(Connection::Open(options).has_value());
  options.url.replace(options.url.find("dbname=postgres"), 15, "dbname=nowhere");
  EXPECT_EQ(Connection::Open(options).error().kind(), ErrorKind::kConfig);
}

TEST(ConnectionPg, NoticesThatItsServerIsGone) {
  const auto connection = Connect("postgres");
  const auto admin = Connect("postgres");
  Sql(*admin,
      {"SELECT pg_terminate_backend(" + std::to_string(connection->backend_pid()) + ", 10000)"});
  const Status done = connection->Execute("SELECT 1");
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind(), ErrorKind::kUnavailable);
  EXPECT_FALSE(connection->alive());
}

}  // namespace
}  // namespace sluice::postgres
