// Changes of committed transactions, table by table, into finished records: the relation cache, the
// open batch of every table, and which of them may be handed out. Knows nothing of streams, spools
// or bytes.
//
// Until a transaction's end is known its records are held; then all of them leave at once.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <unordered_map>
#include <vector>

#include "base/error.h"
#include "change/change_batch.h"
#include "postgres/replication/change_decoder.h"
#include "postgres/replication/pgoutput.h"
#include "postgres/replication/relation_resolver.h"
#include "postgres/replication/table_batch.h"

namespace sluice::postgres {

class BatchAssembler {
 public:
  struct Limits {
    uint64_t batch_bytes = 1 << 20;
    uint64_t memory_bytes = 32 << 20;  // over all open batches
  };

  // `resolver` outlives this.
  BatchAssembler(RelationResolver& resolver, Limits limits)
      : resolver_(resolver), limits_(limits) {}

  void Describe(const RelationMessage& relation);

  // `end_lsn` zero: not known before Commit.
  void Begin(Lsn end_lsn, uint64_t xid, int64_t commit_time_us);
  // Insert, Update, Delete, Truncate within Begin and Commit. kCorrupt: the stream makes no sense.
  Status Apply(const PgoutputMessage& change);
  // The end has become known; what follows (Apply) is no longer held.
  Status SetEnd(Lsn end_lsn);
  Status Commit(Lsn end_lsn);

  // The open transaction holds more than memory allows: its rest should wait elsewhere.
  bool over_memory() const { return open_bytes_ + held_bytes_ > limits_.memory_bytes; }

  std::vector<ChangeDecoder::Record> Take() { return std::exchange(ready_, {}); }
  // Closes every open batch. Between transactions only.
  Status Flush();

 private:
  enum class Standing : uint8_t { kUnresolved, kIgnored, kMirrored, kStopped };
  struct Relation {
    RelationMessage message;
    Standing standing = Standing::kUnresolved;
    std::unique_ptr<const MirroredTable> table;  // the newest, also when it is stopped
    std::unique_ptr<TableBatch> batch;           // refers to `table`
    uint64_t transaction = 0;                    // the one that rows_in_transaction counts
    uint64_t rows_in_transaction = 0;
    bool in_run = false;  // the batch has a run of `transaction`
  };

  Result<Relation*> Find(uint32_t oid);
  Status Resolve(Relation& relation);
  Status Adopt(Relation& relation, MirroredTable table);
  Status ApplyTo(uint32_t oid, const PgoutputMessage& change);
  Status StartRow(Relation& relation);
  static Status AddRow(TableBatch& batch, const PgoutputMessage& change);
  Status Stop(Relation& relation, const Error& why);
  Status Close(Relation& relation);
  Status CloseLargest();
  void Emit(ChangeDecoder::Record record);
  void EmitOthers();

  RelationResolver& resolver_;
  uint64_t generation_ = 0;  // of the resolver, when relations were last asked for
  Limits limits_;
  std::unordered_map<uint32_t, std::unique_ptr<Relation>> relations_;
  std::set<TableId> stopped_;

  uint64_t transaction_ = 0;  // counts transactions
  TransactionRun run_;        // of the open one
  std::vector<Relation*> touched_;
  bool changes_ = false;                // of the open one, whatever the table
  std::vector<TransactionRun> others_;  // transactions that changed no mirrored table
  std::vector<ChangeDecoder::Record> held_;
  uint64_t held_bytes_ = 0;
  uint64_t open_bytes_ = 0;
  std::vector<ChangeDecoder::Record> ready_;
};

}  // namespace sluice::postgres
