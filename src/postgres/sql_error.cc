#include "postgres/sql_error.h"

#include <algorithm>
#include <array>

namespace sluice::postgres {

namespace {

struct Rule {
  std::string_view prefix;  // of the SQLSTATE; the first that fits decides
  ErrorKind kind;
  std::string_view hint;
};

// Codes: PostgreSQL documentation, appendix A.
constexpr std::array kRules = std::to_array<Rule>({
    {"28P01", ErrorKind::kConfig, "check the user and the password (source.password, .pgpass)"},
    {"28000", ErrorKind::kConfig,
     "check the user's name, its REPLICATION and LOGIN rights, and pg_hba.conf: a logical "
     "replication connection matches the entries of its database, not `replication`"},
    {"28", ErrorKind::kConfig, "check the user and the password (source.password, .pgpass)"},
    {"3D000", ErrorKind::kConfig, "create the database or name another one in source.url"},
    {"42501", ErrorKind::kConfig,
     "grant the right named in the message; `sluice check` prints the SQL"},
    {"42704", ErrorKind::kConfig, "`sluice check` says which object is missing and how to make it"},
    {"42710", ErrorKind::kConfig, "drop the object of that name, or configure another name"},
    {"42P01", ErrorKind::kConfig, "the table is gone: take it out of the configuration"},
    {"42P", ErrorKind::kConfig, ""},
    {"08P01", ErrorKind::kConfig,
     "a connection pooler in front of Postgres refuses our session settings: connect directly"},
    {"08", ErrorKind::kUnavailable, ""},
    {"53300", ErrorKind::kUnavailable,
     "all connections are taken: close some, or raise max_connections (max_wal_senders for "
     "replication)"},
    {"53400", ErrorKind::kExhausted,
     "a limit of the server is reached: raise max_replication_slots, or drop slots nobody reads"},
    {"53", ErrorKind::kExhausted, "the server is out of disk or memory"},
    {"57014", ErrorKind::kUnavailable, ""},
    {"57P04", ErrorKind::kConfig, "the database was dropped"},
    {"57P", ErrorKind::kUnavailable, ""},
    {"55006", ErrorKind::kUnavailable, ""},
    {"55P03", ErrorKind::kUnavailable,
     "somebody keeps a table locked: pg_locks and pg_blocking_pids() say who"},
    {"55000", ErrorKind::kConfig, ""},
    {"40", ErrorKind::kUnavailable, ""},
    {"0A", ErrorKind::kConfig, ""},
    {"54", ErrorKind::kUnsupported,
     "a row or value is larger than Postgres can send; exclude the table or the column"},
    {"22", ErrorKind::kUnsupported, ""},
    {"XX001", ErrorKind::kCorrupt, "the source's own data files are damaged"},
    {"XX002", ErrorKind::kCorrupt, "an index of the source is damaged"},
    {"XX000", ErrorKind::kUnavailable, ""},
    {"58", ErrorKind::kUnavailable, ""},
});

struct Words {
  std::string_view contains;
  ErrorKind kind;
  std::string_view hint;
};

// What libpq itself says before the server speaks (fe-connect.c, fe-auth.c, fe-secure-openssl.c).
constexpr std::array kWords = std::to_array<Words>({
    {"no password supplied", ErrorKind::kConfig,
     "give a password: source.password, PGPASSWORD or .pgpass"},
    {"password authentication failed", ErrorKind::kConfig,
     "check the user and the password (source.password, .pgpass)"},
    {"pg_hba.conf", ErrorKind::kConfig, "add an entry for user, database and address"},
    {"does not support SSL", ErrorKind::kConfig,
     "turn on ssl at the server, or lower sslmode in source.url"},
    {"certificate", ErrorKind::kConfig,
     "check sslrootcert and the host name in source.url against the server's certificate"},
    {"does not exist", ErrorKind::kConfig, "check the names of user and database in source.url"},
    {"could not translate host name", ErrorKind::kUnavailable,
     "check the host in source.url and the name service"},
    {"Connection refused", ErrorKind::kUnavailable,
     "check host and port in source.url, and that the server runs and listens there"},
    {"No such file or directory", ErrorKind::kUnavailable,
     "check the socket folder in source.url, and that the server runs"},
    {"SSL", ErrorKind::kUnavailable, "check sslmode in source.url against the server's settings"},
});

bool IsSqlState(std::string_view text) {
  return text.size() == 5 && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z');
         });
}

std::string_view FirstLine(std::string_view text) { return text.substr(0, text.find('\n')); }

}  // namespace

Error SqlError(std::string_view sqlstate, std::string_view primary_message) {
  // Data exceptions and constraint violations quote the offending value.
  const bool quotes_values = sqlstate.starts_with("22") || sqlstate.starts_with("23");
  const std::string words =
      quotes_values ? "the server refused a value" : std::string(FirstLine(primary_message));
  for (const Rule& rule : kRules) {
    if (!sqlstate.starts_with(rule.prefix)) continue;
    return MakeError(rule.kind, "{} (SQLSTATE {})", words, sqlstate)
        .WithHint(std::string(rule.hint))
        .WithCode(std::string(sqlstate));
  }
  return MakeError(ErrorKind::kInternal, "{} (SQLSTATE {})", words, sqlstate)
      .WithCode(std::string(sqlstate));
}

Error ConnectError(std::string_view libpq_message) {
  // "... failed: FATAL:  28P01: password authentication failed ...\nLOCATION: ..."; with several
  // hosts the last answer stands last.
  for (size_t at = libpq_message.rfind(":  "); at != std::string_view::npos && at > 0;
       at = libpq_message.rfind(":  ", at - 1)) {
    const std::string_view code = libpq_message.substr(at + 3, 5);
    const std::string_view rest = libpq_message.substr(std::min(at + 8, libpq_message.size()));
    if (IsSqlState(code) && rest.starts_with(": ")) return SqlError(code, rest.substr(2));
  }
  const std::string words(FirstLine(libpq_message));
  for (const Words& known : kWords) {
    if (libpq_message.find(known.contains) == std::string_view::npos) continue;
    return Error(known.kind, words).WithHint(std::string(known.hint));
  }
  return Error(ErrorKind::kUnavailable, words);
}

}  // namespace sluice::postgres
