#include "pipeline/supervisor.h"

#include <algorithm>
#include <future>

#include "base/log.h"
#include "postgres/publication.h"
#include "postgres/wal_position.h"

namespace sluice::pipeline {

namespace {

constexpr int64_t kReconnectMinUs = 200'000;
constexpr int64_t kReconnectMaxUs = 30'000'000;
constexpr int64_t kWatchUs = 60'000'000;
constexpr int64_t kSourceStatusUs = 5'000'000;
constexpr int64_t kOrderTimeoutUs = 60'000'000;

// Sleeps unless stopped.
void Pause(const std::stop_token& stop, int64_t micros) {
  std::mutex mutex;
  std::condition_variable_any wake;
  std::unique_lock lock(mutex);
  wake.wait_for(lock, stop, std::chrono::microseconds(micros), [] { return false; });
}

bool ComesBack(const Error& error) {
  return error.kind() == ErrorKind::kUnavailable || error.code() == "55006";  // slot is active
}

}  // namespace

void Supervisor::Fatal(const Error& error) {
  const std::lock_guard lock(fatal_mutex_);
  if (!fatal_) fatal_ = error;
  failed_ = true;
  internal_stop_.request_stop();
}

Status Supervisor::Run(const std::stop_token& stop) {
  const std::stop_callback forward(stop, [this] { internal_stop_.request_stop(); });
  const std::stop_token token = internal_stop_.get_token();
  {
    std::jthread capture([&] { RunCapture(token); });
    std::jthread merge([&] { RunMerge(token); });
    std::jthread copies([&] { RunCopies(token); });
    RunWatch(token);
  }
  const std::lock_guard lock(fatal_mutex_);
  if (fatal_) return *fatal_;
  log::Get("pipeline")->info("stopped cleanly at {}", ToString(merge_->committed()));
  return {};
}

Status Supervisor::RunOnce(const std::stop_token& stop) {
  Lsn target;
  {
    const std::lock_guard lock(source_mutex_);
    SLUICE_LET(target, postgres::PositionToReach(*source_));
  }
  std::stop_source done;
  const std::stop_callback forward(stop, [&] { done.request_stop(); });
  Status waited;
  std::jthread waiter([&] {
    waited = Wait(target, INT64_MAX, done.get_token());
    done.request_stop();
  });
  SLUICE_TRY(Run(done.get_token()));
  waiter.join();
  if (!waited && waited.error().kind() == ErrorKind::kStopped) return {};
  return waited;
}

// --- capture ---

Result<std::unique_ptr<Capture>> Supervisor::Connect() {
  SLUICE_LET(const bus::BusInfo info, bus_->Info());
  postgres::ConnectionOptions replication = options_.source;
  replication.replication = true;
  SLUICE_LET(auto connection, postgres::Connection::Open(replication));
  {
    // The catalog session went with the server; a new one, and the same source still?
    const std::lock_guard lock(source_mutex_);
    if (!source_->alive()) {
      SLUICE_LET(source_, postgres::Connection::Open(options_.source));
    }
    SLUICE_LET(const auto now, postgres::IdentifySource(*source_));
    if (now.system_id != identity_.system_id || now.timeline != identity_.timeline) {
      return MakeError(ErrorKind::kConfig, "the server is another now: {}/{}, was {}/{}",
                       now.system_id, now.timeline, identity_.system_id, identity_.timeline)
          .WithHint("point `source: url:` back to the source this pipeline mirrors");
    }
    if (now.wal_lsn < info.last_cut.lsn) {
      return MakeError(ErrorKind::kConfig,
                       "the source's WAL ends at {}, before {} that was already mirrored: it was "
                       "rolled back",
                       ToString(now.wal_lsn), ToString(info.last_cut.lsn))
          .WithHint("restore the newer state, or copy anew: `sluice tables resync --all`");
    }
    SLUICE_LET(const auto slot, postgres::FindSlot(*source_, options_.slot));
    if (!slot) {
      return MakeError(ErrorKind::kConfig, "replication slot {} was dropped", options_.slot)
          .WithHint(
              "changes since then are not kept; `sluice tables resync --all`, then run again");
    }
    if (slot->confirmed_lsn > info.last_cut.lsn && slot->confirmed_lsn > info.first_lsn) {
      return MakeError(ErrorKind::kConfig,
                       "replication slot {} stands at {}, beyond {} that we hold: somebody else "
                       "moved or made it",
                       options_.slot, ToString(slot->confirmed_lsn), ToString(info.last_cut.lsn))
          .WithHint("changes between are lost; `sluice tables resync --all`, then run again");
    }
  }
  postgres::StreamOptions stream;
  stream.slot = options_.slot;
  stream.publication = postgres::PublicationList(options_.publication);
  stream.binary = std::all_of(tables_.chosen.begin(), tables_.chosen.end(), [](const auto& table) {
    return std::all_of(table.mirror.mappings.begin(), table.mirror.mappings.end(),
                       [](const postgres::Mapping& mapping) { return mapping.binary; });
  });
  SLUICE_LET(auto source, postgres::StartStream(std::move(connection), stream));
  postgres::DecoderOptions decoding;
  decoding.spool_folder = options_.state_folder + "/spool";
  decoding.memory_bytes = options_.memory_bytes / 8;
  decoding.spool_bytes_max = options_.bus.max_bytes;
  {
    const std::lock_guard lock(source_mutex_);
    SLUICE_LET(const auto rows, source_->Query("SELECT pg_snapshot_xmax(pg_current_snapshot())"));
    decoding.reference_xid = std::stoull(rows.at(0).at(0).value_or("0"));
  }
  SLUICE_LET(auto decoder,
             postgres::ChangeDecoder::Make(LocalFileSystem(), *tracker_, std::move(decoding)));
  CaptureOptions capture;
  capture.cut_interval_us = options_.cut_interval_us;
  capture.idle_cut_interval_us = options_.idle_cut_interval_us;
  const auto confirmable = [this]() -> std::optional<Lsn> {
    if (options_.confirm_after == ConfirmAfter::kBus) return std::nullopt;
    return merge_->committed();
  };
  const Cut durable = info.last_cut.lsn > info.first_lsn ? info.last_cut : Cut{info.first_lsn, 0};
  return std::make_unique<Capture>(std::move(source), std::move(decoder), *bus_, durable, clock_,
                                   capture, progress_, confirmable,
                                   [this] { return tracker_->TakeStops(); });
}

void Supervisor::RunCapture(const std::stop_token& stop) {
  int64_t backoff = kReconnectMinUs;
  while (!stop.stop_requested()) {
    const uint64_t before = progress_.received_lsn;
    const Status ended = CaptureUntilTrouble(stop);
    if (ended || stop.stop_requested()) return;
    SourceStatus status = board_.Read().source;
    status.connected = false;
    status.problem = ended.error().message();
    board_.SetSource(status);
    if (!ComesBack(ended.error())) return Fatal(ended.error());
    if (progress_.received_lsn != before) backoff = kReconnectMinUs;
    log::Get("capture")->warn("the stream ended ({}), connecting again in {} ms",
                              ended.error().message(), backoff / 1000);
    pipeline::Pause(stop, backoff);
    backoff = std::min(backoff * 2, kReconnectMaxUs);
  }
}

Status Supervisor::CaptureUntilTrouble(const std::stop_token& stop) {
  SLUICE_LET(const std::unique_ptr<Capture> capture, Connect(), "starting the stream");
  log::Get("capture")->info("streaming from slot {}", options_.slot);
  SourceStatus status = board_.Read().source;
  status.connected = true;
  status.problem.clear();
  board_.SetSource(status);
  {
    const std::lock_guard lock(capture_mutex_);
    capture_ = capture.get();
    capture_->RequestCut(wanted_cut_);
  }
  Status out;
  int64_t retained_at = 0;
  while (out && !stop.stop_requested()) {
    const Result<StepResult> step = capture->Step();
    if (!step) {
      out = step.error();
    } else if (!step->worked) {
      capture->WaitReadable(step->wake_in_us);
    }
    if (clock_.SteadyMicros() - retained_at > kSourceStatusUs) {
      retained_at = clock_.SteadyMicros();
      RetainBus();
    }
  }
  const std::lock_guard lock(capture_mutex_);
  capture_ = nullptr;
  return out;
}

void Supervisor::RequestCut(Lsn lsn) {
  const std::lock_guard lock(capture_mutex_);
  wanted_cut_ = std::max(wanted_cut_, lsn);
  if (capture_ != nullptr) capture_->RequestCut(wanted_cut_);
}

// On the capture thread, which owns the bus.
void Supervisor::RetainBus() {
  const Status retained = bus_->Retain(merge_->pinned());
  if (!retained) log::Get("bus")->warn("trimming: {}", retained.error().message());
  const auto info = bus_->Info();
  if (!info) return;
  BusStatus status;
  status.first_lsn = info->first_lsn;
  status.last_lsn = info->last_cut.lsn;
  status.bytes = info->bytes;
  status.disk_free_bytes = info->disk_free_bytes;
  status.full = progress_.bus_full;
  board_.SetBus(status);
}

// --- merge ---

void Supervisor::RunMerge(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    const Result<StepResult> step = merge_->Step();
    if (!step) return Fatal(step.error());
    if (!step->worked) pipeline::Pause(stop, step->wake_in_us);
  }
}

