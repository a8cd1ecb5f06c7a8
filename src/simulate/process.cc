#include "simulate/process.h"

namespace sluice::simulate {

Result<std::unique_ptr<Process>> Process::Start(const pipeline::PipelineOptions& options,
                                                const Around& around) {
  auto board = std::make_unique<pipeline::StatusBoard>(options.name);
  SLUICE_LET(auto mirror,
             pipeline::Mirror::Open(options, {around.source, around.store, around.catalog,
                                              around.files, around.clock, *board}));
  return std::unique_ptr<Process>(new Process(std::move(board), std::move(mirror), around));
}

Process::Process(std::unique_ptr<pipeline::StatusBoard> board,
                 std::unique_ptr<pipeline::Mirror> mirror, const Around& around)
    : catalog_(around.catalog),
      board_(std::move(board)),
      mirror_(std::move(mirror)),
      copy_(*mirror_, around.source, around.database, around.store, around.random) {}

Process::~Process() { mirror_->SetCapture(nullptr); }

Result<std::string> Process::Connect() {
  auto connected = mirror_->Connect();
  if (!connected) {
    if (!pipeline::Mirror::ComesBack(connected.error())) return connected.error();
    return "capture: " + connected.error().message();
  }
  capture_ = std::move(*connected);
  mirror_->SetCapture(capture_.get());
  return std::string("capture: connected");
}

Result<std::string> Process::StepCapture() {
  if (capture_ == nullptr) return Connect();
  const Lsn before{mirror_->progress().durable_lsn};
  const auto step = capture_->Step();
  if (step) {
    const Lsn durable{mirror_->progress().durable_lsn};
    return durable == before ? "" : "capture: cut at " + ToString(durable);
  }
  mirror_->SetCapture(nullptr);
  capture_.reset();
  if (!pipeline::Mirror::ComesBack(step.error())) return step.error();
  return "capture: " + step.error().message();
}

Result<std::string> Process::StepMerge() {
  const uint64_t before = catalog_.commit_count();
  SLUICE_TRY(mirror_->merge().Step());
  if (catalog_.commit_count() == before) return std::string();
  return fmt::format("merge: {} commits, ledger at {}", catalog_.commit_count() - before,
                     ToString(mirror_->merge().committed()));
}

}  // namespace sluice::simulate
