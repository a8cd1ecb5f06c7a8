#include "pipeline/supervisor.h"

#include <algorithm>
#include <thread>

#include "base/log.h"
#include "iceberg/catalog/sql_catalog.h"
#include "pipeline/postgres_source.h"

namespace sluice::pipeline {

namespace {

constexpr int64_t kReconnectMinUs = 200'000;
constexpr int64_t kReconnectMaxUs = 30'000'000;
constexpr int64_t kWatchUs = 60'000'000;
constexpr int64_t kSourceStatusUs = 5'000'000;
constexpr int64_t kCopyAgainPauseUs = 5'000'000;
constexpr char kCannotConnectNow[] = "57P03";  // SQLSTATE: it shuts down or starts up

// Whoever starts a failed program again by itself must not start one that was taken over: the two
// would take the pipeline from each other for ever.
Error ForOperator(Error error) {
  const bool taken_over = error.kind() == ErrorKind::kConflict;
  return taken_over ? std::move(error).WithKind(ErrorKind::kConfig) : error;
}

// Sleeps unless stopped.
void Pause(const std::stop_token& stop, int64_t micros) {
  std::mutex mutex;
  std::condition_variable_any wake;
  std::unique_lock lock(mutex);
  wake.wait_for(lock, stop, std::chrono::microseconds(micros), [] { return false; });
}

}  // namespace

Supervisor::Supervisor(PipelineOptions options)
    : options_(std::move(options)), board_(options_.name) {}

Supervisor::~Supervisor() = default;

Result<std::unique_ptr<Supervisor>> Supervisor::Open(PipelineOptions options) {
  std::unique_ptr<Supervisor> out(new Supervisor(std::move(options)));
  SLUICE_LET(StateLock lock, StateLock::Take(out->options_.state_folder));
  out->lock_.emplace(std::move(lock));
  SLUICE_TRY(out->OpenMirror());
  return out;
}

Status Supervisor::OpenMirror() {
  SLUICE_LET(source_, OpenPostgresSource(options_.source));
  store_ = store::MakeLocalStore();
  iceberg::SqlCatalogOptions catalog;
  catalog.path = options_.catalog_path;
  catalog.name = options_.catalog_name;
  SLUICE_LET(catalog_, iceberg::OpenSqlCatalog(catalog, *store_, clock_), "opening the catalog");
  SLUICE_LET(mirror_, Mirror::Open(options_, {*source_, *store_, *catalog_, LocalFileSystem(),
                                              clock_, board_}));
  return {};
}

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
  log::Get("pipeline")->info("stopped cleanly at {}", ToString(mirror_->merge().committed()));
  return {};
}

Status Supervisor::RunOnce(const std::stop_token& stop) {
  SLUICE_LET(const Lsn target, source_->PositionToReach());
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

void Supervisor::RunCapture(const std::stop_token& stop) {
  int64_t backoff = kReconnectMinUs;
  while (!stop.stop_requested()) {
    const uint64_t before = mirror_->progress().received_lsn;
    const Status ended = CaptureUntilTrouble(stop);
    if (ended || stop.stop_requested()) return;
    SourceStatus status = board_.Read().source;
    status.connected = false;
    status.problem = ended.error().message();
    board_.SetSource(status);
    if (!Mirror::ComesBack(ended.error())) return Fatal(ended.error());
    if (mirror_->progress().received_lsn != before) backoff = kReconnectMinUs;
    log::Get("capture")->warn("the stream ended ({}), connecting again in {} ms",
                              ended.error().message(), backoff / 1000);
    pipeline::Pause(stop, backoff);
    backoff = std::min(backoff * 2, kReconnectMaxUs);
  }
}

Status Supervisor::CaptureUntilTrouble(const std::stop_token& stop) {
  SLUICE_LET(const std::unique_ptr<Capture> capture, mirror_->Connect(), "starting the stream");
  log::Get("capture")->info("streaming from slot {}", options_.slot);
  SourceStatus status = board_.Read().source;
  status.connected = true;
  status.problem.clear();
  board_.SetSource(status);
  mirror_->SetCapture(capture.get());
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
      mirror_->RetainBus();
    }
  }
  mirror_->SetCapture(nullptr);
  return out;
}

// --- merge ---

