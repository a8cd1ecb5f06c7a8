// The rules that the world holds the program to (rules.h); the lake itself is LakeChecker's.
#include <algorithm>

#include "simulate/rules.h"
#include "simulate/world.h"

namespace sluice::simulate {

Status World::After() {
  if (files_.powered_off()) LosePower();
  SLUICE_TRY(broken_);
  SLUICE_TRY(checker_.Check());
  SLUICE_TRY(CheckMemory());
  return CheckTables();
}

// Between steps every table's window and index fit the shares; what one step takes in beside them
// is bounded by what it reads at once. One thread shows no more than that.
Status World::CheckMemory() {
  if (process_ == nullptr) return {};
  const pipeline::MemoryShares shares{pipeline_.memory_bytes};
  const pipeline::MergeMemory held = process_->mirror().merge().memory();
  if (held.window_bytes <= shares.windows() && held.index_bytes <= shares.indexes()) return {};
  return rule::Broken(rule::kMemory, "windows hold {} of {} bytes, indexes {} of {}",
                      held.window_bytes, shares.windows(), held.index_bytes, shares.indexes());
}

// Nothing that happens here is a reason to give a table up, but a pause longer than the bus's
// retention.
Status World::CheckTables() {
  if (process_ == nullptr) return {};
  for (const pipeline::TableStatus& table : process_->tables()) {
    if (table.state != pipeline::TableState::kFailed) {
      given_up_.erase(table.name);
      continue;
    }
    if (bus_damaged_) {
      MoveBusAway();
      return {};
    }
    if (!paused_.contains(table.name)) {
      return rule::Broken(rule::kAlive, "table {} failed: {}", table.name, table.reason);
    }
    if (!given_up_.insert(table.name).second) continue;
    Note(fmt::format("{} was given up: {}", table.name, table.reason));
    CopyAgain(table.name);
  }
  return {};
}

// Unless the source hid some of it.
std::string World::StepCopy() {
  if (process_ == nullptr) return "";
  const auto bus = bus::ReadBusInfo(files_, pipeline_.bus);
  const bool hides = database_.hides_any();
  const auto now = database_.TakeSnapshot().visibility;
  const std::string before = process_->held() ? process_->held()->name : "";
  std::string done = process_->StepCopy();
  // What is damaged may be needed for the copy, which says so.
  if (done == kNoSnapshot && bus_damaged_) MoveBusAway();
  if (process_ == nullptr) return done;
  const pipeline::HeldSnapshot* held = process_->held();
  const bool fresh = held != nullptr && held->name != before && held->visibility.SeesAllOf(now);
  // The last cut is read again: it may be the one at which the table is committed.
  if (bus && fresh && !hides && held->bus_from.value + 1 < bus->last_cut.lsn.value) {
    broken_ = rule::Broken(rule::kOnce, "a copy begins at {} on the bus, its snapshot at {}",
                           ToString(held->bus_from), ToString(bus->last_cut.lsn));
  }
  return done;
}

void World::Confirmed(Lsn lsn) {
  if (broken_) broken_ = IsKept(lsn);
  if (at_work_ == &older_pipeline_) slot_moved_ = true;
}

// What the source forgets must be in the bus; or, where the bus may be lost, in the lake.
Status World::IsKept(Lsn lsn) {
  const auto bus = bus::FindBus(files_, at_work_->bus);
  if (!bus && bus_damaged_) return {};
  const Lsn held = bus && *bus ? std::max((*bus)->last_cut.lsn, (*bus)->first_lsn) : Lsn{};
  if (lsn > held) {
    return rule::Broken(rule::kConfirmed, "{} is confirmed, the bus ends at {}", ToString(lsn),
                        ToString(held));
  }
  if (pipeline_.confirm_after == pipeline::ConfirmAfter::kBus) return {};
  SLUICE_LET(const auto ledger, iceberg::ReadLedger(catalog_, *store_, {"sluice", "cuts"}));
  const bool any = ledger && !ledger->rows.empty();
  const Lsn recorded = any ? ledger->rows.back().marks.cut.lsn : source_.slot_start();
  if (lsn <= std::max(recorded, source_.slot_start())) return {};
  return rule::Broken(rule::kConfirmed, "{} is confirmed, the ledger ends at {}", ToString(lsn),
                      ToString(recorded));
}

// Where nothing had been committed since that state only its new transactions tell: they end where
// cuts were closed already, and would be taken for known ones.
Status World::CheckOtherHistory() {
  const Lsn back = database_.end();
  for (int i = 0; i < 100; ++i) database_.Noise();
  Lsn cut;
  while (cut <= back) {
    clock_.Advance(1'000'000);
    Note(StepCapture());
    SLUICE_TRY(After());
    if (process_ == nullptr) return {};
    cut = Lsn{process_->mirror().progress().durable_lsn};
  }
  Kill();
  source_.GoBack(back);
  while (database_.end() <= cut) database_.Step();
  database_.FinishAll();
  return database_.At(cut) == database_.At(back) ? Status() : MustNotFollow(back, cut);
}

Status World::MustNotFollow(Lsn back, Lsn cut) {
  constexpr int kStepsMax = 4000;
  SLUICE_LET(const auto follower, Process::Start(pipeline_, around_));
  Result<std::string> step;
  for (int i = 0; i < kStepsMax && step; ++i) {
    clock_.Advance(1'000'000);
    step = follower->StepCapture();
  }
  SLUICE_LET(const auto bus, bus::ReadBusInfo(files_, pipeline_.bus));
  if (!step && step.error().kind() == ErrorKind::kConfig && bus.last_cut.lsn <= cut) return {};
  return rule::Broken(rule::kRefused, "another history from {} on was followed past {}: {}",
                      ToString(back), ToString(cut), step ? "no error" : step.error().message());
}

Status World::CheckRefusals() {
  if (bus_damaged_) MoveBusAway();
  if (random_.OneIn(3)) return CheckOtherHistory();
  Kill();
  switch (random_.Below(4)) {
    case 0:
      source_.RollBack(Lsn{database_.end().value / 2});
      return MustRefuse("a source that was rolled back");
    case 1:
      source_.LoseSlot();
      return MustRefuse("a source that lost the slot's log");
    case 2:
      source_.BecomeAnother();
      return MustRefuse("another source");
    default:
      source_.DropSlot();
      return MustRefuse("a source without our slot");
  }
}

Status World::MustRefuse(const std::string& why) {
  const uint64_t commits = catalog_.commit_count();
  const auto started = Process::Start(pipeline_, around_);
  if (started) return rule::Broken(rule::kRefused, "{} was taken", why);
  const Error& error = started.error();
  if (error.kind() != ErrorKind::kConfig || error.hint().empty()) {
    return rule::Broken(rule::kRefused, "{}: no clear refusal: {}", why, error.message());
  }
  if (catalog_.commit_count() == commits) return {};
  return rule::Broken(rule::kRefused, "{} was refused, yet something was committed", why);
}

}  // namespace sluice::simulate
