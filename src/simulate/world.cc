#include "simulate/world.h"

#include <algorithm>

#include "base/uuid.h"
#include "simulate/rules.h"

namespace sluice::simulate {

namespace {

constexpr int kConvergeSteps = 4000;
constexpr int64_t kMillis = 1000;
constexpr int64_t kSecondUs = 1'000'000;

pipeline::PipelineOptions MakeOptions(Random& random) {
  pipeline::PipelineOptions out;
  out.name = "sim";
  out.slot = "sim_slot";
  out.publication = "sim";
  pipeline::TableRule all;  // tables without a key too
  all.pattern = "public.*";
  all.options.freshness_us = random.Between(100, 3000) * kMillis;
  all.options.history = {.all_ms = random.Between(2, 60) * 1000,
                         .every_minute_ms = random.Between(0, 1) * 120'000,
                         .every_hour_ms = 0,
                         .every_day_ms = 0,
                         .snapshots_max = random.Between(5, 50)};
  out.defaults = all.options;
  out.rules = {all};
  out.warehouse = "file:///lake";
  out.catalog_path = "memory";
  out.state_folder = "/state";
  out.bus.folder = "/bus";
  out.bus.segment_bytes = uint64_t{1} << random.Between(11, 16);
  out.bus.disk_reserve_bytes = 0;
  if (random.OneIn(3)) out.bus.max_bytes = uint64_t{1} << random.Between(17, 19);
  out.bus.retention_us = random.Between(1, random.OneIn(3) ? 4 : 30) * kSecondUs;
  out.memory_bytes =
      uint64_t{1} << (random.OneIn(2) ? random.Between(16, 17) : random.Between(16, 26));
  out.cut_interval_us = random.Between(50, 1500) * kMillis;
  out.idle_cut_interval_us = random.Between(1, 10) * kSecondUs;
  out.delete_tier_files = static_cast<int>(random.Between(2, 10));
  out.replaced_keep_us = random.Between(1, 20) * kSecondUs;
  if (random.OneIn(4)) out.confirm_after = pipeline::ConfirmAfter::kLake;
  return out;
}

}  // namespace

World::World(WorldOptions options)
    : options_(std::move(options)),
      random_(options_.seed),
      database_(random_.Next(), [this] { return clock_.WallMicros(); }),
      source_(
          database_, random_.Next(), [this] { return !files_.powered_off(); },
          [this](Lsn lsn) { Confirmed(lsn); }),
      store_(store::MakeLocalStore(files_)),
      catalog_(files_, *store_, clock_, random_.Next()),
      checker_(database_, catalog_, *store_),
      foreign_(catalog_, *store_, clock_, random_),
      around_{source_, database_, *store_, catalog_, files_, clock_, random_},
      pipeline_(MakeOptions(random_)) {
  SeedUuids(options_.seed);
}

World::~World() { Stop(); }

void World::Note(std::string what) {
  if (what.empty()) return;
  trace_.push_back(fmt::format("{:>5} {:>9.3f}s {} {}", step_,
                               static_cast<double>(clock_.SteadyMicros()) / kSecondUs,
                               ToString(database_.end()), what));
  if (options_.trace) options_.trace(trace_.back());
}

Status World::Run() {
  if (options_.crash_at) files_.StopAt(*options_.crash_at);
  if (options_.fail_at) files_.FailAt(*options_.fail_at, Fault::kIo);
  excused_ = options_.fail_at.has_value();
  for (int i = 0; i < options_.steps; ++i) SLUICE_TRY(Step());
  return Converge();
}

Status World::Step() {
  ++step_;
  clock_.Advance(random_.Below(80) * kMillis);
  if (process_ == nullptr && random_.OneIn(3)) SLUICE_TRY(Start());
  if (older_ && random_.OneIn(4)) StepOlder();
  Note(Act());
  return After();
}

std::string World::Act() {
  const int dice = random_.Below(100);
  if (dice < 35) {
    database_.Step();
    return "";
  }
  if (dice < 40) {
    database_.ShowOne();
    return "";
  }
  if (dice < 62) return StepCapture();
  if (dice < 84) return StepMerge();
  if (dice < 92) return StepCopy();
  if (dice < 93) {
    database_.Noise();
    return "";
  }
  if (dice < 95) {
    if (process_) process_->Retain();
    return "";
  }
  if (dice < 96) {
    clock_.Advance(random_.Below(5) * kSecondUs);
    return "";
  }
  if (dice < 97) return options_.faults ? Order() : "";
  catalog_.Arrive();
  return options_.faults ? Trouble() : "";
}

Status World::Start() {
  at_work_ = &pipeline_;
  const size_t faults = catalog_.faults_left();
  auto started = Process::Start(pipeline_, around_);
  // A catalog that does not answer at the start is no reason to wait: whoever starts it sees it.
  excused_ |= catalog_.faults_left() != faults;
  if (!started) return Ended(started.error(), "start");
  process_ = std::move(*started);
  claimed_ = true;
  excused_ = files_.fault_pending() || bus_damaged_;
  Note("started");
  return {};
}

void World::Stop() {
  process_.reset();
  older_.reset();
  given_up_.clear();
}

// It may copy, follow and commit until it sees a higher epoch than its own; then it ends.
void World::StepOlder() {
  const uint64_t before = catalog_.commit_count();
  const size_t faults = catalog_.faults_left();
  at_work_ = &older_pipeline_;
  auto done = random_.OneIn(2) ? older_->StepCapture() : older_->StepMerge();
  // A catalog that applies a commit in part fences nobody; the newer one finds such a commit.
  const bool whole = catalog_.faults_left() == faults;
  if (claimed_ && whole && catalog_.commit_count() != before) {
    broken_ = rule::Broken(rule::kFenced, "the older instance committed after it was taken over");
  }
  if (done && done->empty()) return;
  Note("older instance: " + (done ? *done : done.error().message()));
  if (!done) older_.reset();
}

// The program gave up. It may, if something was broken in its life; then it is started again.
Status World::Ended(const Error& error, const std::string& what) {
  Note(fmt::format("{} ended: {}", what, error.message()));
  if (files_.powered_off()) return {};
  const bool says_so = error.kind() == ErrorKind::kCorrupt || error.kind() == ErrorKind::kConfig;
  if (bus_damaged_ && says_so) MoveBusAway();
  if (!excused_ && !slot_moved_) {
    return rule::Broken(rule::kAlive, "{} ended without cause: {}", what, error.message());
  }
  slot_moved_ = false;
  Kill();
  return {};
}

std::string World::StepCapture() {
  if (process_ == nullptr) return "";
  at_work_ = &pipeline_;
  auto done = process_->StepCapture();
  if (done) return std::move(*done);
  broken_ = Ended(done.error(), "capture");
  return "";
}

std::string World::StepMerge() {
  if (process_ == nullptr) return "";
  auto done = process_->StepMerge();
  if (done) return std::move(*done);
  broken_ = Ended(done.error(), "merge");
  return "";
}

bool World::Reached(Lsn lsn) const {
  const auto tables = process_->tables();
  return tables.size() == database_.tables().size() &&
         std::all_of(tables.begin(), tables.end(), [&](const pipeline::TableStatus& table) {
           return table.state == pipeline::TableState::kLive && table.cut.lsn >= lsn;
         });
}

std::string World::States() const {
  std::string out;
  if (process_ == nullptr) return " it is down";
  for (const pipeline::TableStatus& table : process_->tables()) {
    out += fmt::format(" {} {} at {};", table.name, pipeline::TableStateName(table.state),
                       ToString(table.cut.lsn));
  }
  return out;
}

// What is paused goes on, and cuts come at once.
void World::HurryTo(Lsn target) {
  pipeline::MergeLoop& merge = process_->mirror().merge();
  for (const pipeline::TableStatus& table : process_->tables()) {
    if (table.state != pipeline::TableState::kPaused) continue;
    merge.Post(
        [name = table.name](pipeline::MergeLoop& loop) { loop.Resume(name, [](Status) {}); });
  }
  merge.Post([target](pipeline::MergeLoop& loop) { loop.FlushThrough(target); });
  process_->mirror().RequestCut(target);
}

Status World::Converge() {
  files_.ClearFaults();
  catalog_.ClearFaults();
  database_.FinishAll();
  if (older_ || lake_touched_) Kill();
  const Lsn target = database_.end();
  Note("faults stop; everything up to " + ToString(target) + " must arrive");
  for (int i = 0; i < kConvergeSteps; ++i) {
    ++step_;
    clock_.Advance(random_.Below(400) * kMillis);
    if (i % 50 == 0) database_.Noise();  // no log stands still for ever
    if (process_ == nullptr) SLUICE_TRY(Start());
    if (process_) HurryTo(target);
    Note(StepCapture());
    SLUICE_TRY(After());
    Note(StepMerge());
    SLUICE_TRY(After());
    Note(StepCopy());
    SLUICE_TRY(After());
    if (process_ && Reached(target)) {
      SLUICE_TRY(checker_.CheckNewest());
      return CheckRefusals();
    }
  }
  return rule::Broken(rule::kReached, "the lake does not reach {}:{}", ToString(target), States());
}

}  // namespace sluice::simulate
