// Watches the shape of mirrored tables, in the stream (Relation messages) and in the source's
// catalog: a table whose shape changed stops at the cut before. Thread-safe.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <vector>

#include "change/change_batch.h"
#include "pipeline/table_rules.h"
#include "postgres/replication/change_decoder.h"

namespace sluice::pipeline {

// What the source's catalog says of a table now; nothing: it is gone.
using Describe = std::function<Result<std::optional<postgres::SourceTable>>(uint32_t oid)>;

class RelationTracker final : public postgres::RelationResolver {
 public:
  RelationTracker(Describe describe, int server_version)
      : describe_(std::move(describe)), server_version_(server_version) {}

  // From now on changes of this table are decoded in this shape; a former stop is lifted.
  void Watch(const ChosenTable& chosen);
  Result<std::optional<postgres::MirroredTable>> Resolve(
      const postgres::RelationMessage& relation) override;
  uint64_t generation() const override { return generation_; }
  // Compares with the catalog now (DDL shows there before any row does).
  Status Check(const postgres::SourceTable& now);
  void CheckDropped(const std::vector<uint32_t>& present);
  // Stops found since the last call; they go onto the bus.
  std::vector<TableStop> TakeStops();

 private:
  struct Watched {
    ChosenTable chosen;
    bool stopped = false;
  };

  void Stop(Watched& watched, std::string reason);
  std::optional<std::string> Differs(const Watched& watched,
                                     const std::optional<postgres::SourceTable>& now) const;

  Describe describe_;
  int server_version_;
  std::mutex mutex_;
  std::atomic<uint64_t> generation_ = 0;
  std::map<uint32_t, Watched> tables_;  // by oid
  std::vector<TableStop> stops_;
};

}  // namespace sluice::pipeline
