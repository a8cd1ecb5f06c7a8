// The source as the pipeline asks for it, beside the stream itself: who it is, its tables, its
// slot, a snapshot to copy under. A seam: postgres_source.h is the real one, the simulation brings
// its own. Thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "change/visibility.h"
#include "postgres/connection.h"
#include "postgres/publication.h"
#include "postgres/replication/replication_source.h"
#include "postgres/source_catalog.h"

namespace sluice::pipeline {

// What a question to the source's catalog waits for a table's lock. Above deadlock_timeout (1 s by
// default), after which autovacuum gives way to whoever waits, and enough for DDL that runs now;
// whoever keeps a lock for longer is named, and other tables need not wait for that.
inline constexpr int kCatalogLockTimeoutMs = 5'000;

// A snapshot that copies read under, held open by its own session. A statement there waits
// kCatalogLockTimeoutMs for a lock, and its failure ends the snapshot but for a savepoint.
struct HeldSnapshot {
  std::unique_ptr<postgres::Connection> holder;
  std::string name;
  SnapshotVisibility visibility;
  Lsn insert_lsn;  // read after the snapshot was taken
  Lsn bus_from;    // what the bus holds up to here it sees (Mirror's to say)
};

struct NewSlot {
  Lsn consistent_point;
  HeldSnapshot snapshot;  // what the slot exported
};

class Source {
 public:
  virtual ~Source() = default;
  // Opens a new session when the old one went with the server.
  virtual Result<postgres::SourceIdentity> Identify() = 0;
  virtual Result<std::vector<postgres::SourceTable>> ListTables() = 0;
  virtual Result<std::optional<postgres::SourceTable>> DescribeTable(uint32_t oid) = 0;
  virtual Result<std::optional<postgres::SlotState>> FindSlot(const std::string& slot) = 0;
  virtual Result<postgres::PublicationGaps> FindPublicationGaps(
      const std::string& name, std::span<const postgres::PublishedTable> tables) = 0;
  // May wait kCatalogLockTimeoutMs for locks of tables that are not published yet, but nobody else
  // waits meanwhile. kStopped: `stop` came first.
  virtual Result<postgres::PublicationChange> EnsurePublication(
      const std::string& name, std::span<const postgres::PublishedTable> tables,
      const std::stop_token& stop) = 0;
  virtual Result<NewSlot> CreateSlot(const std::string& slot) = 0;
  virtual Result<HeldSnapshot> HoldSnapshot() = 0;
  virtual Result<std::unique_ptr<postgres::ReplicationSource>> StartStream(
      const postgres::StreamOptions& options) = 0;
  // Which transactions everybody sees now. Those that it sees, every later snapshot does.
  virtual Result<SnapshotVisibility> CurrentSnapshot() = 0;
  // Waits until everybody sees every commit that is in the log now: one may stand there for long
  // before, waiting for a synchronous standby. kUnavailable when it does not come to that.
  virtual Status WaitForHidden() = 0;
  // How far the stream must come so that it holds everything committed now.
  virtual Result<Lsn> PositionToReach() = 0;
};

}  // namespace sluice::pipeline
