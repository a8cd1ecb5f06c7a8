#include "postgres/testing/shared_postgres.h"

#include <fmt/format.h>

#include <atomic>

namespace sluice::postgres::testing {

const ThrowawayPostgres& SharedPostgres() {
  static const std::unique_ptr<ThrowawayPostgres> server = [] {
    ThrowawayOptions options;
    options.settings = {"max_prepared_transactions=5"};
    auto started = ThrowawayPostgres::Start(options);
    SLUICE_CHECK(started.has_value(), "{}", started.error().message());
    return std::move(*started);
  }();
  return *server;
}

std::string MakeDatabase(const std::string& options) {
  static std::atomic<int> count = 0;
  const std::string name = fmt::format("db{}", ++count);
  Sql(*Connect("postgres"), {fmt::format("CREATE DATABASE {} {}", name, options)});
  return name;
}

ConnectionOptions OptionsFor(const std::string& database, bool replication,
                             const std::string& session, const std::string& user) {
  ConnectionOptions options;
  options.url = SharedPostgres().url(database) + " user=" + user;
  if (!session.empty()) options.url += " options='" + session + "'";
  options.replication = replication;
  options.application_name = "sluice_test";
  return options;
}

std::unique_ptr<Connection> Connect(const std::string& database, bool replication,
                                    const std::string& session) {
  auto connection = Connection::Open(OptionsFor(database, replication, session));
  SLUICE_CHECK(connection.has_value(), "{}", connection.error().message());
  return std::move(*connection);
}

void Sql(Connection& connection, std::initializer_list<std::string> statements) {
  for (const std::string& statement : statements) {
    const Status done = connection.Execute(statement);
    SLUICE_CHECK(done.has_value(), "{}: {}", statement, done.error().message());
  }
}

std::string Value(Connection& connection, const std::string& sql) {
  const auto rows = connection.Query(sql);
  SLUICE_CHECK(rows.has_value(), "{}: {}", sql, rows.error().message());
  if (rows->empty() || rows->front().empty()) return "";
  return rows->front().front().value_or("");
}

}  // namespace sluice::postgres::testing
