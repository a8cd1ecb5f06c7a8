#include "pipeline/copier.h"

#include <algorithm>
#include <deque>
#include <future>
#include <thread>

#include "base/fault_point.h"
#include "base/log.h"
#include "iceberg/table_metadata.h"
#include "postgres/lock_wait.h"

namespace sluice::pipeline {

namespace {

// Longer than what is asked first: a chunk that gives up has its table copied from the beginning.
// Not for ever: chunks of other tables wait for this worker.
constexpr int kChunkLockTimeoutMs = 60'000;

}  // namespace

// One table on its way. Guarded by the copier's mutex but for what is set while planning.
struct Copier::Job {
  CopyTask task;
  std::shared_ptr<arrow::Schema> file_schema;
  std::vector<parquet::DataFile> files;
  merge::CopiedRuns keys;
  size_t chunks_left = 0;
  int open_writers = 0;
  bool begun = false;
  bool postponed = false;
  bool failed = false;
  bool reported = false;

  const std::string name() const { return task.chosen.mirror.schema.QualifiedName(); }
  const TableId& id() const { return task.chosen.mirror.schema.id; }
};

// What a worker has read and not closed yet. Closing waits for the disk several times, as long as a
// small table takes to read: such are closed beside the next reads.
class Copier::Closing {
 public:
  explicit Closing(uint64_t bytes_max) : bytes_max_(bytes_max) {}

  // `bytes`: that the output may hold in memory.
  template <typename Close>
  void Add(uint64_t bytes, Close close) {
    if (bytes > bytes_max_) return close();
    if (running_.size() == kClosingMax) running_.pop_front();  // waits for it
    running_.push_back(std::async(std::launch::async, std::move(close)));
  }

