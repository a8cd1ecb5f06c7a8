// What machines do to programs.
#include "simulate/world.h"

namespace sluice::simulate {

namespace {
constexpr int64_t kSecondUs = 1'000'000;
constexpr int kSoon = 150;  // operations of the disk
}  // namespace

std::string World::Trouble() {
  using Kind = std::string (World::*)();
  constexpr Kind kKinds[] = {&World::PowerWillGo,    &World::PowerGoes,  &World::Kill,
                             &World::DiskWillFail,   &World::DiskIsFull, &World::LinesDrop,
                             &World::SourceRestarts, &World::ClockJumps, &World::CommitWillFail};
  excused_ = true;
  return (this->*kKinds[random_.Below(std::size(kKinds))])();
}

std::string World::PowerWillGo() {
  files_.StopAt(files_.operation_count() + static_cast<uint64_t>(random_.Below(kSoon)));
  return "trouble: power will go";
}

std::string World::PowerGoes() {
  LosePower();
  return "";
}

void World::LosePower() {
  source_.DropConnections();
  Stop();
  files_.Crash(random_.Next());
  Note("power went and came back");
  excused_ = true;  // some of it may show at the next start only
}

std::string World::Kill() {
  Stop();
  files_.KillProcess();
  return "trouble: killed";
}

std::string World::DiskWillFail() {
  const uint64_t soon = files_.operation_count() + static_cast<uint64_t>(random_.Below(kSoon));
  files_.FailAt(soon, random_.OneIn(2) ? Fault::kIo : Fault::kShortWrite);
  return "trouble: the disk will fail once";
}

std::string World::DiskIsFull() {
  const uint64_t soon = files_.operation_count() + static_cast<uint64_t>(random_.Below(kSoon));
  for (uint64_t i = 0; i < 5; ++i) files_.FailAt(soon + i, Fault::kNoSpace);
  return "trouble: the disk will be full for a while";
}

std::string World::LinesDrop() {
  source_.DropConnections();
  return "trouble: connections dropped";
}

std::string World::SourceRestarts() {
  source_.Restart(random_.OneIn(2));
  return "trouble: the source restarts";
}

std::string World::ClockJumps() {
  clock_.JumpWall((random_.Below(120) - 60) * kSecondUs);
  return "trouble: the clock jumps";
}

std::string World::CommitWillFail() {
  const auto fault = static_cast<CommitFault>(random_.Between(1, 5));
  catalog_.SetFault(fault);
  return fmt::format("trouble: the next commit, kind {}", static_cast<int>(fault));
}

}  // namespace sluice::simulate