// --- copies ---

void Supervisor::QueueCopy(CopyTask task) {
  TableStatus status;
  status.state = TableState::kCopying;
  const auto info = bus_->Info();
  const TableId id = task.chosen.mirror.schema.id;
  merge_->Pin(id, info ? info->first_lsn : Lsn{});
  merge_->Park(task.chosen, status, {});
  tracker_->Watch(task.chosen);
  {
    const std::lock_guard lock(copies_mutex_);
    copies_.push_back(std::move(task));
  }
  copies_wake_.notify_all();
}

void Supervisor::RunCopies(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    std::vector<CopyTask> tasks;
    {
      std::unique_lock lock(copies_mutex_);
      copies_wake_.wait(lock, stop, [this] { return !copies_.empty(); });
      tasks.swap(copies_);
    }
    if (!tasks.empty() && !stop.stop_requested()) CopyAll(std::move(tasks), stop);
  }
}

void Supervisor::CopyAll(std::vector<CopyTask> tasks, const std::stop_token& stop) {
  if (!held_) {
    auto held = HoldSnapshot(options_.source, "");
    if (!held) {
      log::Get("copy")->warn("no snapshot to copy from: {}", held.error().message());
      pipeline::Pause(stop, 5'000'000);
      for (CopyTask& task : tasks) QueueCopy(std::move(task));
      return;
    }
    held_ = std::move(*held);
  }
  log::Get("copy")->info("copying {} tables with {} workers", tasks.size(), options_.copy_workers);
  Copier copier(*lake_, board_, [this](const CopyTask& task, Result<CopiedTable> copied) {
    CopyDone(task, std::move(copied));
  });
  copier.Run(std::move(tasks), *held_, stop);
  held_.reset();
}

