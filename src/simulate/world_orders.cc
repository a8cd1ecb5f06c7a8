// What an operator says to the running program.
#include "simulate/world.h"

namespace sluice::simulate {

std::string World::Order() {
  if (process_ == nullptr) return "";
  const auto tables = process_->tables();
  const pipeline::TableStatus& table = tables[random_.Next() % tables.size()];
  const std::string name = table.name;
  pipeline::MergeLoop& merge = process_->mirror().merge();
  if (table.state == pipeline::TableState::kPaused) {
    merge.Post([name](pipeline::MergeLoop& loop) { loop.Resume(name, [](Status) {}); });
    return "order: resume " + name;
  }
  if (table.state != pipeline::TableState::kLive) return "";
  paused_.insert(name);
  if (random_.OneIn(3)) {
    // A crash forgets the order, and the bus may have been trimmed meanwhile.
    CopyAgain(name);
    return "order: resync " + name;
  }
  merge.Post([name](pipeline::MergeLoop& loop) { loop.Pause(name, [](Status) {}); });
  return "order: pause " + name;
}

void World::CopyAgain(const std::string& table) {
  pipeline::Mirror& mirror = process_->mirror();
  const auto source = mirror.FindTable(table);
  if (!source) return;
  mirror.merge().Post([&mirror, table, shape = *source](pipeline::MergeLoop& merge) {
    static_cast<void>(mirror.Resync(merge, table, shape));
  });
}

}  // namespace sluice::simulate
