#include "postgres/connection_string.h"

#include <libpq-fe.h>

#include <cstdlib>
#include <memory>

namespace sluice::postgres {

namespace {

// Every one of these changes how a value prints or what a query returns.
constexpr std::string_view kSessionSettings =
    "-c DateStyle=ISO -c IntervalStyle=iso_8601 -c TimeZone=UTC -c extra_float_digits=3 "
    "-c bytea_output=hex -c xmloption=content -c search_path=pg_catalog -c row_security=off "
    "-c statement_timeout=0 -c idle_in_transaction_session_timeout=0 "
    "-c idle_session_timeout=0 -c jit=off";

// Hold for our walsender only and need no right (postgres-capture.md 1.1); `options` in the URL or
// PGOPTIONS override them.
constexpr std::string_view kWalsenderSettings =
    "-c logical_decoding_work_mem=256MB -c wal_sender_timeout=120s";

struct FreeOptions {
  void operator()(PQconninfoOption* options) const { PQconninfoFree(options); }
};
using ParsedUrl = std::unique_ptr<PQconninfoOption, FreeOptions>;

std::string Find(const ParsedUrl& url, std::string_view keyword) {
  for (const PQconninfoOption* option = url.get(); option->keyword != nullptr; ++option) {
    if (keyword == option->keyword && option->val != nullptr) return option->val;
  }
  return {};
}

Result<ParsedUrl> Parse(const std::string& url) {
  constexpr std::string_view kEncode =
      "special characters in a user or password must be percent-encoded (@ is %40, / is %2F), or "
      "give the password in source.password";
  char* problem = nullptr;
  ParsedUrl parsed(PQconninfoParse(url.c_str(), &problem));
  PQfreemem(problem);  // it quotes the URL
  if (parsed == nullptr) {
    return MakeError(ErrorKind::kConfig, "the connection string does not parse")
        .WithHint(std::string(kEncode));
  }
  if (Find(parsed, "host").find('@') != std::string::npos) {
    return MakeError(ErrorKind::kConfig, "the host in the connection string holds an '@'")
        .WithHint(std::string(kEncode));
  }
  return parsed;
}

std::string SessionOptions(const ConnectionOptions& options, const ParsedUrl& url) {
  std::string own = Find(url, "options");
  if (own.empty()) {
    if (const char* environment = std::getenv("PGOPTIONS")) own = environment;
  }
  std::string out;
  if (options.replication) out += std::string(kWalsenderSettings) + " ";
  if (!own.empty()) out += own + " ";
  out += kSessionSettings;
  return out + " -c lock_timeout=" + std::to_string(options.lock_timeout_ms);
}

}  // namespace

Result<std::vector<std::pair<std::string, std::string>>> ConnectionKeywords(
    const ConnectionOptions& options) {
  SLUICE_LET(const ParsedUrl url, Parse(options.url));
  std::vector<std::pair<std::string, std::string>> out = {
      {"keepalives_idle", "30"},
      {"keepalives_interval", "10"},
      {"keepalives_count", "3"},
      {"tcp_user_timeout", "60000"},
      {"connect_timeout", std::to_string(options.connect_timeout_s)},
      {"dbname", options.url},
  };
  if (!options.password.empty()) out.emplace_back("password", options.password);
  if (options.replication) out.emplace_back("replication", "database");
  out.emplace_back("application_name", options.application_name);
  out.emplace_back("client_encoding", "UTF8");
  out.emplace_back("options", SessionOptions(options, url));
  return out;
}

}  // namespace sluice::postgres
