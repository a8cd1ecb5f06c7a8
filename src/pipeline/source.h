// The source as the pipeline asks for it, beside the stream itself: who it is, its tables, its
// slot, a snapshot to copy under. A seam: postgres_source.h is the real one, the simulation brings
// its own. Thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "change/visibility.h"
#include "postgres/connection.h"
#include "postgres/publication.h"
#include "postgres/replication/replication_source.h"
#include "postgres/source_catalog.h"

namespace sluice::pipeline {

// A snapshot that copies read under, held open by its own session.
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
  virtual Result<postgres::PublicationChange> EnsurePublication(
      const std::string& name, std::span<const postgres::PublishedTable> tables) = 0;
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
