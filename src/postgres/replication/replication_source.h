// The source seam of capture: CopyData bytes in, positions out. The simulation implements it by
// encoding pgoutput itself, so decoder, spool and abort handling are inside it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "change/lsn.h"
#include "postgres/connection.h"

namespace sluice::postgres {

struct StandbyStatus {
  Lsn received;
  Lsn flushed;  // durable here: the source may forget it
};

class ReplicationSource {
 public:
  virtual ~ReplicationSource() = default;
  // The next CopyData payload ('w' or 'k' message), nothing when none is there now. Never waits.
  // The view is valid until the next call. kUnavailable: the stream broke, reconnect.
  virtual Result<std::optional<std::string_view>> Receive() = 0;
  virtual Status SendStatus(const StandbyStatus& status, bool want_reply) = 0;
  // Returns when something may have arrived or `micros` passed.
  virtual void WaitReadable(int64_t micros) = 0;
};

struct StreamOptions {
  std::string slot;
  std::string publication;  // comma separated names are quoted one by one
  Lsn start;
  bool binary = true;
  bool streaming = true;
};

struct CreatedSlot {
  Lsn consistent_point;
  std::string snapshot_name;  // dies with the next command on this connection
};

// On a replication connection. Errors name the cause: no free slot (53400), missing REPLICATION
// right (42501), the slot exists (42710), waiting for old transactions (55P03, kUnavailable, names
// the blockers): each wait for one of them is bounded by `wait_s`.
Result<CreatedSlot> CreateSlot(Connection& replication, const std::string& slot, int wait_s = 60);
// A slot that does not exist is no error.
Status DropSlot(Connection& connection, const std::string& slot);
// START_REPLICATION; takes the connection. 55006 (active for another pid), 55000 (lost), 42704
// (gone) keep their codes.
Result<std::unique_ptr<ReplicationSource>> StartStream(std::unique_ptr<Connection> replication,
                                                       const StreamOptions& options);

}  // namespace sluice::postgres
