// A libpq connection with the session settings that make values lossless (DateStyle ISO, UTC,
// extra_float_digits 3, ...). libpq itself never shows in a header. One thread at a time, except
// Cancel and Interrupt.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace sluice::postgres {

struct ConnectionOptions {
  std::string url;           // any libpq form; PG* variables, .pgpass and service files apply
  std::string password;      // empty: libpq's own ways
  bool replication = false;  // a logical walsender
  std::string application_name = "sluice";
  int connect_timeout_s = 10;  // unless `url` sets connect_timeout; each of several hosts
  // How long an answer, or the next bytes of a COPY, may keep silent before the connection counts
  // as lost (kUnavailable); 0: for ever. A stream's owner watches it by itself.
  int silence_max_ms = 0;
  // How long a statement waits for a lock (kUnavailable, SQLSTATE 55P03; lock_wait.h has the
  // words); 0: for ever.
  int lock_timeout_ms = 0;
};

// A text result: nothing is a null.
using Row = std::vector<std::optional<std::string>>;
using Rows = std::vector<Row>;

class Connection {
 public:
  virtual ~Connection() = default;
  // Errors carry the SQLSTATE as code() and say what to do: wrong password, no such database, no
  // pg_hba entry, server starting up, too many connections. The password never shows.
  static Result<std::unique_ptr<Connection>> Open(const ConnectionOptions& options);

  // Parameters are bound, never spliced; a replication connection takes none. A statement that
  // Cancel stopped is kStopped.
  virtual Result<Rows> Query(const std::string& sql,
                             std::span<const std::string> parameters = {}) = 0;
  virtual Status Execute(const std::string& sql) = 0;
  virtual int server_version() const = 0;  // 150004
  virtual bool alive() = 0;

  // COPY ... TO STDOUT. After StartCopyOut call ReadCopy until it returns nothing (done): rows as
  // the server sent them, as many as are here, at most kCopyRowsMax. Valid until the next call.
  static constexpr size_t kCopyRowsMax = 64;
  virtual Status StartCopyOut(const std::string& sql) = 0;
  virtual Result<std::span<const std::string_view>> ReadCopy() = 0;

  // Replication: after START_REPLICATION (Execute by StartReplication). Nothing: no message now.
  virtual Status StartReplication(const std::string& command) = 0;
  virtual Result<std::optional<std::string_view>> ReceiveCopyData() = 0;
  virtual Status SendCopyData(std::string_view bytes) = 0;
  virtual int socket() const = 0;  // to wait on; -1 when closed
  virtual void Cancel() = 0;       // from any thread
  // From any thread, without a word to the server: what waits for it ends at once (kStopped), and
  // so does all that follows. The server notices when it next has something to say.
  virtual void Interrupt() = 0;

  // For `check` and for the wait on the socket.
  virtual int backend_pid() const = 0;   // as the startup packet's answer named it
  virtual bool encrypted() const = 0;    // TLS: bytes may wait inside the library
  virtual std::string host() const = 0;  // a name, an address, or a socket folder ("/...")
  virtual std::string setting(const std::string& name) const = 0;  // "server_encoding"; or empty
  // The effective value of a libpq keyword ("sslmode", "user"); never the password.
  virtual std::string keyword(const std::string& name) const = 0;
};

// A literal / identifier for the statements that take no parameters (replication commands, COPY,
// CREATE PUBLICATION). Both always quote.
std::string QuoteLiteral(std::string_view text);
std::string SqlIdentifier(std::string_view name);
std::string SqlIdentifier(std::string_view schema, std::string_view name);

}  // namespace sluice::postgres
