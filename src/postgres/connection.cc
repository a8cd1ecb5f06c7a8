#include "postgres/connection.h"

#include <libpq-fe.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <utility>

#include "postgres/connection_string.h"
#include "postgres/sql_error.h"
#include "postgres/wire_reader.h"

namespace sluice::postgres {

namespace {

struct FreeConnection {
  void operator()(PGconn* connection) const { PQfinish(connection); }
};
struct FreeResult {
  void operator()(PGresult* result) const { PQclear(result); }
};
struct FreeCancel {
  void operator()(PGcancel* cancel) const { PQfreeCancel(cancel); }
};
using ConnectionHandle = std::unique_ptr<PGconn, FreeConnection>;
using ResultHandle = std::unique_ptr<PGresult, FreeResult>;

// libpq waits without end when connect_timeout is zero.
constexpr int kForeverS = 24 * 3600;

class LibpqConnection final : public Connection {
 public:
  LibpqConnection(ConnectionHandle connection, const ConnectionOptions& options)
      : connection_(std::move(connection)),
        cancel_(PQgetCancel(connection_.get())),
        replication_(options.replication),
        silence_max_ms_(options.silence_max_ms > 0 ? options.silence_max_ms : -1),
        wire_end_(dup(PQsocket(connection_.get()))) {}
  ~LibpqConnection() override {
    if (wire_end_ >= 0) close(wire_end_);
  }
  LibpqConnection(const LibpqConnection&) = delete;
  LibpqConnection& operator=(const LibpqConnection&) = delete;

  Result<Rows> Query(const std::string& sql, std::span<const std::string> parameters) override;
  Status Execute(const std::string& sql) override;
  int server_version() const override { return PQserverVersion(connection_.get()); }
  bool alive() override;
  Status StartCopyOut(const std::string& sql) override;
  Result<std::span<const std::string_view>> ReadCopy() override;
  Status StartReplication(const std::string& command) override;
  Result<std::optional<std::string_view>> ReceiveCopyData() override;
  Status SendCopyData(std::string_view bytes) override;
  int socket() const override { return PQsocket(connection_.get()); }
  void Cancel() override;
  void Interrupt() override;
  int backend_pid() const override { return PQbackendPID(connection_.get()); }
  bool encrypted() const override { return PQsslInUse(connection_.get()) != 0; }
  std::string host() const override;
  std::string setting(const std::string& name) const override;
  std::string keyword(const std::string& name) const override;

 private:
  ResultHandle Run(const std::string& sql, std::span<const std::string> parameters);
  // Waits until the server sent something. False: it kept silent too long.
  bool AwaitInput();
  // The next result of a statement, as PQgetResult, or none where the server keeps silent.
  ResultHandle NextResult();
  Error Failure(const PGresult* result);
  Error Lost();
  Error Judge(Error error);
  // A COPY in either form goes past libpq.
  std::unique_ptr<WireSocket> Wire();
  Status StartWire(const std::string& sql, char expected);
  Status EndWire(Status ended);

