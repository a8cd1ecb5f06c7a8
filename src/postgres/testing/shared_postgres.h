// One throwaway server for a test program, started at the first use; a database of its own for each
// test. A server that does not start aborts the program.
#pragma once

#include <memory>
#include <string>

#include "postgres/connection.h"
#include "postgres/testing/throwaway_postgres.h"

namespace sluice::postgres::testing {

const ThrowawayPostgres& SharedPostgres();
// Its name, which is also a good name for slots.
std::string MakeDatabase(const std::string& options = "");
// As the superuser; `session`: "-c logical_decoding_work_mem=64kB".
ConnectionOptions OptionsFor(const std::string& database, bool replication = false,
                             const std::string& session = "", const std::string& user = "postgres");
std::unique_ptr<Connection> Connect(const std::string& database, bool replication = false,
                                    const std::string& session = "");
// Statements one after the other; aborts at the first that fails, with its words.
void Sql(Connection& connection, std::initializer_list<std::string> statements);
std::string Value(Connection& connection, const std::string& sql);

}  // namespace sluice::postgres::testing
