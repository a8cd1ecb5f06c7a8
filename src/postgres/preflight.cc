#include "postgres/preflight.h"

#include <fmt/format.h>

#include <map>

#include "postgres/row_reader.h"

namespace sluice::postgres {

namespace {

using Outcome = CheckLine::Outcome;

// We send a status every few seconds; a server that gives up before two of them is cut off.
constexpr int64_t kSenderTimeoutMinMs = 15'000;

// Everything that is one query away, as name and value.
constexpr std::string_view kFacts = R"sql(
  SELECT name, setting FROM pg_settings WHERE name IN
    ('wal_level', 'max_replication_slots', 'max_wal_senders', 'max_slot_wal_keep_size',
     'synchronous_standby_names', 'idle_replication_slot_timeout')
  UNION ALL SELECT 'database', current_database()
  UNION ALL SELECT 'user', current_user
  UNION ALL SELECT 'in_recovery', pg_is_in_recovery()::text
  UNION ALL SELECT 'slots', count(*)::text FROM pg_replication_slots
  UNION ALL SELECT 'senders', count(*)::text FROM pg_stat_activity WHERE backend_type = 'walsender'
  UNION ALL SELECT 'may_replicate', (rolsuper OR rolreplication OR EXISTS (
      SELECT FROM pg_roles g WHERE g.rolname = 'rds_replication'
         AND pg_has_role(current_user, g.oid, 'USAGE')))::text
    FROM pg_roles WHERE rolname = current_user
  UNION ALL SELECT 'old_transactions', string_agg(who, ', ') FROM (
    (SELECT 'pid ' || pid || ' since ' || date_trunc('second', xact_start) AS who
       FROM pg_stat_activity
      WHERE backend_xid IS NOT NULL AND xact_start < now() - interval '1 minute'
      ORDER BY xact_start LIMIT 3)
    UNION ALL
    (SELECT 'prepared ' || gid || ' since ' || date_trunc('second', prepared)
       FROM pg_prepared_xacts ORDER BY prepared LIMIT 3)) blockers)sql";

using Facts = std::map<std::string, std::string>;

class SourceCheck {
 public:
  SourceCheck(const ConnectionOptions& options, const std::string& slot)
      : options_(options), slot_(slot) {}

  std::vector<CheckLine> Run() {
    auto connection = Connection::Open(options_);
    if (!connection) {
      Fail("connection", connection.error());
      return std::move(lines_);
    }
    CheckConnection(**connection);
    if (const Status asked = AskFacts(**connection); !asked) {
      Fail("settings", asked.error());
      return std::move(lines_);
    }
    CheckServer();
    CheckSlotState(**connection);
    CheckRoom();
    CheckDangers();
    CheckReplicationConnection();
    return std::move(lines_);
  }

 private:
  void Add(Outcome outcome, std::string name, std::string what, std::string mend = "") {
    lines_.push_back({outcome, std::move(name), std::move(what), std::move(mend)});
  }
  void Fail(const std::string& name, const Error& error) {
    Add(Outcome::kFail, name, error.message(), error.hint());
  }
  int64_t Number(const std::string& name) const {
    const auto found = facts_.find(name);
    return found == facts_.end() ? 0 : RowReader({found->second}).Number<int64_t>();
  }

  Status AskFacts(Connection& connection);
  void CheckConnection(Connection& connection);
  void CheckPooler(Connection& connection);
  void CheckServer();
  void CheckRoom();
  void CheckDangers();
  void CheckSlotState(Connection& connection);
  void CheckReplicationConnection();

