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
  if (random_.OneIn(3)) {
    CopyAgain(name);
    return "order: resync " + name;
  }
  paused_.insert(name);
  merge.Post([name](pipeline::MergeLoop& loop) { loop.Pause(name, [](Status) {}); });
  return "order: pause " + name;
}

void World::CopyAgain(const std::string& table) {
  pipeline::Mirror& mirror = process_->mirror();
  const auto renewed = mirror.Renew(table, {});
  if (!renewed) {
    given_up_.erase(table);  // the order is given again
    return;
  }
  mirror.merge().Post([this, &mirror, table, renewed = *renewed](pipeline::MergeLoop& merge) {
    if (!mirror.Resync(merge, renewed)) given_up_.erase(table);
  });
}

// As the error says: the folder aside, and every table anew.
void World::MoveBusAway() {
  Note("order: the damaged bus is moved away");
  Kill();
  files_.Lose(pipeline_.bus.folder);
  bus_damaged_ = false;
  ExcuseTables();
}

void World::ExcuseTables() {
  for (const Table& table : database_.tables()) ExcuseTable(table.source);
}

void World::ExcuseTable(const postgres::SourceTable& source) {
  paused_.insert(QuoteIdentifier(source.schema_name) + "." + QuoteIdentifier(source.name));
}

}  // namespace sluice::simulate
