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
#include "postgres/replication/relation_message.h"
#include "postgres/replication/relation_resolver.h"
#include "postgres/source_schema.h"

namespace sluice::postgres {

struct DecoderOptions {
  std::string spool_folder;          // emptied at start
  uint64_t batch_bytes = 1 << 20;    // a batch is handed out at about this size
  uint64_t memory_bytes = 32 << 20;  // over all open batches; the largest goes first
  uint64_t spool_bytes_max = uint64_t{50} << 30;
  uint64_t spool_memory_bytes = 4 << 20;  // of spooled messages, before they go to the files
  uint64_t reference_xid = 0;             // 64-bit xid of about now, for widening
  // Called with end LSN and xid of each transaction with changes that SkipThrough drops; its error
  // is Consume's or Continue's.
  std::function<Status(Lsn, uint64_t)> skipped = {};
};

// One thread. Usage: Consume each payload; take Records when there are any; when `adopting()` call
// Continue until it is false before the next Consume (a huge transaction enters in bounded pieces,
// so that keepalives are answered meanwhile). After an error of Consume or Continue other than
// kExhausted the decoder is done for: make a new one and a new stream. kExhausted: the spool is
// full, the message was not taken, the same call may be made again later.
class ChangeDecoder {
 public:
  virtual ~ChangeDecoder() = default;
  // `files` and `resolver` outlive it.
  static Result<std::unique_ptr<ChangeDecoder>> Make(FileSystem& files, RelationResolver& resolver,
                                                     DecoderOptions options);

  // Transactions that end at or below `lsn` are dropped (the bus has them).
  virtual void SkipThrough(Lsn lsn) = 0;
  // One 'w' message's content (the pgoutput message). kCorrupt: not pgoutput v2. kConfig: a
  // transaction across the SkipThrough position (another history).
  virtual Status Consume(std::string_view message) = 0;
  virtual bool adopting() const = 0;
  virtual Status Continue() = 0;

  // Finished records in commit order: schemas before the batches that need them. A transaction
  // whose changes are all of other tables is named (change_batch.h, NameTransactions). A batch
  // never crosses a transaction that is still open: what is returned is committed, but a
  // transaction may be split over several batches (then no cut may be closed between: see
  // at_boundary). A TableStop: a value or shape of that table cannot be carried. None of its
  // batches follow it; rows of the same transaction may stand before it, so the table stays at the
  // cut before. Only another incarnation takes it up again.
  using Record = std::variant<ChangeBatch, TableSchema, TableStop>;
  virtual std::vector<Record> TakeRecords() = 0;
  // Everything still held in open batches too (before a cut). At a boundary only.
  virtual Result<std::vector<Record>> Flush() = 0;

  // Between transactions: a cut may be closed here, at last_end().
  virtual bool at_boundary() const = 0;
  virtual Cut last_end() const = 0;       // end LSN and commit time of the last whole transaction
  virtual bool open_streams() const = 0;  // in-progress transactions are spooled
  virtual uint64_t spool_bytes() const = 0;
};

}  // namespace sluice::postgres