// From a worker's thread.
void Supervisor::CopyDone(const CopyTask& task, Result<CopiedTable> copied) {
  const TableId id = task.chosen.mirror.schema.id;
  const std::string name = task.chosen.mirror.schema.QualifiedName();
  if (!copied && copied.error().kind() == ErrorKind::kStopped) return;
  if (!copied && (ComesBack(copied.error()) || copied.error().kind() == ErrorKind::kConflict)) {
    log::Get("copy")->warn("copying {} again: {}", name, copied.error().message());
    QueueCopy(task);
    return;
  }
  if (!copied) {
    const Error error = copied.error();
    merge_->Post([id, error](MergeLoop& merge) {
      merge.Unpin(id);
      merge.Fail({id, error.message(), error.hint()});
    });
    return;
  }
  log::Get("copy")->info("copied {}", name);
  const auto info = bus_->Info();
  const Cut start{info ? info->first_lsn : Lsn{}, 0};
  auto shared = std::make_shared<CopiedTable>(std::move(*copied));
  // Its first commit is at a cut past its start, also where nothing happened in between.
  const Lsn until = std::max(shared->filter_until, Lsn{start.lsn.value + 1});
  merge_->Post([this, task, shared, start, id](MergeLoop& merge) {
    auto opened = MirrorTable::OpenCopied(*lake_, task.chosen, task.target, *shared, start);
    merge.Unpin(id);
    if (!opened) {
      merge.Fail({id, opened.error().message(), opened.error().hint()});
      return;
    }
    merge.AddCatchingUp(std::move(*opened));
  });
  RequestCut(until);
}

