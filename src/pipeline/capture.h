// Capture: the source's stream onto the bus, cut by cut. Thin, and never waiting for the lake:
// decode, batch, append, and confirm to Postgres what the bus has made durable.
//
// Invariants:
// - A cut closes between transactions only, after every record up to it was appended.
// - The source is told `flushed` = the newest durable cut (or, with confirm_after lake, what the
//   ledger records), never more.
// - Transactions at or below the bus's last durable cut are dropped when they come again.
// - Keepalives are answered at once, also while a huge transaction enters or the bus is full.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>

#include "base/clock.h"
#include "bus/bus.h"
#include "pipeline/options.h"
#include "pipeline/resent_history.h"
#include "pipeline/step.h"
#include "postgres/replication/change_decoder.h"
#include "postgres/replication/replication_source.h"

namespace sluice::pipeline {

struct CaptureOptions {
  int64_t cut_interval_us = 1'000'000;
  int64_t idle_cut_interval_us = 10'000'000;
  int64_t status_interval_us = 5'000'000;
  int messages_per_step = 20'000;
  // A source that says nothing for half of this is asked for a sign of life, and given up when none
  // comes in the other half; 0: never.
  int64_t silence_max_us = 0;
};

struct CaptureProgress {                   // read by other threads
  std::atomic<uint64_t> received_lsn = 0;  // newest position the source told us of
  std::atomic<uint64_t> durable_lsn = 0;   // newest durable cut
  std::atomic<uint64_t> confirmed_lsn = 0;
  std::atomic<int64_t> durable_time_us = 0;
  std::atomic<uint64_t> changes = 0;
  std::atomic<uint64_t> spool_bytes = 0;
  std::atomic<bool> bus_full = false;
};

class Capture {
 public:
  // `source`: a fresh stream from the slot. All references outlive this. `confirmable` gives the
  // position that the lake holds (confirm_after: lake) or nothing (confirm what the bus holds);
  // `stops` the tables whose shape was found changed since it was last asked; `resent`, which the
  // decoder tells of what it skips, sees another history.
  Capture(std::unique_ptr<postgres::ReplicationSource> source,
          std::unique_ptr<postgres::ChangeDecoder> decoder, bus::BusWriter& bus, Cut durable,
          const Clock& clock, CaptureOptions options, CaptureProgress& progress,
          std::function<std::optional<Lsn>()> confirmable,
          std::function<std::vector<TableStop>()> stops, std::unique_ptr<ResentHistory> resent);

  // One bounded piece. kUnavailable: the stream broke; make a new Capture from the bus's durable
  // cut. kCorrupt, kInternal: stop.
  Result<StepResult> Step();
  // Waits for the source's next bytes, at most `micros`.
  void WaitReadable(int64_t micros) { source_->WaitReadable(micros); }

  // Somebody waits for everything up to `lsn`: ask the source how far it is, close a cut as soon as
  // it is past. Any thread.
  void RequestCut(Lsn lsn);
  // The server shuts down and waits until everything it sent is confirmed, which may not be
  // possible now (no room, lake away): the next Step ends the stream instead. Any thread.
  void LetServerGo() { let_go_ = true; }

 private:
  Status Handle(std::string_view message);
  Status HandleKeepalive(std::string_view message);
  Status WatchSilence(bool heard);
  Status HandleData(std::string_view message);
  Status QueueRecords(std::vector<postgres::ChangeDecoder::Record> records);
  Result<bool> AppendQueued();
  // Nothing counts before what the source sent again was found to be what the bus has.
  Status CheckResent(Lsn position);
  Status CloseCutIfDue();
  int64_t NewestTime() const;
  Status CloseCut(Cut cut);
  Status ConfirmIfDue(bool force);
  bool IdleCutDue(Lsn position) const;

  std::unique_ptr<postgres::ReplicationSource> source_;
  std::unique_ptr<postgres::ChangeDecoder> decoder_;
  bus::BusWriter& bus_;
  const Clock& clock_;
  CaptureOptions options_;
  CaptureProgress& progress_;
  std::function<std::optional<Lsn>()> confirmable_;
  std::function<std::vector<TableStop>()> stops_;
  std::unique_ptr<ResentHistory> resent_;  // the decoder tells it
  std::deque<bus::Record> queue_;  // decoded, not yet taken by the bus; bounded by one step's worth
  Cut last_cut_;
  Lsn idle_position_;  // of the newest keepalive at a boundary with nothing undurable
  int64_t last_cut_at_us_ = 0;
  int64_t last_status_at_us_ = 0;
  Lsn confirmed_;
  bool stop_uncut_ = false;  // a table's stop waits for its cut
  std::atomic<uint64_t> requested_lsn_ = 0;
  std::atomic<bool> let_go_ = false;
  bool ping_sent_ = false;  // and not answered yet
  int64_t ping_due_at_us_ = 0;
  int64_t heard_at_us_;                 // from the source; now, while nobody listens
  std::optional<int64_t> asked_at_us_;  // for a sign of life, since then
};

}  // namespace sluice::pipeline