  ConnectionOptions options_;
  std::string slot_;
  Facts facts_;
  bool slot_exists_ = false;
  std::vector<CheckLine> lines_;
};

void SourceCheck::CheckConnection(Connection& connection) {
  Add(Outcome::kOk, "connection",
      fmt::format("{} on {} as {}", connection.keyword("dbname"), connection.host(),
                  connection.keyword("user")));
  lines_.push_back(CheckVersion(connection.server_version()));
  lines_.push_back(
      CheckEncryption(connection.host(), connection.keyword("sslmode"), connection.encrypted()));
  CheckPooler(connection);
  if (connection.setting("server_encoding") == "SQL_ASCII") {
    Add(Outcome::kWarn, "encoding", "SQL_ASCII: the database may hold text that is no UTF-8",
        "a table with such a value stops there; `columns: types: { column: binary }` takes it");
  }
}

// A pooler in transaction mode hands each statement another backend, and its cancel key is its own.
void SourceCheck::CheckPooler(Connection& connection) {
  for (int i = 0; i < 3; ++i) {
    const auto rows = connection.Query("SELECT pg_backend_pid()");
    if (!rows || rows->empty()) continue;
    if (RowReader(rows->front()).Number<int>() == connection.backend_pid()) continue;
    Add(Outcome::kFail, "pooler",
        "a connection pooler stands before Postgres: settings and snapshots of a session get lost",
        "let source.url name the server itself");
    return;
  }
}

Status SourceCheck::AskFacts(Connection& connection) {
  SLUICE_LET(const Rows rows, connection.Query(std::string(kFacts)), "asking for settings");
  for (const Row& row : rows) facts_[row[0].value_or("")] = row[1].value_or("");
  return {};
}

void SourceCheck::CheckServer() {
  const std::string& user = facts_["user"];
  if (facts_["in_recovery"] == "true") {
    Add(Outcome::kFail, "primary", "the server is a standby", "let source.url name the primary");
  }
  if (facts_["wal_level"] == "logical") {
    Add(Outcome::kOk, "wal_level", "logical");
  } else {
    Add(Outcome::kFail, "wal_level", facts_["wal_level"],
        "ALTER SYSTEM SET wal_level = logical, then restart the server (on RDS: "
        "rds.logical_replication = 1)");
  }
  if (facts_["may_replicate"] == "true") {
    Add(Outcome::kOk, "replication right", user + " may replicate");
  } else {
    Add(Outcome::kFail, "replication right", user + " may not replicate",
        fmt::format("ALTER ROLE {0} REPLICATION (on RDS: GRANT rds_replication TO {0})",
                    SqlIdentifier(user)));
  }
}

// Slots and walsenders that are free; ours may already be among the taken ones.
void SourceCheck::CheckRoom() {
  const std::pair<const char*, const char*> limits[] = {{"max_replication_slots", "slots"},
                                                        {"max_wal_senders", "senders"}};
  for (const auto& [limit, used] : limits) {
    const std::string what = fmt::format("{} of {} taken", Number(used), Number(limit));
    if (Number(used) < Number(limit)) {
      Add(Outcome::kOk, limit, what);
    } else {
      const bool blocks = !slot_exists_ && std::string_view(used) == "slots";
      Add(blocks ? Outcome::kFail : Outcome::kWarn, limit, what,
          fmt::format("ALTER SYSTEM SET {} = {}, then restart the server", limit,
                      Number(limit) + 2));
    }
  }
}

void SourceCheck::CheckDangers() {
  if (Number("max_slot_wal_keep_size") < 0) {
    Add(Outcome::kWarn, "max_slot_wal_keep_size",
        "unlimited: while nobody reads the slot, WAL grows until the disk is full",
        "ALTER SYSTEM SET max_slot_wal_keep_size = '50GB' (below the free disk), then SELECT "
        "pg_reload_conf()");
  } else {
    Add(Outcome::kOk, "max_slot_wal_keep_size",
        fmt::format("{} MB", Number("max_slot_wal_keep_size")));
  }
  if (Number("idle_replication_slot_timeout") > 0) {
    Add(Outcome::kWarn, "idle_replication_slot_timeout",
        "the server gives up slots that nobody reads for a while",
        "a pause longer than that needs `tables resync`; 0 turns it off");
  }
  if (MatchesSynchronousStandby(facts_["synchronous_standby_names"], options_.application_name)) {
    Add(Outcome::kFail, "synchronous_standby_names",
        fmt::format("'{}' would make every commit wait for us",
                    facts_["synchronous_standby_names"]),
        "name the standbys one by one in synchronous_standby_names");
  }
}

void SourceCheck::CheckSlotState(Connection& connection) {
  const auto slot = FindSlot(connection, slot_);
  if (!slot) return Fail("slot", slot.error());
  slot_exists_ = slot->has_value();
  lines_.push_back(CheckSlot(slot_, *slot, facts_["database"]));
  const std::string& old = facts_["old_transactions"];
  if (!slot_exists_ && !old.empty()) {
    Add(Outcome::kWarn, "old transactions", old,
        "the new slot waits for them: end them (pg_terminate_backend, ROLLBACK PREPARED)");
  }
}

void SourceCheck::CheckReplicationConnection() {
  ConnectionOptions options = options_;
  options.replication = true;
  auto connection = Connection::Open(options);
  if (!connection) return Fail("replication connection", connection.error());
  const auto rows =
      (*connection)
          ->Query(
              "SELECT setting, current_setting('logical_decoding_work_mem') FROM pg_settings "
              "WHERE name = 'wal_sender_timeout'");
  if (!rows || rows->empty()) {
    return Add(Outcome::kFail, "replication connection", "it answers no query",
               "is there a pooler in front of Postgres?");
  }
  RowReader in(rows->front());
  const auto timeout_ms = in.Number<int64_t>();
  const std::string what = fmt::format(
      "works; wal_sender_timeout {} s, logical_decoding_work_mem {}", timeout_ms / 1000, in.Text());
  if (timeout_ms > 0 && timeout_ms < kSenderTimeoutMinMs) {
    return Add(Outcome::kWarn, "replication connection", what,
               "a short pause would end the stream: leave wal_sender_timeout to us");
  }
  Add(Outcome::kOk, "replication connection", what);
}

}  // namespace

std::vector<CheckLine> CheckSource(const ConnectionOptions& options, const std::string& slot) {
  return SourceCheck(options, slot).Run();
}

}  // namespace sluice::postgres
