#include "pipeline/capture.h"

#include <algorithm>

#include "base/byte_reader.h"
#include "base/fault_point.h"
#include "base/log.h"

namespace sluice::pipeline {

namespace {

constexpr int64_t kPingPauseUs = 10'000;

// Stage records of the decoder and of the bus differ by what only the bus has (cuts).
bus::Record ToBusRecord(postgres::ChangeDecoder::Record record) {
  return std::visit([](auto&& value) -> bus::Record { return std::move(value); },
                    std::move(record));
}

}  // namespace

Capture::Capture(std::unique_ptr<postgres::ReplicationSource> source,
                 std::unique_ptr<postgres::ChangeDecoder> decoder, bus::BusWriter& bus, Cut durable,
                 const Clock& clock, CaptureOptions options, CaptureProgress& progress,
                 std::function<std::optional<Lsn>()> confirmable,
                 std::function<std::vector<TableStop>()> stops,
                 std::unique_ptr<ResentHistory> resent)
    : source_(std::move(source)),
      decoder_(std::move(decoder)),
      bus_(bus),
      clock_(clock),
      options_(options),
      progress_(progress),
      confirmable_(std::move(confirmable)),
      stops_(std::move(stops)),
      resent_(std::move(resent)),
      last_cut_(durable),
      last_cut_at_us_(clock.SteadyMicros()),
      heard_at_us_(last_cut_at_us_) {
  decoder_->SkipThrough(durable.lsn);
  progress_.durable_lsn = durable.lsn.value;
}

void Capture::RequestCut(Lsn lsn) {
  uint64_t before = requested_lsn_;
  while (before < lsn.value && !requested_lsn_.compare_exchange_weak(before, lsn.value)) {
  }
}

Result<StepResult> Capture::Step() {
  StepResult out;
  if (let_go_) return MakeError(ErrorKind::kUnavailable, "the server shuts down");
  SLUICE_TRY(ConfirmIfDue(false));
  SLUICE_LET(const bool room, AppendQueued());
  if (!room || decoder_->adopting()) heard_at_us_ = clock_.SteadyMicros();
  if (!room) return out;  // the bus is full: nothing more is read, Postgres keeps the rest
  if (decoder_->adopting()) {
    SLUICE_TRY(decoder_->Continue(), "taking in a streamed transaction");
    SLUICE_TRY(QueueRecords(decoder_->TakeRecords()));
    out.worked = true;
    return out;
  }
  for (int i = 0; i < options_.messages_per_step && !decoder_->adopting(); ++i) {
    SLUICE_LET(const auto message, source_->Receive());
    if (!message) break;
    SLUICE_TRY(Handle(*message));
    out.worked = true;
  }
  SLUICE_TRY(WatchSilence(out.worked));
  SLUICE_TRY(QueueRecords(decoder_->TakeRecords()));
  SLUICE_TRY(CloseCutIfDue());
  progress_.spool_bytes = decoder_->spool_bytes();
  out.wake_in_us = std::min<int64_t>(options_.cut_interval_us / 4, 50'000);
  return out;
}

// A connection may be dead without a word.
Status Capture::WatchSilence(bool heard) {
  const int64_t now = clock_.SteadyMicros();
  if (heard) {
    heard_at_us_ = now;
    asked_at_us_.reset();
  }
  if (options_.silence_max_us == 0 || now - heard_at_us_ < options_.silence_max_us / 2) return {};
  if (!asked_at_us_) {
    asked_at_us_ = now;
    return source_->SendStatus({Lsn{progress_.received_lsn}, confirmed_}, true);
  }
  if (now - *asked_at_us_ < options_.silence_max_us / 2) return {};
  return MakeError(ErrorKind::kUnavailable, "the source was silent for {} s",
                   (now - heard_at_us_) / 1'000'000);
}

Status Capture::Handle(std::string_view message) {
  if (message.empty()) return MakeError(ErrorKind::kCorrupt, "the stream sent an empty message");
  if (message[0] == 'w') return HandleData(message);
  if (message[0] == 'k') return HandleKeepalive(message);
  return MakeError(ErrorKind::kCorrupt, "the stream sent a message of type {}",
                   static_cast<int>(message[0]));
}

// 'w': int64 start, int64 end, int64 clock, then one pgoutput message.
Status Capture::HandleData(std::string_view message) {
  constexpr size_t kHeader = 1 + 3 * 8;
  if (message.size() < kHeader) return MakeError(ErrorKind::kCorrupt, "the stream cut a message");
  SLUICE_TRY(decoder_->Consume(message.substr(kHeader)));
  SLUICE_TRY(CheckResent(decoder_->last_end().lsn));
  progress_.received_lsn = std::max(progress_.received_lsn.load(), decoder_->last_end().lsn.value);
  return {};
}

// 'k': int64 wal_end, int64 clock, byte reply_requested. At a boundary with nothing undurable,
// wal_end says that every earlier commit was sent, so the slot may move there.
Status Capture::HandleKeepalive(std::string_view message) {
  ByteReader in(message.substr(1));
  const Lsn wal_end{in.U64()};
  in.U64();
  const bool reply_requested = in.U8() != 0;
  if (!in.done()) return MakeError(ErrorKind::kCorrupt, "the stream cut a keepalive");
  progress_.received_lsn = std::max(progress_.received_lsn.load(), wal_end.value);
  ping_sent_ = false;
  if (decoder_->at_boundary()) {
    SLUICE_TRY(CheckResent(wal_end));
    idle_position_ = std::max(idle_position_, wal_end);
    // A server that shuts down asks again and again until we hold everything.
    if (reply_requested) RequestCut(wal_end);
  }
  if (reply_requested) return ConfirmIfDue(true);
  return {};
}

Status Capture::CheckResent(Lsn position) {
  if (position <= last_cut_.lsn) return {};
  SLUICE_TRY(resent_->Passed(), "comparing the source with the bus");
  return {};
}

Status Capture::QueueRecords(std::vector<postgres::ChangeDecoder::Record> records) {
  for (postgres::ChangeDecoder::Record& record : records) {
    const auto* batch = std::get_if<ChangeBatch>(&record);
    if (batch != nullptr && batch->table != TableId{}) {
      progress_.changes += static_cast<uint64_t>(batch->row_count());
    }
    queue_.push_back(ToBusRecord(std::move(record)));
  }
  for (TableStop& stop : stops_()) {
    log::Get("capture")->warn("{}: {}", stop.reason, stop.hint);
    queue_.emplace_back(std::move(stop));
    stop_uncut_ = true;
  }
  SLUICE_LET(const bool room, AppendQueued());
  static_cast<void>(room);  // what does not fit stays queued; Step reads no further then
  return {};
}

// False: the bus has no room; the rest stays queued.
Result<bool> Capture::AppendQueued() {
  while (!queue_.empty()) {
    const Status appended = bus_.Append(0, queue_.front());
    if (!appended && appended.error().kind() == ErrorKind::kExhausted) {
      if (!progress_.bus_full.exchange(true)) {
        log::Get("capture")->warn("the bus is full, capture pauses: {}",
                                  appended.error().message());
      }
      return false;
    }
    if (!appended) return appended.error();
    queue_.pop_front();
  }
  if (progress_.bus_full.exchange(false)) log::Get("capture")->info("the bus has room again");
  return true;
}

bool Capture::IdleCutDue(Lsn position) const {
  if (position <= last_cut_.lsn) return false;
  const Lsn requested{requested_lsn_};
  if (requested > last_cut_.lsn && position >= requested) return true;
  return clock_.SteadyMicros() - last_cut_at_us_ >= options_.idle_cut_interval_us;
}

Status Capture::CloseCutIfDue() {
  if (!decoder_->at_boundary() || decoder_->adopting() || !queue_.empty()) return {};
  const Lsn requested{requested_lsn_};
  // Adopted transactions end between messages: the decoder knows, not the last message.
  const Lsn reached = std::max(decoder_->last_end().lsn, idle_position_);
  const bool wanted = requested > last_cut_.lsn && reached >= requested;
  if (stop_uncut_ || decoder_->last_end().lsn > last_cut_.lsn) {
    const int64_t age = clock_.SteadyMicros() - last_cut_at_us_;
    if (wanted) return CloseCut({std::max(reached, last_cut_.lsn), NewestTime()});
    if (age >= options_.cut_interval_us) {
      return CloseCut({std::max(decoder_->last_end().lsn, last_cut_.lsn), NewestTime()});
    }
  } else if (IdleCutDue(idle_position_)) {
    return CloseCut({idle_position_, last_cut_.time_us});
  }
  // It answers at once, also while it is not that far (its WAL may wait to be flushed).
  const int64_t now = clock_.SteadyMicros();
  if (requested > last_cut_.lsn && !ping_sent_ && now >= ping_due_at_us_) {
    ping_sent_ = true;
    ping_due_at_us_ = now + kPingPauseUs;
    return source_->SendStatus({Lsn{progress_.received_lsn}, confirmed_}, true);
  }
  return {};
}

// The commit time of the newest transaction.
int64_t Capture::NewestTime() const {
  const bool newer = decoder_->last_end().lsn > last_cut_.lsn;
  return newer ? decoder_->last_end().time_us : last_cut_.time_us;
}

Status Capture::CloseCut(Cut cut) {
  SLUICE_LET(auto records, decoder_->Flush());
  SLUICE_TRY(QueueRecords(std::move(records)));
  if (!queue_.empty()) return {};  // the bus is full; the cut comes when it has room
  const Status appended = bus_.AppendCut(cut);
  if (!appended && appended.error().kind() == ErrorKind::kExhausted) return {};
  SLUICE_TRY(appended, "closing the cut at {}", ToString(cut.lsn));
  SLUICE_LET(const Cut durable, bus_.DurableCut(), "syncing the bus");
  last_cut_ = cut;
  last_cut_at_us_ = clock_.SteadyMicros();
  stop_uncut_ = false;
  progress_.durable_lsn = durable.lsn.value;
  progress_.durable_time_us = durable.time_us;
  ReachFaultPoint("capture.cut_durable");
  SLUICE_TRY(ConfirmIfDue(true));
  ReachFaultPoint("capture.cut_confirmed");
  return {};
}

Status Capture::ConfirmIfDue(bool force) {
  const int64_t now = clock_.SteadyMicros();
  if (!force && now - last_status_at_us_ < options_.status_interval_us) return {};
  Lsn flushed{progress_.durable_lsn};
  if (const auto lake = confirmable_()) flushed = std::min(flushed, *lake);
  confirmed_ = std::max(confirmed_, flushed);
  last_status_at_us_ = now;
  SLUICE_TRY(source_->SendStatus({Lsn{progress_.received_lsn}, confirmed_}, false));
  progress_.confirmed_lsn = confirmed_.value;
  return {};
}

}  // namespace sluice::pipeline
