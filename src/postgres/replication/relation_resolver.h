// What a relation of the stream means for us: the seam between the decoder and whoever knows the
// source's catalog and the configuration.
#pragma once

#include <cstdint>
#include <optional>

#include "base/error.h"
#include "postgres/replication/relation_message.h"
#include "postgres/source_schema.h"

namespace sluice::postgres {

// Called in stream order, before the first change in that shape (also when the same shape was
// announced again: DDL that leaves no trace in the message does that). Nothing: the table is not
// mirrored, its changes are skipped (they were announced). A changed shape gets a new
// SchemaVersion: the capture loop puts the schema on the bus, and merge stops the table there.
// kUnsupported, kConfig stop a table that was mirrored so far; any other error fails the stream.
// Implemented by pipeline/ (it asks the source's catalog for attnums).
class RelationResolver {
 public:
  virtual ~RelationResolver() = default;
  virtual Result<std::optional<MirroredTable>> Resolve(const RelationMessage& relation) = 0;
  // Grows when answers may be others than before (a table was added, resynced, removed): every
  // relation is then asked for again before its next change. Any thread may make it grow.
  virtual uint64_t generation() const { return 0; }
};

}  // namespace sluice::postgres