void Supervisor::RunMerge(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    const Result<StepResult> step = mirror_->merge().Step();
    if (!step) return Fatal(ForOperator(step.error()));
    if (!step->worked) pipeline::Pause(stop, step->wake_in_us);
  }
}

// --- copies ---

void Supervisor::RunCopies(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    mirror_->WaitForCopies(stop);
    std::vector<CopyTask> tasks = mirror_->TakeCopies();
    if (!tasks.empty() && !stop.stop_requested()) CopyAll(std::move(tasks), stop);
  }
}

// Under one snapshot, or as many as `copy: max_transaction` makes it.
void Supervisor::CopyAll(std::vector<CopyTask> tasks, const std::stop_token& stop) {
  std::atomic<bool> again = false;
  const auto done = [&](const CopyTask& task, Result<CopiedTable> copied) {
    if (!mirror_->CopyDone(task, std::move(copied))) again = true;
  };
  while (!tasks.empty() && !stop.stop_requested()) {
    const auto held = mirror_->SnapshotForCopies(tasks);
    if (!held) {
      log::Get("copy")->warn("no snapshot to copy from: {}", held.error().message());
      for (CopyTask& task : tasks) mirror_->CopyAgain(std::move(task));
      again = true;
      break;
    }
    log::Get("copy")->info("copying {} tables with {} workers", tasks.size(),
                           options_.copy_workers);
    tasks = Copier(mirror_->lake(), board_, done).Run(std::move(tasks), *held, stop);
  }
  if (again) pipeline::Pause(stop, kCopyAgainPauseUs);
}

// --- the watch: shape, source and new tables, now and then ---

void Supervisor::RunWatch(const std::stop_token& stop) {
  int64_t watched_at = clock_.SteadyMicros();
  while (!stop.stop_requested()) {
    pipeline::Pause(stop, kSourceStatusUs);
    if (stop.stop_requested()) return;
    const bool whole = clock_.SteadyMicros() - watched_at >= kWatchUs;
    if (whole) watched_at = clock_.SteadyMicros();
    LookAtSource(whole);
  }
}

void Supervisor::LookAtSource(bool tables_too) {
  auto now = source_->Identify();
  if (!now) now = source_->Identify();  // in a new session
  if (!now && now.error().code() == kCannotConnectNow) mirror_->LetServerGo();
  if (!now) return;  // capture says what is wrong
  const auto slot = source_->FindSlot(options_.slot);
  if (slot && *slot) {
    SourceStatus status = board_.Read().source;
    status.wal_lsn = now->wal_lsn;
    status.confirmed_lsn = (*slot)->confirmed_lsn;
    status.retained_bytes = (*slot)->retained_bytes;
    status.safe_bytes = (*slot)->safe_wal_bytes;
    board_.SetSource(status);
  }
  if (!tables_too) return;
  const Status seen = mirror_->Watch();
  if (!seen) log::Get("pipeline")->warn("looking at the source: {}", seen.error().message());
}

// --- orders ---

Status Supervisor::Ask(const Order& order) {
  return GiveOrder(mirror_->merge(), order, clock_, internal_stop_.get_token());
}

Status Supervisor::Pause(const std::string& name) {
  return Ask([name](MergeLoop& merge, const auto& done) { merge.Pause(name, done); });
}

Status Supervisor::Resume(const std::string& name) {
  return Ask([name](MergeLoop& merge, const auto& done) { merge.Resume(name, done); });
}

Status Supervisor::Resync(const std::string& name) {
  SLUICE_LET(const ChosenTable renewed, mirror_->Renew(name, internal_stop_.get_token()));
  return Ask([this, renewed](MergeLoop& merge, const auto& done) {
    done(mirror_->Resync(merge, renewed));
  });
}

Status Supervisor::Wait(Lsn lsn, int64_t timeout_us, const std::stop_token& stop) {
  const int64_t start = clock_.SteadyMicros();
  mirror_->merge().Post([lsn](MergeLoop& merge) { merge.FlushThrough(lsn); });
  while (!stop.stop_requested() && !internal_stop_.stop_requested()) {
    mirror_->RequestCut(lsn);
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
    if (reached && (!any || mirror_->merge().committed() >= lsn)) return {};
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
    if (mirror_->progress().durable_lsn >= lsn.value) return {};
    mirror_->RequestCut(lsn);
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