 private:
  uint64_t bytes_max_;
  std::deque<std::future<void>> running_;
};

Copier::Copier(const Lake& lake, StatusBoard& board, Done done)
    : lake_(lake), board_(board), done_(std::move(done)), begun_us_(lake.clock.SteadyMicros()) {}

Copier::~Copier() = default;

std::vector<CopyTask> Copier::Run(std::vector<CopyTask> tasks, const HeldSnapshot& snapshot,
                                  const std::stop_token& stop) {
  Plan(std::move(tasks), snapshot, stop);
  {
    std::vector<std::jthread> workers;
    const size_t wanted = std::min(static_cast<size_t>(lake_.options.copy_workers), chunks_.size());
    for (size_t i = 0; i < std::max<size_t>(wanted, 1); ++i) {
      workers.emplace_back([&, stop] { Work(snapshot, stop); });
    }
  }
  return NotBegun();
}

std::vector<CopyTask> Copier::NotBegun() {
  std::vector<CopyTask> out;
  for (const auto& job : jobs_) {
    if (job->postponed) out.push_back(std::move(job->task));
  }
  return out;
}

bool Copier::TimeIsUp() const {
  return lake_.clock.SteadyMicros() - begun_us_ >= lake_.options.copy_transaction_us;
}

// The first table always does: no limit is too small to make progress. Under the mutex.
bool Copier::MayBegin(Job& job) {
  if (job.postponed) return false;
  const bool up = TimeIsUp();
  if (!job.begun && up && next_chunk_ > 1) {
    job.postponed = true;
    return false;
  }
  job.begun = true;
  if (up && !std::exchange(warned_, true)) {
    log::Get("copy")->warn(
        "copying {} takes longer than copy.max_transaction ({} s): its snapshot stays open until "
        "it "
        "is complete, and vacuum at the source waits",
        job.name(), lake_.options.copy_transaction_us / 1'000'000);
  }
  return true;
}

void Copier::Plan(std::vector<CopyTask> tasks, const HeldSnapshot& snapshot,
                  const std::stop_token& stop) {
  std::sort(tasks.begin(), tasks.end(), [](const CopyTask& a, const CopyTask& b) {
    return a.chosen.source.bytes > b.chosen.source.bytes;
  });
  for (CopyTask& task : tasks) {
    auto job = std::make_unique<Job>();
    job->file_schema = iceberg::ToArrowSchema(task.target.metadata.current_schema());
    job->task = std::move(task);
    jobs_.push_back(std::move(job));
  }
  PlanJobs(*snapshot.holder, stop);
  for (const auto& job : jobs_) {
    if (job->chunks_left == 0) Release(*job, snapshot, {});
  }
}

// Who waits too long for a lock fails, and without a savepoint the snapshot's transaction would
// too.
void Copier::PlanJobs(postgres::Connection& holder, const std::stop_token& stop) {
  const std::stop_callback interrupt(stop, [&] { holder.Interrupt(); });
  Status ready = holder.Execute("SAVEPOINT planning");
  for (const auto& job : jobs_) {
    const Status planned = ready ? PlanJob(*job, holder) : ready;
    if (planned) continue;
    ready = holder.Execute("ROLLBACK TO SAVEPOINT planning");
    FailJob(*job, Explain(*job, holder, planned.error()));
  }
}

Error Copier::Explain(const Job& job, postgres::Connection& connection, const Error& error) {
  return postgres::ExplainLockWait(connection, postgres::RelationsOf(job.task.chosen.source),
                                   postgres::WantedLock::kRead, error);
}

// Chunk ends are read after the snapshot was taken: later blocks hold nothing that it sees.
Status Copier::PlanJob(Job& job, postgres::Connection& connection) {
  const postgres::SourceTable& source = job.task.chosen.source;
  SLUICE_LET(const std::vector<postgres::CopyChunk> chunks,
             postgres::PlanChunks(connection, source, lake_.options.copy_chunk_bytes));
  for (const postgres::CopyChunk& chunk : chunks) chunks_.push_back({&job, chunk});
  job.chunks_left = chunks.size();
  return {};
}

void Copier::Work(const HeldSnapshot& snapshot, const std::stop_token& stop) {
  postgres::ConnectionOptions options = lake_.options.source;
  options.lock_timeout_ms = kChunkLockTimeoutMs;
  auto connection = postgres::Connection::Open(options);
  if (!connection) {
    log::Get("copy")->warn("a copy worker has no connection: {}", connection.error().message());
    Chunk chunk;
    while (!stop.stop_requested() && Next(chunk)) {
      FailJob(*chunk.job, connection.error());
      Release(*chunk.job, snapshot, stop);
    }
    return;
  }
  // It may be waiting for a table's lock.
  const std::stop_callback interrupt(stop, [&] { (*connection)->Interrupt(); });
  WorkOn(**connection, snapshot, stop);
}

void Copier::WorkOn(postgres::Connection& connection, const HeldSnapshot& snapshot,
                    const std::stop_token& stop) {
  Closing closing(lake_.memory().closed_output(lake_.options.copy_workers));
  Output output;
  Job* writing = nullptr;
  const auto close = [&] {
    if (writing == nullptr) return;
    const uint64_t bytes = output.bytes;
    closing.Add(bytes, [this, job = writing, output = std::move(output), &snapshot,
                        &stop]() mutable { Close(*job, output, snapshot, stop); });
    writing = nullptr;
  };
  Chunk chunk;
  while (!stop.stop_requested() && Next(chunk)) {
    if (writing != chunk.job) {
      close();
      writing = chunk.job;
      output = OpenOutput(*writing);
      const std::lock_guard lock(mutex_);
      ++writing->open_writers;
    }
    Status copied = CopyChunk(chunk, connection, snapshot, stop, output);
    if (!copied) FailJob(*chunk.job, Explain(*chunk.job, connection, copied.error()));
    const std::lock_guard lock(mutex_);
    --chunk.job->chunks_left;
  }
  close();
}

void Copier::Close(Job& job, Output& output, const HeldSnapshot& snapshot,
                   const std::stop_token& stop) {
  const Status finished = FinishOutput(job, output);
  if (!finished) FailJob(job, finished.error());
  {
    const std::lock_guard lock(mutex_);
    --job.open_writers;
  }
  Release(job, snapshot, stop);
}

bool Copier::Next(Chunk& out) {
  const std::lock_guard lock(mutex_);
  while (next_chunk_ < chunks_.size()) {
    out = chunks_[next_chunk_++];
    if (!out.job->failed && MayBegin(*out.job)) return true;
    --out.job->chunks_left;
  }
  return false;
}

Copier::Output Copier::OpenOutput(const Job& job) const {
  Output out;
  const postgres::MirroredTable& mirror = job.task.chosen.mirror;
  if (mirror.append_only || mirror.schema.KeyColumns().empty()) return out;
  out.keys =
      std::make_unique<merge::CopiedKeys>(mirror.schema, lake_.files, lake_.copied_keys_folder(),
                                          lake_.memory().copied_keys(lake_.options.copy_workers));
  return out;
}

Status Copier::CopyChunk(const Chunk& chunk, postgres::Connection& connection,
                         const HeldSnapshot& snapshot, const std::stop_token& stop,
                         Output& output) {
  Job& job = *chunk.job;
  postgres::CopyProgress told;
  postgres::CopyProgress progress;
  const auto tell = [&] {
    const int64_t rows = progress.rows - told.rows;
    const int64_t bytes = progress.bytes - told.bytes;
    output.bytes +=
        static_cast<uint64_t>(bytes) + static_cast<uint64_t>(rows) * merge::CopiedKeys::kEntryBytes;
    board_.AddCopied(job.name(), rows, bytes);
    told = progress;
  };
  const auto take = [&](const arrow::RecordBatch& rows) -> Status {
    SLUICE_TRY(Write(job, rows, output));
    tell();
    return {};
  };
  SLUICE_TRY(postgres::CopyOneChunk(
                 connection, snapshot.name, job.task.chosen.mirror, chunk.range, take,
                 [&] { return stop.stop_requested(); }, progress),
             "copying {}", job.name());
  tell();
  return {};
}

Status Copier::Write(Job& job, const arrow::RecordBatch& rows, Output& output) {
  if (output.writer == nullptr) {
    parquet::WriterOptions options;
    options.row_group_bytes =
        static_cast<int64_t>(lake_.memory().copied_row_group(lake_.options.copy_workers));
    output.at = NextDataFile(job.task.target);
    SLUICE_LET(output.writer,
               parquet::DataFileWriter::Open(lake_.store, output.at, job.file_schema, options));
  }
  SLUICE_TRY(output.writer->Write(rows));
  if (output.keys != nullptr) SLUICE_TRY(output.keys->Add(output.at, rows));
  if (output.writer->estimated_bytes() < lake_.options.file_bytes) return {};
  return FinishFile(job, output);
}

Status Copier::FinishFile(Job& job, Output& output) {
  if (output.writer == nullptr) return {};
  const auto finishing = std::move(output.writer);
  SLUICE_LET(parquet::DataFile file, finishing->Finish(), "finishing a file of {}", job.name());
  ReachFaultPoint("copy.file_written");
  const std::lock_guard lock(mutex_);
  job.files.push_back(std::move(file));
  return {};
}

Status Copier::FinishOutput(Job& job, Output& output) {
  SLUICE_TRY(FinishFile(job, output));
  if (output.keys == nullptr) return {};
  SLUICE_LET(merge::CopiedRuns keys, output.keys->Finish(), "indexing the copy of {}", job.name());
  const std::lock_guard lock(mutex_);
  job.keys.Add(std::move(keys));
  return {};
}

void Copier::FailJob(Job& job, Error error) {
  {
    const std::lock_guard lock(mutex_);
    job.failed = true;
    if (std::exchange(job.reported, true)) return;
  }
  done_(job.task, std::move(error));
}

// Reports a table once its chunks are all done and no worker holds an open file of it.
void Copier::Release(Job& job, const HeldSnapshot& snapshot, const std::stop_token& stop) {
  CopiedTable copied;
  {
    const std::lock_guard lock(mutex_);
    if (job.reported || job.chunks_left > 0 || job.open_writers > 0 || stop.stop_requested()) {
      return;
    }
    job.reported = true;
    copied.files = std::move(job.files);
    copied.keys = std::move(job.keys);
  }
  copied.id = job.id();
  copied.visibility = snapshot.visibility;
  copied.filter_until = snapshot.insert_lsn;
  copied.bus_from = snapshot.bus_from;
  copied.replaces_uuid = job.task.replaces_uuid;
  done_(job.task, std::move(copied));
}

}  // namespace sluice::pipeline
