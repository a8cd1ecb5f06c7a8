// After a restart Postgres sends again what it has not been told to forget. Those transactions must
// be the ones the bus holds, and no more: others mean that the source went back to an older state
// and on from there (a restored backup or image), where positions alone would not tell. Without
// this its new transactions would be taken for known ones.
//
// What the bus was trimmed of cannot be compared; retention keeps a full segment (bus/embedded).
#pragma once

#include <map>
#include <memory>

#include "base/error.h"
#include "bus/bus.h"

namespace sluice::pipeline {

class ResentHistory {
 public:
  // `reader` is its own. Compares what ended above `from`, the slot's confirmed position, and at or
  // below `through`, the bus's newest durable cut.
  static Result<std::unique_ptr<ResentHistory>> Open(std::unique_ptr<bus::BusReader> reader,
                                                     Lsn from, Lsn through);

  // One transaction with changes sent again, in commit order. kConfig: the bus has none or another
  // one there, or has one before that was not sent.
  Status Sent(Lsn end_lsn, uint64_t xid);
  // The source is past `through`: all of the bus's were sent. kConfig as above.
  Status Passed();

 private:
  ResentHistory(std::unique_ptr<bus::BusReader> reader, Lsn from, Lsn through)
      : reader_(std::move(reader)), from_(from), through_(through) {}
  // Until the bus's transactions up to `lsn` are in `held_`, a whole cut at a time.
  Status Load(Lsn lsn);

  std::unique_ptr<bus::BusReader> reader_;  // null: done
  Lsn from_;
  Lsn through_;
  Lsn loaded_;                    // a cut
  std::map<Lsn, uint64_t> held_;  // end LSN and xid, not sent yet
};

}  // namespace sluice::pipeline
