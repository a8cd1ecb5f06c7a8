// One life of the program on one machine, step by step: what the supervisor does with threads.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/file_system_fake.h"
#include "pipeline/mirror.h"
#include "simulate/sim_catalog.h"
#include "simulate/sim_copy.h"
#include "simulate/sim_source.h"

namespace sluice::simulate {

class Process {
 public:
  // All outlive it.
  struct Around {
    SimSource& source;
    Database& database;
    store::ObjectStore& store;
    SimCatalog& catalog;
    FakeFileSystem& files;
    const Clock& clock;
    Random& random;
  };

  static Result<std::unique_ptr<Process>> Start(const pipeline::PipelineOptions& options,
                                                const Around& around);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  // Words for the trace, often none. An error: the program ends by it.
  Result<std::string> StepCapture();
  Result<std::string> StepMerge();
  std::string StepCopy() { return copy_.Step(); }
  // The snapshot of the copies; null: none.
  const pipeline::HeldSnapshot* held() const { return copy_.held(); }
  void Retain() { mirror_->RetainBus(); }

  pipeline::Mirror& mirror() { return *mirror_; }
  std::vector<pipeline::TableStatus> tables() const { return board_->Read().tables; }

 private:
  Process(std::unique_ptr<pipeline::StatusBoard> board, std::unique_ptr<pipeline::Mirror> mirror,
          const Around& around);
  Result<std::string> Connect();

  const SimCatalog& catalog_;
  std::unique_ptr<pipeline::StatusBoard> board_;
  std::unique_ptr<pipeline::Mirror> mirror_;
  std::unique_ptr<pipeline::Capture> capture_;
  SimCopy copy_;
};

}  // namespace sluice::simulate
