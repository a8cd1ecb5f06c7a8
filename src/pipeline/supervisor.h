// The running pipeline: the mirror with the real source, disk and catalog, the threads that loop
// over Step, reconnecting, and orders from the control socket.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "pipeline/mirror.h"
#include "pipeline/order.h"
#include "pipeline/state_lock.h"

namespace sluice::pipeline {

class Supervisor {
 public:
  // Everything up to the first byte: lock, source, lake, bus, slot. Any refusal is an error here
  // and leaves everything as it was (but for a made publication, slot, or ledger claim).
  static Result<std::unique_ptr<Supervisor>> Open(PipelineOptions options);
  ~Supervisor();

  // Runs until `stop` or until nothing can go on. kStopped is never returned: a clean stop is ok.
  Status Run(const std::stop_token& stop);
  // Runs until the lake holds all that was committed at the source when it was called. An error
  // when a table failed.
  Status RunOnce(const std::stop_token& stop);

  // --- for the service; any thread, while Run runs ---
  PipelineStatus status() const { return board_.Read(); }
  const std::string& state_folder() const { return options_.state_folder; }
  // Until the lake holds every transaction up to `lsn`. kExhausted: the time is up; kUnsupported: a
  // table that should hold it has failed.
  Status Wait(Lsn lsn, int64_t timeout_us, const std::stop_token& stop);
  // The same of the bus: sooner, and no table's trouble counts.
  Status WaitForBus(Lsn lsn, int64_t timeout_us, const std::stop_token& stop);
  // `name`: source spelling ("public.orders"). kConfig: unknown or not in that state.
  Status Pause(const std::string& name);
  Status Resume(const std::string& name);
  Status Resync(const std::string& name);
  bool healthy() const { return !failed_; }
  bool ready() const;

 private:
  explicit Supervisor(PipelineOptions options);

  Status OpenMirror();
  void RunCapture(const std::stop_token& stop);
  Status CaptureUntilTrouble(const std::stop_token& stop);
  void RunMerge(const std::stop_token& stop);
  void RunWatch(const std::stop_token& stop);
  void LookAtSource(bool tables_too);
  void RunCopies(const std::stop_token& stop);
  void CopyAll(std::vector<CopyTask> tasks, const std::stop_token& stop);
  void Fatal(const Error& error);
  Status Ask(const Order& order);

  PipelineOptions options_;
  SystemClock clock_;
  StatusBoard board_;
  std::optional<StateLock> lock_;
  std::unique_ptr<Source> source_;
  std::unique_ptr<store::ObjectStore> store_;
  std::unique_ptr<iceberg::Catalog> catalog_;
  std::unique_ptr<Mirror> mirror_;
  std::atomic<bool> failed_ = false;
  std::mutex fatal_mutex_;
  std::optional<Error> fatal_;
  std::stop_source internal_stop_;
};

}  // namespace sluice::pipeline
