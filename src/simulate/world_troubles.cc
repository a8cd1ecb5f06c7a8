// What machines do to programs.
#include <array>

#include "simulate/world.h"

namespace sluice::simulate {

namespace {
constexpr int64_t kSecondUs = 1'000'000;
constexpr int kSoon = 150;  // operations of the disk
}  // namespace

std::string World::Trouble() {
  using Kind = std::string (World::*)();
  static constexpr std::array<Kind, 16> kKinds = {
      &World::PowerWillGo,  &World::PowerGoes,       &World::Kill,        &World::DiskWillFail,
      &World::SyncWillFail, &World::DiskIsFull,      &World::LinesDrop,   &World::SourceRestarts,
      &World::ClockJumps,   &World::CommitsWillFail, &World::StateIsLost, &World::BusIsLost,
      &World::BitFlips,     &World::LakeRots,        &World::Foreign,     &World::AnotherInstance};
  const Kind kind = kKinds[random_.Next() % kKinds.size()];
  return (this->*kind)();
}

uint64_t World::Soon() {
  return files_.operation_count() + static_cast<uint64_t>(random_.Below(kSoon));
}

std::string World::PowerWillGo() {
  files_.StopAt(Soon());
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
  source_.DropConnections();
  files_.KillProcess();
  return "trouble: killed";
}

std::string World::DiskWillFail() {
  excused_ = true;
  files_.FailAt(Soon(), random_.OneIn(2) ? Fault::kIo : Fault::kShortWrite);
  return "trouble: the disk will fail once";
}

std::string World::SyncWillFail() {
  excused_ = true;
  files_.FailSyncFrom(Soon());
  return "trouble: a sync will fail";
}

std::string World::DiskIsFull() {
  excused_ = true;
  const uint64_t soon = Soon();
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

std::string World::CommitsWillFail() {
  const auto fault = static_cast<CommitFault>(random_.Between(1, 6));
  const int times = random_.OneIn(3) ? random_.Between(8, 30) : random_.Between(1, 3);
  catalog_.SetFault(fault, times);
  return fmt::format("trouble: the next {} commits, kind {}", times, static_cast<int>(fault));
}

// It holds caches only.
std::string World::StateIsLost() {
  Kill();
  files_.Lose(pipeline_.state_folder);
  return "trouble: killed, the state folder is gone";
}

// With confirm_after lake no disk of ours needs to last.
std::string World::BusIsLost() {
  if (pipeline_.confirm_after != pipeline::ConfirmAfter::kLake) return "";
  Kill();
  files_.Lose(pipeline_.state_folder);
  files_.Lose(pipeline_.bus.folder);
  return "trouble: killed, bus and state folder are gone";
}

// A bit of a file at rest, of those that are ours alone: caches are made again, what was spooled is
// sent again; a damaged bus is said and then mended by the operator.
std::string World::BitFlips() {
  const std::array<std::string, 3> folders = {pipeline_.state_folder + "/index",
                                              pipeline_.state_folder + "/spool",
                                              pipeline_.bus.folder + "/p0"};
  const size_t place = random_.Next() % folders.size();
  std::vector<std::string> paths = files_.Paths(folders[place]);
  std::erase_if(paths, [&](const std::string& path) { return files_.Content(path).empty(); });
  if (paths.empty()) return "";
  const std::string path = paths[random_.Next() % paths.size()];
  files_.FlipBit(path, random_.Next() % (files_.Content(path).size() * 8));
  excused_ = excused_ || place != 1;
  bus_damaged_ = bus_damaged_ || place == 2;
  return "trouble: a bit flips in " + path;
}

// A bit of a file of a table. The table may fail, alone, and is then copied again; or it goes on,
// and nothing of the damage may get into what it commits: the checker knows what the file held.
std::string World::LakeRots() {
  const auto& source = database_.tables()[random_.Next() % database_.tables().size()].source;
  const auto files = checker_.LiveFiles({source.schema_name, source.name});
  if (files.empty() || files_.powered_off()) return "";
  const std::string path = store::LocalPath(files[random_.Next() % files.size()]).value();
  files_.FlipBit(path, random_.Next() % (files_.Content(path).size() * 8));
  ExcuseTable(source);
  return "trouble: a bit flips in " + path;
}

// On a machine that was made of a copy of this one's disk, while this one goes on.
std::string World::AnotherInstance() {
  if (process_ == nullptr || older_ || files_.powered_off()) return "";
  older_ = std::move(process_);
  older_pipeline_ = pipeline_;
  claimed_ = false;
  given_up_.clear();
  const int machine = ++machines_;
  pipeline_.bus.folder = fmt::format("/bus{}", machine);
  pipeline_.state_folder = fmt::format("/state{}", machine);
  files_.CopyTree(older_pipeline_.bus.folder, pipeline_.bus.folder);
  files_.CopyTree(older_pipeline_.state_folder, pipeline_.state_folder);
  // The older one may confirm what the copy of its bus has not, until it stops.
  excused_ = true;
  ExcuseTables();
  return "trouble: another instance takes over";
}

}  // namespace sluice::simulate
