// pgoutput messages into ChangeBatches: relation cache, transactions, streamed transactions with
// spool files per xid, aborted subtransactions dropped. Pure but for the spool's files: bytes in,
// records out, in commit order.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.h"
#include "base/file_system.h"
#include "change/change_batch.h"
#include "postgres/source_schema.h"

namespace sluice::postgres {

// What the stream says a relation looks like (message R).
struct RelationMessage {
  uint32_t oid = 0;
  std::string schema_name;
  std::string name;
  char replica_identity = 'd';
  struct Attribute {
    bool key = false;
    std::string name;
    uint32_t type_oid = 0;
    int32_t typmod = -1;
  };
  std::vector<Attribute> attributes;
};

// Decides what a relation of the stream means; called in stream order, before the first change in
// that shape. Nothing: the table is not mirrored, its changes are skipped (they were announced).
// A changed shape gets a new SchemaVersion: the capture loop puts the schema on the bus, and merge
// stops the table there. Implemented by pipeline/ (it asks the source's catalog for attnums).
class RelationResolver {
 public:
  virtual ~RelationResolver() = default;
  virtual Result<std::optional<MirroredTable>> Resolve(const RelationMessage& relation) = 0;
};

struct DecoderOptions {
  std::string spool_folder;  // emptied at start
  uint64_t batch_bytes = 1 << 20;   // a batch is handed out at about this size
  uint64_t memory_bytes = 32 << 20;  // over all open batches; the largest goes first
  uint64_t spool_bytes_max = uint64_t{50} << 30;
  uint64_t reference_xid = 0;  // 64-bit xid of about now, for widening
};

// One thread. Usage: Consume each payload; take Records when there are any; when `adopting()` call
// Continue until it is false before the next Consume (a huge transaction enters in bounded pieces,
// so that keepalives are answered meanwhile).
class ChangeDecoder {
 public:
  virtual ~ChangeDecoder() = default;
  static Result<std::unique_ptr<ChangeDecoder>> Make(FileSystem& files, RelationResolver& resolver,
                                                     DecoderOptions options);

  // Transactions that end at or below `lsn` are dropped (the bus has them).
  virtual void SkipThrough(Lsn lsn) = 0;
  // One 'w' message's content (the pgoutput message). kCorrupt: not pgoutput v2.
  virtual Status Consume(std::string_view message) = 0;
  virtual bool adopting() const = 0;
  virtual Status Continue() = 0;

  // Finished records in commit order: schemas before the batches that need them. A batch never
  // crosses a transaction that is still open: what is returned is committed, but a transaction may
  // be split over several batches (then no cut may be closed between: see at_boundary).
  using Record = std::variant<ChangeBatch, TableSchema>;
  virtual std::vector<Record> TakeRecords() = 0;
  // Everything still held in open batches too (before a cut).
  virtual Result<std::vector<Record>> Flush() = 0;

  // Between transactions: a cut may be closed here, at last_end().
  virtual bool at_boundary() const = 0;
  virtual Cut last_end() const = 0;      // end LSN and commit time of the last whole transaction
  virtual bool open_streams() const = 0;  // in-progress transactions are spooled
  virtual uint64_t spool_bytes() const = 0;
};

}  // namespace sluice::postgres
