// A Postgres server for one test program: own data folder, a unix socket in it, stopped and removed
// at the end, also when the program is killed (the server gets a signal then; only its folder
// stays). Debian's own cluster is never touched. As root the server runs as `nobody`.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "base/error.h"

namespace sluice::postgres::testing {

struct ThrowawayOptions {
  std::vector<std::string> settings;  // "max_connections=20"; they override the defaults
  std::string encoding = "UTF8";      // with locale C
  bool tls = false;  // listens on loopback as well, with a certificate that nobody signed
};

class ThrowawayPostgres {
 public:
  static Result<std::unique_ptr<ThrowawayPostgres>> Start(const ThrowawayOptions& options = {});
  ThrowawayPostgres(const ThrowawayPostgres&) = delete;
  ThrowawayPostgres& operator=(const ThrowawayPostgres&) = delete;
  ~ThrowawayPostgres();

  // For libpq: superuser `postgres`, no password.
  std::string url(const std::string& database = "postgres") const;
  std::string tls_url() const;  // of the database `postgres`
  const std::string& folder() const { return folder_; }

 private:
  explicit ThrowawayPostgres(std::string folder) : folder_(std::move(folder)) {}
  Status Initialize(const ThrowawayOptions& options);
  Status Launch(const ThrowawayOptions& options);

  Status MakeCertificate();

  std::string folder_;
  int port_ = 5432;
  pid_t server_ = -1;
};

}  // namespace sluice::postgres::testing