  ConnectionHandle connection_;
  std::unique_ptr<PGcancel, FreeCancel> cancel_;
  std::vector<std::string_view> rows_;  // of the last ReadCopy
  std::unique_ptr<WireReader> wire_;    // during a COPY
  bool replication_;
  int silence_max_ms_;   // -1: for ever
  int silent_ms_ = 0;    // so far, where it is counted piece by piece
  bool broken_ = false;  // out of step with the server: not used again
  bool silent_ = false;  // broken so
  std::atomic<bool> cancelled_ = false;
  // The socket once more: libpq closes its own when the connection is lost, and the number may be
  // another's by the time that somebody interrupts.
  const int wire_end_;
  std::atomic<bool> interrupted_ = false;
};

// Under TLS decrypted bytes may wait inside libpq while the socket is silent.
constexpr int kEncryptedWaitMs = 20;
constexpr const char* kTlsLibrary = "OpenSSL";  // as libpq names it

Error LibpqConnection::Lost() {
  if (interrupted_) return MakeError(ErrorKind::kStopped, "stopped before Postgres answered");
  if (silent_) return SilentError(silence_max_ms_);
  if (broken_) {
    return MakeError(ErrorKind::kUnavailable,
                     "the connection to Postgres is lost: a COPY broke off");
  }
  const std::string_view words = PQerrorMessage(connection_.get());
  return MakeError(ErrorKind::kUnavailable, "the connection to Postgres is lost: {}",
                   words.substr(0, words.find('\n')));
}

Error LibpqConnection::Failure(const PGresult* result) {
  const char* code = result == nullptr ? nullptr : PQresultErrorField(result, PG_DIAG_SQLSTATE);
  if (code == nullptr) {
    const bool lost = broken_ || interrupted_ || PQstatus(connection_.get()) == CONNECTION_BAD;
    if (lost) return Lost();
    const char* status = PQresStatus(PQresultStatus(result));
    return MakeError(ErrorKind::kInternal, "libpq answered {} out of turn", status);
  }
  const char* words = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
  return Judge(SqlError(code, words == nullptr ? "" : words));
}

Error LibpqConnection::Judge(Error error) {
  if (error.code() == "57014" && cancelled_.exchange(false)) {
    return std::move(error).WithKind(ErrorKind::kStopped);
  }
  return error;
}

ResultHandle LibpqConnection::Run(const std::string& sql, std::span<const std::string> parameters) {
  if (broken_) return nullptr;
  std::vector<const char*> values;
  for (const std::string& parameter : parameters) values.push_back(parameter.c_str());
  const int sent = parameters.empty() ? PQsendQuery(connection_.get(), sql.c_str())
                                      : PQsendQueryParams(connection_.get(), sql.c_str(),
                                                          static_cast<int>(values.size()), nullptr,
                                                          values.data(), nullptr, nullptr, 0);
  ResultHandle last;
  while (sent == 1) {
    ResultHandle next = NextResult();
    if (next == nullptr) break;
    last = std::move(next);
  }
  if (broken_) return nullptr;
  return last;
}

bool LibpqConnection::AwaitInput() {
  pollfd waiting{PQsocket(connection_.get()), POLLIN, 0};
  if (!encrypted()) {
    silent_ = poll(&waiting, 1, silence_max_ms_) == 0;
    broken_ = broken_ || silent_;
    return !silent_;
  }
  const bool heard = poll(&waiting, 1, kEncryptedWaitMs) != 0;
  silent_ms_ = heard ? 0 : silent_ms_ + kEncryptedWaitMs;
  silent_ = silence_max_ms_ >= 0 && silent_ms_ >= silence_max_ms_;
  broken_ = broken_ || silent_;
  return !silent_;
}

ResultHandle LibpqConnection::NextResult() {
  silent_ms_ = 0;
  while (PQisBusy(connection_.get()) != 0) {
    if (!AwaitInput()) return nullptr;
    if (PQconsumeInput(connection_.get()) == 0) break;
  }
  return ResultHandle(PQgetResult(connection_.get()));
}

Result<Rows> LibpqConnection::Query(const std::string& sql,
                                    std::span<const std::string> parameters) {
  if (replication_ && !parameters.empty()) {
    return MakeError(ErrorKind::kInternal, "a replication connection takes no parameters");
  }
  cancelled_ = false;
  const ResultHandle result = Run(sql, parameters);
  const ExecStatusType status = PQresultStatus(result.get());
  if (status == PGRES_COMMAND_OK) return Rows{};
  if (status != PGRES_TUPLES_OK) return Failure(result.get());
  Rows rows(static_cast<size_t>(PQntuples(result.get())));
  const int columns = PQnfields(result.get());
  for (size_t r = 0; r < rows.size(); ++r) {
    rows[r].resize(static_cast<size_t>(columns));
    for (int c = 0; c < columns; ++c) {
      const int row = static_cast<int>(r);
      if (PQgetisnull(result.get(), row, c) != 0) continue;
      rows[r][static_cast<size_t>(c)].emplace(
          PQgetvalue(result.get(), row, c), static_cast<size_t>(PQgetlength(result.get(), row, c)));
    }
  }
  return rows;
}

Status LibpqConnection::Execute(const std::string& sql) {
  SLUICE_TRY(Query(sql, {}));
  return {};
}

bool LibpqConnection::alive() {
  if (broken_ || PQstatus(connection_.get()) != CONNECTION_OK) return false;
  return wire_ != nullptr || PQconsumeInput(connection_.get()) != 0;
}

std::unique_ptr<WireSocket> LibpqConnection::Wire() {
  const int socket = PQsocket(connection_.get());
  if (!encrypted()) return PlainSocket(socket);
  return TlsSocket(static_cast<ssl_st*>(PQsslStruct(connection_.get(), kTlsLibrary)), socket);
}

Status LibpqConnection::StartWire(const std::string& sql, char expected) {
  cancelled_ = false;
  if (broken_ || PQstatus(connection_.get()) != CONNECTION_OK) return Lost();
  auto socket = Wire();
  // Who reads a stream waits by itself, and not only for the socket.
  const bool gathers = !replication_ && IsTcp(socket->handle());
  wire_ = std::make_unique<WireReader>(std::move(socket), gathers, silence_max_ms_);
  const Status sent = wire_->Send('Q', std::string_view(sql.c_str(), sql.size() + 1));
  if (!sent) return EndWire(sent);
  while (true) {
    const auto message = wire_->Next();
    if (!message) return EndWire(message.error());
    if (message->kind == expected) return {};
    if (message->kind == 'E') return EndWire(Judge(ServerError(message->body)));
    if (message->kind == 'Z') break;
  }
  wire_.reset();
  return MakeError(ErrorKind::kInternal, "the server ended a COPY that it had not begun");
}

// Up to ReadyForQuery, from where libpq goes on. Returns `ended` or the first error met.
Status LibpqConnection::EndWire(Status ended) {
  const auto wire = std::move(wire_);
  while (true) {
    const auto message = wire->Next();
    if (!message) {
      broken_ = true;
      if (interrupted_) return Lost();
      return ended ? Status(message.error()) : ended;
    }
    if (message->kind == 'E' && ended) ended = Judge(ServerError(message->body));
    if (message->kind == 'Z') break;
  }
  const Status finished = wire->Finish();
  return ended ? finished : ended;
}

Status LibpqConnection::StartCopyOut(const std::string& sql) { return StartWire(sql, 'H'); }

Result<std::span<const std::string_view>> LibpqConnection::ReadCopy() {
  if (wire_ == nullptr) return Lost();
  while (true) {
    const auto message = wire_->Next();
    if (message && message->kind == 'd') {
      rows_.assign(1, message->body);
      wire_->TakeCopyData(rows_, kCopyRowsMax);
      return rows_;
    }
    if (message && message->kind != 'c' && message->kind != 'E') continue;  // a notice
    Status ended;
    if (!message) ended = message.error();
    if (message && message->kind == 'E') ended = Judge(ServerError(message->body));
    SLUICE_TRY(EndWire(ended));
    return std::span<const std::string_view>();
  }
}

Status LibpqConnection::StartReplication(const std::string& command) {
  return StartWire(command, 'W');
}

Result<std::optional<std::string_view>> LibpqConnection::ReceiveCopyData() {
  if (wire_ == nullptr) return Lost();
  while (true) {
    SLUICE_LET(const auto message, wire_->Poll());
    if (!message) return std::optional<std::string_view>();
    if (message->kind == 'd') return std::optional(message->body);
    if (message->kind == 'E') return Judge(ServerError(message->body));
    if (message->kind == 'c') {
      return MakeError(ErrorKind::kUnavailable, "the server ended the replication stream");
    }
  }
}

Status LibpqConnection::SendCopyData(std::string_view bytes) {
  if (wire_ == nullptr) return Lost();
  return wire_->Send('d', bytes);
}

void LibpqConnection::Cancel() {
  cancelled_ = true;
  if (broken_ || interrupted_) return;  // no way to the server, and PQcancel would wait for one
  char problem[256];
  // Only asks; the statement fails or ends by itself. Nothing to do when the server is gone.
  static_cast<void>(PQcancel(cancel_.get(), problem, static_cast<int>(sizeof(problem))));
}

void LibpqConnection::Interrupt() {
  interrupted_ = true;
  if (wire_end_ >= 0) shutdown(wire_end_, SHUT_RDWR);
}

std::string LibpqConnection::host() const {
  const char* host = PQhost(connection_.get());
  return host == nullptr ? "" : host;
}

std::string LibpqConnection::setting(const std::string& name) const {
  const char* value = PQparameterStatus(connection_.get(), name.c_str());
  return value == nullptr ? "" : value;
}

std::string EffectiveKeyword(PGconn* connection, std::string_view name) {
  std::string out;
  PQconninfoOption* const options = PQconninfo(connection);
  for (const PQconninfoOption* option = options; option != nullptr && option->keyword != nullptr;
       ++option) {
    const bool secret = option->dispchar[0] == '*';
    if (name == option->keyword && option->val != nullptr && !secret) out = option->val;
  }
  PQconninfoFree(options);
  return out;
}

std::string LibpqConnection::keyword(const std::string& name) const {
  return EffectiveKeyword(connection_.get(), name);
}

Status WaitForSocket(PGconn* connection, PostgresPollingStatusType want,
                     std::chrono::steady_clock::time_point deadline) {
  using std::chrono::milliseconds;
  const auto left =
      std::chrono::duration_cast<milliseconds>(deadline - std::chrono::steady_clock::now());
  pollfd waiting{PQsocket(connection),
                 static_cast<int16_t>(want == PGRES_POLLING_WRITING ? POLLOUT : POLLIN), 0};
  if (left.count() > 0 && poll(&waiting, 1, static_cast<int>(left.count())) != 0) return {};
  return MakeError(ErrorKind::kUnavailable, "the server did not answer in time")
      .WithHint("check host, port and firewall; connect_timeout in source.url sets the time");
}

// PQconnectdb, but under PQERRORS_VERBOSE: only so does a refusal's SQLSTATE come through.
Status Connect(PGconn* connection) {
  PQsetErrorVerbosity(connection, PQERRORS_VERBOSE);
  const int timeout_s = std::atoi(EffectiveKeyword(connection, "connect_timeout").c_str());
  const auto deadline = std::chrono::steady_clock::now() +
                        std::chrono::seconds(timeout_s > 0 ? timeout_s : kForeverS);
  PostgresPollingStatusType state = PGRES_POLLING_WRITING;
  while (PQstatus(connection) != CONNECTION_BAD && state != PGRES_POLLING_OK) {
    SLUICE_TRY(WaitForSocket(connection, state, deadline));
    state = PQconnectPoll(connection);
    if (state == PGRES_POLLING_FAILED) break;
  }
  if (PQstatus(connection) != CONNECTION_OK) return ConnectError(PQerrorMessage(connection));
  PQsetErrorVerbosity(connection, PQERRORS_DEFAULT);
  return {};
}

// What cannot stand in the startup packet: it depends on the server.
Status Settle(Connection& connection) {
  if (connection.setting("server_encoding") == "SQL_ASCII") {
    // No conversion exists, and UTF8 would make the server refuse other bytes: take them raw.
    SLUICE_TRY(connection.Execute("SET client_encoding = 'SQL_ASCII'"));
  }
  if (connection.server_version() >= 170000) {
    SLUICE_TRY(connection.Execute("SET transaction_timeout = 0"));
  }
  return {};
}

// A COPY is read past libpq, and so must be encrypted in a way that is known here.
Status CheckEncryption(PGconn* connection) {
  const bool gss = PQgssEncInUse(connection) != 0;
  const bool tls = PQsslInUse(connection) != 0;
  if (!gss && (!tls || PQsslStruct(connection, kTlsLibrary) != nullptr)) return {};
  return MakeError(ErrorKind::kConfig, "the session is encrypted by {}, which Sluice does not read",
                   gss ? "GSSAPI" : "another library than OpenSSL")
      .WithHint("add gssencmode=disable and sslmode=verify-full to source.url");
}

Result<ConnectionHandle> Dial(const ConnectionOptions& options) {
  SLUICE_LET(const auto keywords, ConnectionKeywords(options));
  std::vector<const char*> names;
  std::vector<const char*> values;
  for (const auto& [name, value] : keywords) {
    names.push_back(name.c_str());
    values.push_back(value.c_str());
  }
  names.push_back(nullptr);
  values.push_back(nullptr);
  ConnectionHandle handle(PQconnectStartParams(names.data(), values.data(), 1));
  if (handle == nullptr) return MakeError(ErrorKind::kExhausted, "no memory for a connection");
  if (EffectiveKeyword(handle.get(), "host").find(',') == std::string::npos) {
    SLUICE_TRY(Connect(handle.get()));
    return handle;
  }
  // Only libpq's own loop gives up one of several hosts and tries the next.
  handle.reset(PQconnectdbParams(names.data(), values.data(), 1));
  if (PQstatus(handle.get()) != CONNECTION_OK) return ConnectError(PQerrorMessage(handle.get()));
  return handle;
}

}  // namespace

Result<std::unique_ptr<Connection>> Connection::Open(const ConnectionOptions& options) {
  SLUICE_LET(ConnectionHandle handle, Dial(options), "connecting to Postgres");
  SLUICE_TRY(CheckEncryption(handle.get()), "connecting to Postgres");
  // The server's notices would go to stderr, past the log.
  PQsetNoticeProcessor(
      handle.get(), [](void*, const char*) {}, nullptr);
  auto connection = std::make_unique<LibpqConnection>(std::move(handle), options);
  SLUICE_TRY(Settle(*connection), "setting up the session");
  return std::unique_ptr<Connection>(std::move(connection));
}

std::string QuoteLiteral(std::string_view text) {
  // E'' whenever a backslash is in it, so that standard_conforming_strings does not matter.
  std::string out = text.find('\\') == std::string_view::npos ? "'" : " E'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') out += c;
    out += c;
  }
  return out + '\'';
}

std::string SqlIdentifier(std::string_view name) {
  std::string out = "\"";
  for (const char c : name) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + '"';
}

std::string SqlIdentifier(std::string_view schema, std::string_view name) {
  return SqlIdentifier(schema) + "." + SqlIdentifier(name);
}

}  // namespace sluice::postgres
