// The running pipeline: opens everything, decides what each table needs, owns the threads that loop
// over Step, reconnects, and takes orders from the control socket.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "bus/embedded/embedded_bus.h"
#include "pipeline/capture.h"
#include "pipeline/copier.h"
#include "pipeline/merge_loop.h"
#include "pipeline/options.h"
#include "pipeline/relation_tracker.h"
#include "pipeline/start_decision.h"
#include "pipeline/state_lock.h"
#include "pipeline/status_board.h"
#include "postgres/publication.h"

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

  // startup.cc
  Status OpenSource();
  Status OpenLake();
  Status ClaimLedger();
  Status FindTables();
  Result<StartDecision> Decide();
  Status OpenBus(const StartDecision& decision);
  Status OpenTables(const StartDecision& decision);
  std::vector<postgres::PublishedTable> PublishedTables() const;
  // Tables that cannot be followed as the source stands are failed, and remembered so.
  Status FailBroken(const StartDecision& decision);
  Status EnsurePublications();
  Status OpenOne(const ChosenTable& chosen, TableStart start);

  // supervisor.cc
  Result<std::unique_ptr<Capture>> Connect();
  void RunCapture(const std::stop_token& stop);
  Status CaptureUntilTrouble(const std::stop_token& stop);
  void RunMerge(const std::stop_token& stop);
  void RunWatch(const std::stop_token& stop);
  Status WatchOnce();
  void RetainBus();
  void RunCopies(const std::stop_token& stop);
  void CopyAll(std::vector<CopyTask> tasks, const std::stop_token& stop);
  void CopyDone(const CopyTask& task, Result<CopiedTable> copied);
  void QueueCopy(CopyTask task);
  // A cut at or past `lsn` as soon as the source is there. Any thread.
  void RequestCut(Lsn lsn);
  void Fatal(const Error& error);
  Status Ask(const std::function<void(MergeLoop&, std::function<void(Status)>)>& order);
  CopyTask MakeCopyTask(ChosenTable chosen);

  PipelineOptions options_;
  SystemClock clock_;
  StatusBoard board_;
  std::optional<StateLock> lock_;
  std::unique_ptr<postgres::Connection> source_;  // for catalog queries; guarded by source_mutex_
  std::mutex source_mutex_;
  postgres::SourceIdentity identity_;
  TableChoice tables_;
  std::unique_ptr<store::ObjectStore> store_;
  std::unique_ptr<iceberg::Catalog> catalog_;
  iceberg::ManifestCache manifests_;
  std::unique_ptr<Lake> lake_;
  std::optional<iceberg::Ledger> ledger_;
  std::unique_ptr<bus::EmbeddedBusWriter> bus_;
  std::unique_ptr<RelationTracker> tracker_;
  std::unique_ptr<MergeLoop> merge_;
  // From slot creation until the first copy holds the snapshot: the slot's own session.
  std::unique_ptr<postgres::Connection> slot_session_;
  std::string slot_snapshot_;
  std::optional<HeldSnapshot> held_;
  std::map<std::string, iceberg::LoadedTable> lake_tables_;  // by source name, at start

  CaptureProgress progress_;
  std::mutex capture_mutex_;
  Capture* capture_ = nullptr;  // while connected; guarded by capture_mutex_
  Lsn wanted_cut_;              // also of the next connection; guarded by capture_mutex_
  std::mutex copies_mutex_;
  std::condition_variable_any copies_wake_;
  std::vector<CopyTask> copies_;
  std::atomic<bool> failed_ = false;
  std::mutex fatal_mutex_;
  std::optional<Error> fatal_;
  std::stop_source internal_stop_;
};

}  // namespace sluice::pipeline
