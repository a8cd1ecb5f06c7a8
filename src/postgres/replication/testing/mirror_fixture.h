// A small mirrored world for decoder tests: tables of an int4 key and text columns, a resolver that
// knows them, and batches as lines of text.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "change/change_batch.h"
#include "postgres/replication/change_decoder.h"

namespace sluice::postgres::testing {

// `columns`: names after the key `id`; all text. 'f': REPLICA IDENTITY FULL.
MirroredTable MakeMirror(uint32_t oid, const std::string& name,
                         const std::vector<std::string>& columns, char identity = 'd');
// As the stream would describe it.
RelationMessage DescribeMirror(const MirroredTable& table);

class MapResolver final : public RelationResolver {
 public:
  Result<std::optional<MirroredTable>> Resolve(const RelationMessage& relation) override {
    asked.push_back(relation.oid);
    const auto found = tables.find(relation.oid);
    if (found == tables.end()) return std::optional<MirroredTable>();
    return std::optional(found->second);
  }
  std::map<uint32_t, MirroredTable> tables;
  std::vector<uint32_t> asked;
  uint64_t generation() const override { return asked_again; }
  uint64_t asked_again = 0;
};

// One line a row: "t I id=1 note=a", "t U(id=1) id=2 note=?" (? unsent, - null), "t D id=1",
// "t T"; a schema "t v2", a stop "t stop: reason".
std::vector<std::string> Lines(const std::vector<ChangeDecoder::Record>& records,
                               const std::map<uint32_t, MirroredTable>& tables);

}  // namespace sluice::postgres::testing
