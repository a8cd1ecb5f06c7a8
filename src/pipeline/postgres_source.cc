#include "pipeline/postgres_source.h"

#include <algorithm>
#include <functional>
#include <mutex>
#include <thread>

#include "base/log.h"
#include "postgres/wal_position.h"

namespace sluice::pipeline {

namespace {

constexpr int64_t kVisibilityWaitUs = 60'000'000;
constexpr int64_t kVisibilityPauseUs = 10'000;
constexpr int kOldestVersion = 140000;

Result<SnapshotVisibility> AskSnapshot(postgres::Connection& connection) {
  SLUICE_LET(const postgres::Rows rows, connection.Query("SELECT pg_current_snapshot()"));
  return ParseSnapshot(rows.at(0).at(0).value_or(""));
}

// Asks until everybody's snapshot is as `wanted`. False: it does not come to that.
Result<bool> WaitForSnapshot(postgres::Connection& session,
                             const std::function<bool(const SnapshotVisibility&)>& wanted) {
  for (int64_t waited = 0; waited < kVisibilityWaitUs; waited += kVisibilityPauseUs) {
    SLUICE_LET(const SnapshotVisibility now, AskSnapshot(session));
    if (wanted(now)) return true;
    std::this_thread::sleep_for(std::chrono::microseconds(kVisibilityPauseUs));
  }
  return false;
}

// A commit may be decoded before the server's own commit log says so: then the exported snapshot
// sees it, and a scan does not.
Status WaitUntilVisible(postgres::Connection& other, const SnapshotVisibility& imported) {
  SLUICE_LET(const bool visible, WaitForSnapshot(other, [&](const SnapshotVisibility& now) {
               return now.SeesAllOf(imported);
             }));
  if (visible) return {};
  return MakeError(ErrorKind::kUnavailable,
                   "a transaction that the slot's snapshot sees does not become visible")
      .WithHint("look for commits that wait for a synchronous standby");
}

// Nothing tells a commit that waits for its standby from a transaction that is open: all that are
// there now have to end, where commits do wait for standbys.
Status WaitForStandbys(postgres::Connection& session) {
  SLUICE_LET(const postgres::Rows setting,
             session.Query("SELECT current_setting('synchronous_standby_names')"));
  if (setting.at(0).at(0).value_or("").empty()) return {};
  // A snapshot lists those in progress below the newest xid that has ended: ours is above theirs.
  SLUICE_TRY(postgres::EndEmptyTransaction(session));
  SLUICE_LET(const SnapshotVisibility first, AskSnapshot(session));
  if (first.in_progress.empty()) return {};
  log::Get("pipeline")
      ->info("waiting for {} transactions: one of them may be a commit that waits for a standby",
             first.in_progress.size());
  SLUICE_LET(const bool ended, WaitForSnapshot(session, [&](const SnapshotVisibility& now) {
               return std::all_of(first.in_progress.begin(), first.in_progress.end(),
                                  [&](uint64_t xid) { return now.Sees(xid); });
             }));
  if (ended) return {};
  return MakeError(ErrorKind::kUnavailable,
                   "a transaction does not end, which may be a commit that waits for a standby")
      .WithHint(
          "look in pg_stat_activity for wait_event SyncRep and for long transactions, then "
          "run again");
}

// A fresh snapshot, or (with `imported`) the one a slot exported: then it first waits until others
// see every transaction that it sees.
Result<HeldSnapshot> Hold(const postgres::ConnectionOptions& source, const std::string& imported) {
  HeldSnapshot out;
  SLUICE_LET(out.holder, postgres::Connection::Open(source), "opening the snapshot's session");
  SLUICE_TRY(out.holder->Execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"));
  if (!imported.empty()) {
    SLUICE_TRY(out.holder->Execute("SET TRANSACTION SNAPSHOT " + postgres::QuoteLiteral(imported)),
               "taking over the slot's snapshot");
  }
  SLUICE_LET(const postgres::Rows exported,
             out.holder->Query("SELECT pg_export_snapshot(), pg_current_snapshot()"));
  out.name = exported.at(0).at(0).value_or("");
  SLUICE_LET(out.visibility, ParseSnapshot(exported.at(0).at(1).value_or("")));
  SLUICE_LET(const auto other, postgres::Connection::Open(source));
  SLUICE_LET(out.insert_lsn, postgres::PositionToReach(*other));
  SLUICE_TRY(postgres::EndEmptyTransaction(*other));  // the copies need a cut above it
  if (!imported.empty()) SLUICE_TRY(WaitUntilVisible(*other, out.visibility));
  return out;
}

class PostgresSource final : public Source {
 public:
  PostgresSource(postgres::ConnectionOptions options, std::unique_ptr<postgres::Connection> session)
      : options_(std::move(options)), session_(std::move(session)) {}

  Result<postgres::SourceIdentity> Identify() override {
    const std::lock_guard lock(mutex_);
    if (!session_->alive()) {
      SLUICE_LET(session_, postgres::Connection::Open(options_), "connecting to the source");
    }
    return postgres::IdentifySource(*session_);
  }
  Result<std::vector<postgres::SourceTable>> ListTables() override {
    const std::lock_guard lock(mutex_);
    return postgres::ListTables(*session_);
  }
  Result<std::optional<postgres::SourceTable>> DescribeTable(uint32_t oid) override {
    const std::lock_guard lock(mutex_);
    return postgres::DescribeTable(*session_, oid);
  }
  Result<std::optional<postgres::SlotState>> FindSlot(const std::string& slot) override {
    const std::lock_guard lock(mutex_);
    return postgres::FindSlot(*session_, slot);
  }
  Result<postgres::PublicationGaps> FindPublicationGaps(
      const std::string& name, std::span<const postgres::PublishedTable> tables) override {
    const std::lock_guard lock(mutex_);
    return postgres::FindPublicationGaps(*session_, name, tables);
  }
  Result<postgres::PublicationChange> EnsurePublication(
      const std::string& name, std::span<const postgres::PublishedTable> tables,
      const std::stop_token& stop) override {
    const std::lock_guard one_at_a_time(publishing_);
    SLUICE_LET(postgres::PublicationChange plan, PlanPublication(name, tables));
    if (plan.statements.empty()) return plan;
    // It waits for locks of the tables, and the others for `session_` must not.
    SLUICE_LET(const auto session, postgres::Connection::Open(options_));
    const std::stop_callback interrupt(stop, [&] { session->Interrupt(); });
    return postgres::EnsurePublication(*session, name, tables);
  }
  Result<NewSlot> CreateSlot(const std::string& slot) override {
    // It waits for every transaction that runs.
    SLUICE_LET(const auto session, OpenReplication(0));
    SLUICE_LET(const postgres::CreatedSlot created, postgres::CreateSlot(*session, slot));
    SLUICE_LET(HeldSnapshot snapshot, Hold(options_, created.snapshot_name));
    return NewSlot{created.consistent_point, std::move(snapshot)};
  }
  Result<HeldSnapshot> HoldSnapshot() override { return Hold(options_, ""); }
  Result<std::unique_ptr<postgres::ReplicationSource>> StartStream(
      const postgres::StreamOptions& options) override {
    SLUICE_LET(auto session, OpenReplication(options_.silence_max_ms));
    return postgres::StartStream(std::move(session), options);
  }
  Result<SnapshotVisibility> CurrentSnapshot() override {
    const std::lock_guard lock(mutex_);
    return AskSnapshot(*session_);
  }
  Status WaitForHidden() override {
    const std::lock_guard lock(mutex_);
    return WaitForStandbys(*session_);
  }
  Result<Lsn> PositionToReach() override {
    const std::lock_guard lock(mutex_);
    return postgres::PositionToReach(*session_);
  }

 private:
  Result<postgres::PublicationChange> PlanPublication(
      const std::string& name, std::span<const postgres::PublishedTable> tables) {
    const std::lock_guard lock(mutex_);
    return postgres::PlanPublication(*session_, name, tables);
  }
  Result<std::unique_ptr<postgres::Connection>> OpenReplication(int silence_max_ms) const {
    postgres::ConnectionOptions replication = options_;
    replication.replication = true;
    replication.lock_timeout_ms = 0;
    replication.silence_max_ms = silence_max_ms;
    return postgres::Connection::Open(replication);
  }

  const postgres::ConnectionOptions options_;
  std::mutex publishing_;  // before mutex_
  std::mutex mutex_;
  std::unique_ptr<postgres::Connection> session_;
};

}  // namespace

Result<std::unique_ptr<Source>> OpenPostgresSource(postgres::ConnectionOptions options) {
  options.lock_timeout_ms = kCatalogLockTimeoutMs;
  SLUICE_LET(auto session, postgres::Connection::Open(options), "connecting to the source");
  SLUICE_LET(const auto identity, postgres::IdentifySource(*session),
             "asking the source who it is");
  if (identity.server_version < kOldestVersion) {
    return MakeError(ErrorKind::kConfig, "the source is Postgres {}, 14 or newer is needed",
                     identity.server_version / 10000)
        .WithHint("upgrade the source");
  }
  return std::unique_ptr<Source>(
      std::make_unique<PostgresSource>(std::move(options), std::move(session)));
}

}  // namespace sluice::pipeline
