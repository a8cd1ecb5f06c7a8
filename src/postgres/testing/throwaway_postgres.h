// A real Postgres server that lives as long as its object: own data folder under the temporary
// folder, own port on loopback, an unprivileged user, never Debian's cluster. For tests.
// SLUICE_PG_BIN names the folder of another version's binaries.
#pragma once

#include <sys/types.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "postgres/connection.h"

namespace sluice::postgres::testing {

struct ThrowawayOptions {
  std::map<std::string, std::string> settings;  // postgresql.conf, over the defaults
  std::vector<std::string> hba;                 // lines before `trust` for everyone
  std::string encoding = "UTF8";
  std::string locale = "C.UTF-8";
};

class ThrowawayPostgres {
 public:
  static Result<std::unique_ptr<ThrowawayPostgres>> Start(ThrowawayOptions options = {});
  // One server for the whole test program, started at the first call; aborts when it does not
  // start. Tests make databases of their own in it.
  static ThrowawayPostgres& Shared();

  ~ThrowawayPostgres();  // stops the server, removes the folder
  ThrowawayPostgres(const ThrowawayPostgres&) = delete;
  ThrowawayPostgres& operator=(const ThrowawayPostgres&) = delete;

  // The superuser, without a password.
  std::string url(const std::string& database = "postgres",
                  const std::string& user = "postgres") const;
  int port() const { return port_; }

  // As the superuser; the test fails by the returned error.
  Result<std::unique_ptr<Connection>> Connect(const std::string& database = "postgres") const;
  // A new empty database; its name.
  Result<std::string> MakeDatabase();

  // SIGQUIT is a crash: recovery follows at the next StartServer. SIGINT: a fast shutdown.
  Status StopServer(int signal);
  Status StartServer();
  std::string Log() const;

 private:
  explicit ThrowawayPostgres(ThrowawayOptions options) : options_(std::move(options)) {}
  Status MakeCluster();

  ThrowawayOptions options_;
  std::string folder_;
  int port_ = 0;
  pid_t server_ = -1;
  int databases_ = 0;
};

}  // namespace sluice::postgres::testing
