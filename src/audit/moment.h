// The moment an audit compares at: a committed cut of the lake, a snapshot of the source that sees
// every transaction up to it, and the bus in between. Both sides go on meanwhile.
#pragma once

#include <functional>
#include <memory>

#include "bus/embedded/embedded_bus.h"
#include "change/visibility.h"
#include "postgres/connection.h"

namespace sluice::audit {

// Asks the running pipeline for a cut at or above `lsn`; returns when it is there or the time is
// over. An error with code "no_run": nothing runs.
using ReachCut = std::function<Status(Lsn lsn, int64_t timeout_us)>;

struct Moment {
  Lsn cut;                                       // of the lake
  SnapshotVisibility seen;                       // by `source`
  std::unique_ptr<postgres::Connection> source;  // in a transaction of that snapshot
  Lsn reach;  // every transaction that `source` sees ended at or below it
};

struct MomentOptions {
  postgres::ConnectionOptions source;
  bus::EmbeddedBusOptions bus;
  int64_t timeout_us = int64_t{60} * 1'000'000;
  Lsn all_visible_to = {};  // known: an earlier snapshot saw every transaction up to it
};

// Returns once the bus holds everything up to `reach`. kUnavailable when it does not get there.
Result<Moment> TakeMoment(FileSystem& files, const MomentOptions& options, Lsn cut,
                          const ReachCut& reach_cut);

// Every record of the bus above `after` and up to `through` or the cut that follows it.
Status ReadBus(FileSystem& files, const bus::EmbeddedBusOptions& options, Lsn after, Lsn through,
               const std::function<Status(const ChangeBatch&)>& take);

}  // namespace sluice::audit