// --- the watch: shape, source and new tables, now and then ---

void Supervisor::RunWatch(const std::stop_token& stop) {
  int64_t watched_at = clock_.SteadyMicros();
  while (!stop.stop_requested()) {
    pipeline::Pause(stop, kSourceStatusUs);
    if (stop.stop_requested()) return;
    const bool whole = clock_.SteadyMicros() - watched_at >= kWatchUs;
    if (whole) watched_at = clock_.SteadyMicros();
    const std::lock_guard lock(source_mutex_);
    if (!source_->alive()) continue;  // capture opens a new session when it reconnects
    const auto slot = postgres::FindSlot(*source_, options_.slot);
    const auto now = postgres::IdentifySource(*source_);
    if (slot && *slot && now) {
      SourceStatus status = board_.Read().source;
      status.wal_lsn = now->wal_lsn;
      status.confirmed_lsn = (*slot)->confirmed_lsn;
      status.retained_bytes = (*slot)->retained_bytes;
      status.safe_bytes = (*slot)->safe_wal_bytes;
      board_.SetSource(status);
    }
    if (!whole) continue;
    const Status seen = WatchOnce();
    if (!seen) log::Get("pipeline")->warn("looking at the source: {}", seen.error().message());
  }
}

Status Supervisor::WatchOnce() {
  SLUICE_LET(const auto now, postgres::ListTables(*source_));
  std::vector<uint32_t> present;
  for (const postgres::SourceTable& table : now) {
    present.push_back(table.oid);
    SLUICE_TRY(tracker_->Check(table));
  }
  tracker_->CheckDropped(present);
  SLUICE_LET(const TableChoice choice, ChooseTables(now, options_, identity_.server_version));
  std::vector<std::string> fresh;
  for (const ChosenTable& chosen : choice.chosen) {
    const bool known =
        std::any_of(tables_.chosen.begin(), tables_.chosen.end(),
                    [&](const ChosenTable& one) { return one.source.oid == chosen.source.oid; });
    if (!known) fresh.push_back(chosen.mirror.schema.QualifiedName());
  }
  board_.SetUnmirrored(std::move(fresh));
  return {};
}

// --- orders ---

Status Supervisor::Ask(const std::function<void(MergeLoop&, std::function<void(Status)>)>& order) {
  auto answer = std::make_shared<std::promise<Status>>();
  std::future<Status> future = answer->get_future();
  merge_->Post([order, answer](MergeLoop& merge) {
    order(merge, [answer](Status status) { answer->set_value(std::move(status)); });
  });
  if (future.wait_for(std::chrono::microseconds(kOrderTimeoutUs)) != std::future_status::ready) {
    return MakeError(ErrorKind::kUnavailable, "the pipeline is busy, the order stays queued");
  }
  return future.get();
}

Status Supervisor::Pause(const std::string& name) {
  return Ask([name](MergeLoop& merge, const auto& done) { merge.Pause(name, done); });
}

Status Supervisor::Resume(const std::string& name) {
  return Ask([name](MergeLoop& merge, const auto& done) { merge.Resume(name, done); });
}

