#include "audit/moment.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include "base/clock.h"
#include "bus/embedded/bus_scan.h"
#include "postgres/wal_position.h"

namespace sluice::audit {

namespace {

constexpr int kSnapshotTries = 50;
constexpr auto kPause = std::chrono::milliseconds(100);
constexpr size_t kPollBytes = 8 << 20;

Result<SnapshotVisibility> TakeSnapshot(postgres::Connection& connection) {
  SLUICE_TRY(connection.Execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"));
  SLUICE_LET(const postgres::Rows rows, connection.Query("SELECT pg_current_snapshot()"));
  return ParseSnapshot(rows.at(0).at(0).value_or(""));
}

// A commit is streamed, and may be in the lake, a moment before it turns visible.
Result<bool> SeesAllUpTo(FileSystem& files, const MomentOptions& options, Lsn cut,
                         const SnapshotVisibility& seen) {
  SLUICE_LET(const bus::BusInfo info, bus::ReadBusInfo(files, options.bus));
  const Lsn from = std::max(info.first_lsn, options.all_visible_to);
  SLUICE_LET(const Lsn through, bus::SeenThrough(files, options.bus, from, cut, seen),
             "looking for transactions that the source does not show yet");
  return through >= cut;
}

Status WaitForBus(FileSystem& files, const MomentOptions& options, Lsn reach,
                  const ReachCut& reach_cut) {
  const SystemClock clock;
  const int64_t deadline = clock.SteadyMicros() + options.timeout_us;
  bool asked = false;
  for (;;) {
    SLUICE_LET(const bus::BusInfo info, bus::ReadBusInfo(files, options.bus));
    if (info.last_cut.lsn >= reach) return {};
    if (!asked) {
      const Status answer = reach_cut(reach, options.timeout_us);
      if (!answer && answer.error().code() == "no_run") {
        return MakeError(
                   ErrorKind::kUnavailable,
                   "the bus holds changes up to {}, the source is at {}, and no pipeline runs",
                   ToString(info.last_cut.lsn), ToString(reach))
            .WithHint("start `sluice run`, then audit beside it");
      }
      asked = true;
      continue;
    }
    if (clock.SteadyMicros() >= deadline) {
      return MakeError(ErrorKind::kUnavailable, "the bus reached {} and not {} in time",
                       ToString(info.last_cut.lsn), ToString(reach))
          .WithHint("`sluice status` shows whether capture is connected; --timeout waits longer");
    }
    std::this_thread::sleep_for(kPause);
  }
}

}  // namespace

Result<Moment> TakeMoment(FileSystem& files, const MomentOptions& options, Lsn cut,
                          const ReachCut& reach_cut) {
  Moment out;
  out.cut = cut;
  SLUICE_LET(out.source, postgres::Connection::Open(options.source), "connecting to the source");
  for (int attempt = 1;; ++attempt) {
    SLUICE_LET(out.seen, TakeSnapshot(*out.source), "taking a snapshot of the source");
    SLUICE_LET(const bool sees_all, SeesAllUpTo(files, options, cut, out.seen));
    if (sees_all) break;
    if (attempt == kSnapshotTries) {
      return MakeError(ErrorKind::kUnavailable,
                       "a transaction that the lake holds does not turn visible at the source")
          .WithHint("synchronous replication may hold its commit back; audit again later");
    }
    SLUICE_TRY(out.source->Execute("ROLLBACK"));
    std::this_thread::sleep_for(kPause);
  }
  SLUICE_LET(const auto other, postgres::Connection::Open(options.source),
             "connecting to the source");
  SLUICE_LET(out.reach, postgres::PositionToReach(*other));
  SLUICE_TRY(WaitForBus(files, options, out.reach, reach_cut));
  return out;
}

Status ReadBus(FileSystem& files, const bus::EmbeddedBusOptions& options, Lsn after, Lsn through,
               const std::function<Status(const ChangeBatch&)>& take) {
  SLUICE_LET(const auto reader, bus::OpenEmbeddedReader(files, options));
  SLUICE_LET(const Lsn held, reader->Seek(0, after));
  if (held > after) {
    return MakeError(ErrorKind::kUnavailable, "the bus no longer holds what follows the lake's {}",
                     ToString(after))
        .WithHint("wait until `sluice run` has caught up, then audit again");
  }
  for (;;) {
    SLUICE_LET(const auto records, reader->Poll(0, kPollBytes), "reading the bus");
    if (records.empty()) return {};
    for (const bus::Record& record : records) {
      if (const auto* batch = std::get_if<ChangeBatch>(&record)) SLUICE_TRY(take(*batch));
      const auto* cut = std::get_if<Cut>(&record);
      if (cut != nullptr && cut->lsn >= through) return {};
    }
  }
}

}  // namespace sluice::audit
