// What other programs do to the lake.
#include <array>

#include "simulate/world.h"

namespace sluice::simulate {

std::string World::Foreign() {
  struct Deed {
    ForeignWriter::Deed (ForeignWriter::*does)(const iceberg::TableIdentifier&);
    const char* name;
    bool harmless;  // no row becomes another: the table goes on
  };
  static constexpr std::array<Deed, 5> kDeeds = {{{&ForeignWriter::Compact, "compacts", true},
                                                  {&ForeignWriter::Expire, "expires", true},
                                                  {&ForeignWriter::Append, "appends to", false},
                                                  {&ForeignWriter::Delete, "deletes from", false},
                                                  {&ForeignWriter::RollBack, "rolls back", false}}};
  const Deed& deed = kDeeds[random_.Next() % kDeeds.size()];
  const auto& source = database_.tables()[random_.Next() % database_.tables().size()].source;
  const auto done = (foreign_.*deed.does)({source.schema_name, source.name});
  if (!done || !*done) return "";
  if (!deed.harmless) {
    lake_touched_ = true;
    ExcuseTable(source);
  }
  return fmt::format("foreign: another program {} {}", deed.name, source.name);
}

}  // namespace sluice::simulate