Status Supervisor::Resync(const std::string& name) {
  std::optional<postgres::SourceTable> source;
  {
    const std::lock_guard lock(source_mutex_);
    SLUICE_LET(const auto all, postgres::ListTables(*source_));
    for (const postgres::SourceTable& table : all) {
      if (QuoteIdentifier(table.schema_name) + "." + QuoteIdentifier(table.name) == name) {
        source = table;
      }
    }
  }
  if (!source) {
    return MakeError(ErrorKind::kConfig, "the source has no table {}", name)
        .WithHint("`sluice tables list` shows the names");
  }
  return Ask([this, name, source](MergeLoop& merge, const auto& done) {
    auto taken = merge.TakeForResync(name);
    if (!taken) {
      return done(
          MakeError(ErrorKind::kConfig, "table {} is not mirrored, or is being copied", name)
              .WithHint("`sluice tables list` shows every table's state"));
    }
    auto mirror = postgres::MirrorOf(*source, taken->options.columns, identity_.server_version);
    if (!mirror) return done(mirror.error());
    mirror->schema.id.incarnation = taken->mirror.schema.id.incarnation;
    taken->source = *source;
    taken->mirror = std::move(*mirror);
    QueueCopy(MakeCopyTask(std::move(*taken)));
    done({});
  });
}

Status Supervisor::Wait(Lsn lsn, int64_t timeout_us, const std::stop_token& stop) {
  const int64_t start = clock_.SteadyMicros();
  merge_->Post([lsn](MergeLoop& merge) { merge.FlushThrough(lsn); });
  while (!stop.stop_requested() && !internal_stop_.stop_requested()) {
    RequestCut(lsn);
    bool reached = true;
    bool any = false;
    for (const TableStatus& table : board_.Read().tables) {
      if (table.state == TableState::kFailed) {
        return MakeError(ErrorKind::kUnsupported, "table {} has failed: {}", table.name,
                         table.reason)
            .WithHint(table.hint);
      }
      if (table.state == TableState::kPaused || table.state == TableState::kRemoved) continue;
      const bool holds = table.state == TableState::kLive || table.state == TableState::kCatchingUp;
      reached = reached && holds && table.cut.lsn >= lsn && table.snapshot_id != 0;
      any = true;
    }
    if (reached && (!any || merge_->committed() >= lsn)) return {};
    if (clock_.SteadyMicros() - start >= timeout_us) {
      return MakeError(ErrorKind::kExhausted, "the lake did not reach {} in time", ToString(lsn))
          .WithHint("`sluice status` shows which table is behind");
    }
    pipeline::Pause(stop, 20'000);
  }
  return MakeError(ErrorKind::kStopped, "stopped");
}

Status Supervisor::WaitForBus(Lsn lsn, int64_t timeout_us, const std::stop_token& stop) {
  const int64_t start = clock_.SteadyMicros();
  while (!stop.stop_requested() && !internal_stop_.stop_requested()) {
    if (progress_.durable_lsn >= lsn.value) return {};
    RequestCut(lsn);
    if (clock_.SteadyMicros() - start >= timeout_us) {
      return MakeError(ErrorKind::kExhausted, "the bus did not reach {} in time", ToString(lsn))
          .WithHint("`sluice status` shows whether capture is connected");
    }
    pipeline::Pause(stop, 5'000);
  }
  return MakeError(ErrorKind::kStopped, "stopped");
}

bool Supervisor::ready() const {
  const PipelineStatus status = board_.Read();
  const int64_t now_us = clock_.WallMicros();
  return !failed_ && status.source.connected &&
         std::all_of(status.tables.begin(), status.tables.end(), [&](const TableStatus& table) {
           if (table.state == TableState::kPaused) return true;
           if (table.state != TableState::kLive) return false;
           if (table.pending_changes == 0) return true;
           return now_us - table.cut.time_us < 2 * table.freshness_us;
         });
}

}  // namespace sluice::pipeline
