#include "simulate/world.h"

#include <algorithm>

#include "base/uuid.h"

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
  out.bus.retention_us = random.Between(8, 30) * kSecondUs;
  out.memory_bytes = uint64_t{1} << random.Between(16, 26);
  out.cut_interval_us = random.Between(50, 1500) * kMillis;
  out.idle_cut_interval_us = random.Between(1, 10) * kSecondUs;
  if (random.OneIn(4)) out.confirm_after = pipeline::ConfirmAfter::kLake;
  return out;
}

}  // namespace

World::World(WorldOptions options)
    : options_(std::move(options)),
      random_(options_.seed),
      database_(random_.Next(), [this] { return clock_.WallMicros(); }),
      source_(
          database_, random_.Next(), [this] { return !files_.powered_off(); }, [](Lsn) {}),
      store_(store::MakeLocalStore(files_)),
      catalog_(files_, *store_, clock_, random_.Next()),
      checker_(database_, catalog_, *store_),
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
  ShowWhatIsHiddenForLong();
  if (mirror_ == nullptr && random_.OneIn(3)) SLUICE_TRY(Start());
  Note(Act());
  return After();
}

// A commit that stays hidden for longer than the bus keeps changes is lost to a copy that starts
// then: owed (src/pipeline/README.md), and not asked for here.
void World::ShowWhatIsHiddenForLong() {
  constexpr int64_t kHiddenUs = 2 * kSecondUs;
  if (!database_.hides_any()) shown_at_us_ = clock_.SteadyMicros();
  if (clock_.SteadyMicros() - shown_at_us_ < kHiddenUs) return;
  while (database_.hides_any()) database_.ShowOne();
}

