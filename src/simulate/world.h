// One simulated life of a mirror: the program's own stages, stepped in seeded order, between a
// database, a disk that loses power and a catalog whose answers get lost; held against the oracle
// after every step. A seed is the whole life.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "simulate/foreign_writer.h"
#include "simulate/lake_reader.h"
#include "simulate/process.h"

namespace sluice::simulate {

struct WorldOptions {
  uint64_t seed = 1;
  int steps = 500;
  bool faults = true;
  // Power goes at this operation of the disk; this one fails.
  std::optional<uint64_t> crash_at;
  std::optional<uint64_t> fail_at;
  std::function<void(const std::string&)> trace;  // each step as it happens; may be empty
};

class World {
 public:
  explicit World(WorldOptions options);
  ~World();

  // Nothing: every rule held. Else the one that did not (rules.h).
  Status Run();
  // Operations of the disk so far: where a crash may strike.
  uint64_t operations() const { return files_.operation_count(); }
  const std::vector<std::string>& trace() const { return trace_; }

 private:
  void Note(std::string what);
  // One action of somebody, then the checks.
  Status Step();
  std::string Act();
  // A restart, if the program is down.
  Status Start();
  void StepOlder();
  void Stop();
  std::string StepCapture();
  std::string StepMerge();
  std::string StepCopy();
  Status Ended(const Error& error, const std::string& what);
  // Faults stop, and the lake must become the source.
  Status Converge();
  void HurryTo(Lsn target);
  bool Reached(Lsn lsn) const;
  std::string States() const;

  // world_troubles.cc: what machines do to programs.
  std::string Trouble();
  std::string PowerWillGo();
  std::string PowerGoes();
  std::string Kill();
  std::string DiskWillFail();
  std::string SyncWillFail();
  std::string DiskIsFull();
  std::string LinesDrop();
  std::string SourceRestarts();
  std::string ClockJumps();
  std::string CommitsWillFail();
  std::string StateIsLost();
  std::string BusIsLost();
  std::string BitFlips();
  std::string LakeRots();
  std::string AnotherInstance();
  void LosePower();
  uint64_t Soon();

  // world_foreign.cc: what other programs do to the lake.
  std::string Foreign();

  // world_orders.cc: what an operator may say: pause, resume, copy again.
  std::string Order();
  void CopyAgain(const std::string& table);
  void MoveBusAway();
  // A reason to give tables up that is nobody's fault but the world's.
  void ExcuseTables();
  void ExcuseTable(const postgres::SourceTable& source);

  // world_checks.cc: the rules.
  // Whatever the step was: no power means a crash; what it committed must be true.
  Status After();
  Status CheckTables();
  Status CheckMemory();
  void Confirmed(Lsn lsn);
  Status IsKept(Lsn lsn);
  // At the very end: a source that is not ours any more must be refused, and nothing may move.
  Status CheckRefusals();
  Status MustRefuse(const std::string& why);
  // A source that went back to an older state, and on from there past where it was.
  Status CheckOtherHistory();
  Status MustNotFollow(Lsn back, Lsn cut);

  WorldOptions options_;
  Random random_;
  FakeClock clock_;
  FakeFileSystem files_;
  Database database_;
  SimSource source_;
  std::unique_ptr<store::ObjectStore> store_;
  SimCatalog catalog_;
  LakeChecker checker_;
  ForeignWriter foreign_;
  Process::Around around_;
  pipeline::PipelineOptions pipeline_;
  std::unique_ptr<Process> process_;
  // The same pipeline elsewhere, whose place `process_` took; it does not know yet.
  std::unique_ptr<Process> older_;
  pipeline::PipelineOptions older_pipeline_;
  const pipeline::PipelineOptions* at_work_ = nullptr;  // whose stream speaks to the source
  bool claimed_ = false;  // by `process_`, since there is an older one
  int machines_ = 1;
  // Something was broken on purpose in this life of the process: it may end.
  bool excused_ = false;
  bool bus_damaged_ = false;
  bool slot_moved_ = false;         // by the older one, past what the newer one's bus holds
  bool lake_touched_ = false;       // by another program; an idle table sees it at a restart
  Status broken_;                   // the first rule that did not hold
  std::set<std::string> paused_;    // some time: such a table may have been given up
  std::set<std::string> given_up_;  // to be copied again, as this process was told
  uint64_t step_ = 0;
  std::vector<std::string> trace_;
};

}  // namespace sluice::simulate
