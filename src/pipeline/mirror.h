// A pipeline without its threads: everything a start decides and joins, and what the stages hand to
// each other. The supervisor runs it with threads, the simulation step by step.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "bus/embedded/embedded_bus.h"
#include "pipeline/capture.h"
#include "pipeline/copier.h"
#include "pipeline/merge_loop.h"
#include "pipeline/options.h"
#include "pipeline/relation_tracker.h"
#include "pipeline/source.h"
#include "pipeline/start_decision.h"
#include "pipeline/status_board.h"

namespace sluice::pipeline {

// What a pipeline works with; all outlives it.
struct Surroundings {
  Source& source;
  store::ObjectStore& store;
  iceberg::Catalog& catalog;
  FileSystem& files;  // of bus and state folder
  const Clock& clock;
  StatusBoard& board;
};

class Mirror {
 public:
  // Everything up to the first byte: lake, tables, bus, slot. Any refusal is an error here and
  // leaves everything as it was (but for a made publication, slot, or ledger claim).
  static Result<std::unique_ptr<Mirror>> Open(PipelineOptions options, Surroundings around);

  const PipelineOptions& options() const { return options_; }
  const Lake& lake() const { return *lake_; }
  MergeLoop& merge() { return *merge_; }
  CaptureProgress& progress() { return progress_; }

  // --- capture's thread ---
  // A stream from the slot onto the bus, after another look at the source.
  Result<std::unique_ptr<Capture>> Connect();
  // The one that runs now, to ask it for cuts; null: none.
  void SetCapture(Capture* capture);
  // Trims the bus to what is still needed, as the source sees it now.
  void RetainBus();
  // The stream's end, or a copy's, that another try may mend.
  static bool ComesBack(const Error& error);

  // --- copies ---
  // Waits until there are some, or `stop`.
  void WaitForCopies(const std::stop_token& stop);
  std::vector<CopyTask> TakeCopies();
  // The snapshot for these: the slot's own right after it was made, else a fresh one.
  Result<HeldSnapshot> SnapshotForCopies(const std::vector<CopyTask>& tasks);
  // One that was taken goes back among those that wait.
  void CopyAgain(CopyTask task);
  // Hands a copied table to the merge loop, or fails it, or (false) queues it to be copied again,
  // which had better wait a little. Any thread.
  bool CopyDone(const CopyTask& task, Result<CopiedTable> copied);

  // --- any thread ---
  // A cut at or past `lsn` as soon as the source is there.
  void RequestCut(Lsn lsn);
  // See Capture.
  void LetServerGo();
  // Compares the source's tables with those mirrored: shapes, drops, new ones.
  Status Watch();
  // For Resync: the table as the source has it now, and published so, for which somebody's lock may
  // have to go (kUnavailable: it does not).
  Result<ChosenTable> Renew(const std::string& name, const std::stop_token& stop);
  // On the merge thread: the table is copied again, as Renew described it. The lake remembers it,
  // so that the next start goes on with it. An error: nothing has changed (where the catalog did
  // not answer, the next start may copy it).
  Status Resync(MergeLoop& merge, ChosenTable renewed);

 private:
  Mirror(PipelineOptions options, Surroundings around);

  // mirror_start.cc
  Status IdentifySource();
  Status OpenLake();
  Status ClaimLedger();
  Status RemoveCopiedKeys();
  Status FindTables();
  Result<StartDecision> Decide();
  Result<std::optional<Cut>> PositionOf(const iceberg::LoadedTable& table,
                                        const std::string& source) const;
  Status OpenBus(const StartDecision& decision);
  Status OpenTables(const StartDecision& decision);
  std::vector<postgres::PublishedTable> PublishedTables() const;
  // Tables that cannot be followed as the source stands are failed, and remembered so.
  Status FailBroken(const StartDecision& decision);
  // The lake's tables that are not mirrored any more are remembered so.
  Status MarkLeftOut();
  Status EnsurePublications();
  Status OpenOne(const ChosenTable& chosen, TableStart start);

  Result<Lsn> CheckSourceAgain(const bus::BusInfo& info);
  // Also again, after a failed write: then what is on disk decides.
  Status OpenBusAt(Lsn start);
  Result<bus::BusInfo> BusInfo();
  Status TrimBus();
  Result<CopyTask> MakeCopyTask(ChosenTable chosen);
  // On the merge thread, or before it runs. The bus is kept for it from now on.
  void QueueCopy(CopyTask task);
  Result<postgres::SourceTable> FindTable(const std::string& name);

  PipelineOptions options_;
  Source& source_;
  store::ObjectStore& store_;
  iceberg::Catalog& catalog_;
  FileSystem& files_;
  const Clock& clock_;
  StatusBoard& board_;
  postgres::SourceIdentity identity_;
  TableChoice tables_;  // as they were at start
  iceberg::ManifestCache manifests_;
  std::unique_ptr<Lake> lake_;
  std::optional<iceberg::Ledger> ledger_;  // as found at start
  std::mutex bus_mutex_;
  std::unique_ptr<bus::EmbeddedBusWriter> bus_;  // replaced by capture's thread under bus_mutex_
  std::unique_ptr<RelationTracker> tracker_;
  std::unique_ptr<MergeLoop> merge_;
  std::optional<HeldSnapshot> slot_snapshot_;
  // By source name, at start: what the catalog holds, and why that cannot be read.
  std::map<std::string, iceberg::LoadedTable> lake_tables_;
  std::map<std::string, std::string> unreadable_;

  CaptureProgress progress_;
  std::mutex capture_mutex_;
  Capture* capture_ = nullptr;  // guarded by capture_mutex_
  Lsn wanted_cut_;              // also of the next connection; guarded by capture_mutex_
  std::mutex copies_mutex_;
  std::condition_variable_any copies_wake_;
  std::vector<CopyTask> copies_;  // guarded by copies_mutex_
};

}  // namespace sluice::pipeline