// Whatever the step was: no power means a crash; what it committed must be true.
Status World::After() {
  if (files_.powered_off()) LosePower();
  SLUICE_TRY(broken_);
  SLUICE_TRY(checker_.Check());
  return CheckTables();
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
  if (dice < 92) return mirror_ ? copy_->Step() : "";
  if (dice < 93) {
    database_.Noise();
    return "";
  }
  if (dice < 95) {
    if (mirror_) mirror_->RetainBus();
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

std::string World::Trouble() {
  excused_ = true;
  const uint64_t soon = files_.operation_count() + static_cast<uint64_t>(random_.Below(150));
  switch (random_.Below(9)) {
    case 0:
      files_.StopAt(soon);
      return "trouble: power will go";
    case 1:
      LosePower();
      return "";
    case 2:
      Stop();
      files_.KillProcess();
      return "trouble: killed";
    case 3:
      files_.FailAt(soon, random_.OneIn(2) ? Fault::kIo : Fault::kShortWrite);
      return "trouble: the disk will fail once";
    case 4:
      for (uint64_t i = 0; i < 5; ++i) files_.FailAt(soon + i, Fault::kNoSpace);
      return "trouble: the disk will be full for a while";
    case 5:
      source_.DropConnections();
      return "trouble: connections dropped";
    case 6:
      source_.Restart(random_.OneIn(2));
      return "trouble: the source restarts";
    case 7:
      clock_.JumpWall((random_.Below(120) - 60) * kSecondUs);
      return "trouble: the clock jumps";
    default: {
      const auto fault = static_cast<CommitFault>(random_.Between(1, 5));
      catalog_.SetFault(fault);
      return fmt::format("trouble: the next commit, kind {}", static_cast<int>(fault));
    }
  }
}

// What the source forgets must be in the bus.
void World::Confirmed(Lsn lsn) {
  const auto info = bus::ReadBusInfo(files_, pipeline_.bus);
  if (info && std::max(info->last_cut.lsn, info->first_lsn) >= lsn) return;
  broken_ = MakeError(ErrorKind::kInternal, "{} is confirmed, the bus ends at {}", ToString(lsn),
                      info ? ToString(info->last_cut.lsn) : info.error().message());
}

// --- the program ---

Status World::Start() {
  board_ = std::make_unique<pipeline::StatusBoard>(pipeline_.name);
  auto opened =
      pipeline::Mirror::Open(pipeline_, {source_, *store_, catalog_, files_, clock_, *board_});
  if (!opened) return Ended(opened.error(), "start");
  mirror_ = std::move(*opened);
  copy_ = std::make_unique<SimCopy>(*mirror_, source_, database_, *store_, random_);
  Note("started");
  return {};
}

void World::Stop() {
  if (mirror_) mirror_->SetCapture(nullptr);
  capture_.reset();
  copy_.reset();
  mirror_.reset();
  given_up_.clear();
}

void World::LosePower() {
  source_.DropConnections();
  Stop();
  files_.Crash(random_.Next());
  Note("power went and came back");
  excused_ = true;  // some of it may show at the next start only
}

// The program gave up. It may, if something was broken in its life; then it is started again.
Status World::Ended(const Error& error, const std::string& what) {
  Note(fmt::format("{} ended: {}", what, error.message()));
  if (files_.powered_off()) return {};
  if (!excused_) {
    return MakeError(ErrorKind::kInternal, "{} ended without cause: {}", what, error.message());
  }
  Stop();
  files_.KillProcess();
  source_.DropConnections();
  return {};
}

std::string World::StepCapture() {
  if (mirror_ == nullptr) return "";
  if (capture_ == nullptr) {
    auto connected = mirror_->Connect();
    if (!connected) {
      if (!pipeline::Mirror::ComesBack(connected.error())) {
        broken_ = Ended(connected.error(), "connecting");
      }
      return "capture: " + connected.error().message();
    }
    capture_ = std::move(*connected);
    mirror_->SetCapture(capture_.get());
    return "capture: connected";
  }
  const Lsn before{mirror_->progress().durable_lsn};
  const auto step = capture_->Step();
  if (step) {
    const Lsn durable{mirror_->progress().durable_lsn};
    return durable == before ? "" : "capture: cut at " + ToString(durable);
  }
  mirror_->SetCapture(nullptr);
  capture_.reset();
  if (!pipeline::Mirror::ComesBack(step.error())) broken_ = Ended(step.error(), "capture");
  return "capture: " + step.error().message();
}

std::string World::StepMerge() {
  if (mirror_ == nullptr) return "";
  const uint64_t before = catalog_.commit_count();
  const auto step = mirror_->merge().Step();
  if (!step) {
    broken_ = Ended(step.error(), "merge");
    return "";
  }
  if (catalog_.commit_count() == before) return "";
  return fmt::format("merge: {} commits, ledger at {}", catalog_.commit_count() - before,
                     ToString(mirror_->merge().committed()));
}

// Nothing that happens here is a reason to give a table up, but a pause (or a
// resync that a crash cut off) longer than the bus's retention.
Status World::CheckTables() {
  if (mirror_ == nullptr) return {};
  for (const pipeline::TableStatus& table : board_->Read().tables) {
    if (table.state != pipeline::TableState::kFailed) {
      given_up_.erase(table.name);
      continue;
    }
    if (!paused_.contains(table.name)) {
      return MakeError(ErrorKind::kInternal, "table {} failed: {}", table.name, table.reason);
    }
    if (!given_up_.insert(table.name).second) continue;
    Note(fmt::format("{} was given up: {}", table.name, table.reason));
    CopyAgain(table.name);
  }
  return {};
}

std::string World::Order() {
  if (mirror_ == nullptr) return "";
  const auto tables = board_->Read().tables;
  const pipeline::TableStatus& table = tables[random_.Next() % tables.size()];
  const std::string name = table.name;
  if (table.state == pipeline::TableState::kPaused) {
    mirror_->merge().Post(
        [name](pipeline::MergeLoop& merge) { merge.Resume(name, [](Status) {}); });
    return "order: resume " + name;
  }
  if (table.state != pipeline::TableState::kLive) return "";
  if (random_.OneIn(3)) {
    paused_.insert(name);  // a crash forgets the order, and the bus may have been trimmed meanwhile
    CopyAgain(name);
    return "order: resync " + name;
  }
  paused_.insert(name);
  mirror_->merge().Post([name](pipeline::MergeLoop& merge) { merge.Pause(name, [](Status) {}); });
  return "order: pause " + name;
}

void World::CopyAgain(const std::string& table) {
  const auto source = mirror_->FindTable(table);
  if (!source) return;
  mirror_->merge().Post([this, table, shape = *source](pipeline::MergeLoop& merge) {
    static_cast<void>(mirror_->Resync(merge, table, shape));
  });
}

Status World::CheckRefusals() {
  Stop();
  files_.KillProcess();
  if (random_.OneIn(2)) {
    source_.RollBack(Lsn{database_.end().value / 2});
    return MustRefuse("a source that was rolled back");
  }
  source_.DropSlot();
  return MustRefuse("a source without our slot");
}

Status World::MustRefuse(const std::string& why) {
  const uint64_t commits = catalog_.commit_count();
  pipeline::StatusBoard board(pipeline_.name);
  const auto opened =
      pipeline::Mirror::Open(pipeline_, {source_, *store_, catalog_, files_, clock_, board});
  if (opened) return MakeError(ErrorKind::kInternal, "{} was taken", why);
  const Error& error = opened.error();
  if (error.kind() != ErrorKind::kConfig || error.hint().empty()) {
    return MakeError(ErrorKind::kInternal, "{}: no clear refusal: {}", why, error.message());
  }
  if (catalog_.commit_count() == commits) return {};
  return MakeError(ErrorKind::kInternal, "{} was refused, yet something was committed", why);
}

bool World::Reached(Lsn lsn) const {
  const auto tables = board_->Read().tables;
  return tables.size() == database_.tables().size() &&
         std::all_of(tables.begin(), tables.end(), [&](const pipeline::TableStatus& table) {
           return table.state == pipeline::TableState::kLive && table.cut.lsn >= lsn;
         });
}

Status World::Converge() {
  files_.ClearFaults();
  catalog_.SetFault(CommitFault::kNone);
  database_.FinishAll();
  const Lsn target = database_.end();
  Note("faults stop; everything up to " + ToString(target) + " must arrive");
  for (int i = 0; i < kConvergeSteps; ++i) {
    ++step_;
    clock_.Advance(random_.Below(400) * kMillis);
    if (mirror_ == nullptr) SLUICE_TRY(Start());
    if (mirror_) {
      for (const pipeline::TableStatus& table : board_->Read().tables) {
        if (table.state != pipeline::TableState::kPaused) continue;
        mirror_->merge().Post(
            [name = table.name](pipeline::MergeLoop& merge) { merge.Resume(name, [](Status) {}); });
      }
      mirror_->merge().Post([target](pipeline::MergeLoop& merge) { merge.FlushThrough(target); });
      mirror_->RequestCut(target);
    }
    Note(StepCapture());
    SLUICE_TRY(After());
    Note(StepMerge());
    SLUICE_TRY(After());
    if (mirror_) Note(copy_->Step());
    SLUICE_TRY(After());
    if (mirror_ && Reached(target)) {
      SLUICE_TRY(checker_.CheckNewest());
      return CheckRefusals();
    }
  }
  std::string states;
  if (mirror_) {
    for (const pipeline::TableStatus& table : board_->Read().tables) {
      states += fmt::format(" {} {} at {};", table.name, pipeline::TableStateName(table.state),
                            ToString(table.cut.lsn));
    }
  }
  return MakeError(ErrorKind::kInternal, "the lake does not reach {}:{}", ToString(target), states);
}

}  // namespace sluice::simulate
