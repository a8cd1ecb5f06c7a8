#include "postgres/replication/batch_assembler.h"

#include <algorithm>
#include <utility>

namespace sluice::postgres {

namespace {

// Row numbers within a batch are 32 bits, and small batches keep the bus's records small.
constexpr uint32_t kBatchRowsMax = 1 << 16;
constexpr size_t kOthersMax = 1 << 12;

bool StopsTheTable(const Error& error) {
  return error.kind() == ErrorKind::kUnsupported || error.kind() == ErrorKind::kCorrupt ||
         error.kind() == ErrorKind::kConfig;
}

}  // namespace

void BatchAssembler::Describe(const RelationMessage& relation) {
  std::unique_ptr<Relation>& known = relations_[relation.oid];
  if (known == nullptr) known = std::make_unique<Relation>();
  known->message = relation;
  known->standing = Standing::kUnresolved;
}

void BatchAssembler::Begin(Lsn end_lsn, uint64_t xid, int64_t commit_time_us) {
  ++transaction_;
  run_ = TransactionRun{end_lsn, xid, commit_time_us, 0, 0};
  changes_ = false;
}

Result<BatchAssembler::Relation*> BatchAssembler::Find(uint32_t oid) {
  const uint64_t generation = resolver_.generation();
  if (std::exchange(generation_, generation) != generation) {
    for (const auto& [known, relation] : relations_) relation->standing = Standing::kUnresolved;
  }
  const auto found = relations_.find(oid);
  if (found != relations_.end()) return found->second.get();
  return MakeError(ErrorKind::kCorrupt, "pgoutput: a change of relation {} before its description",
                   oid);
}

void BatchAssembler::Emit(ChangeDecoder::Record record) {
  if (run_.end_lsn == Lsn{} && transaction_ != 0) {
    if (const auto* batch = std::get_if<ChangeBatch>(&record)) {
      held_bytes_ += static_cast<uint64_t>(batch->MemoryBytes());
    }
    held_.push_back(std::move(record));
    return;
  }
  ready_.push_back(std::move(record));
}

Status BatchAssembler::Close(Relation& relation) {
  if (relation.batch == nullptr || relation.batch->row_count() == 0) return {};
  open_bytes_ -= relation.batch->bytes();
  relation.in_run = false;
  SLUICE_LET(ChangeBatch batch, relation.batch->Finish(), "closing a batch of {}",
             relation.table->schema.QualifiedName());
  Emit(std::move(batch));
  return {};
}

Status BatchAssembler::CloseLargest() {
  Relation* largest = nullptr;
  for (const auto& [oid, relation] : relations_) {
    if (relation->batch == nullptr) continue;
    if (largest == nullptr || relation->batch->bytes() > largest->batch->bytes()) {
      largest = relation.get();
    }
  }
  return largest == nullptr ? Status() : Close(*largest);
}

Status BatchAssembler::Adopt(Relation& relation, MirroredTable table) {
  const bool same = relation.table != nullptr && relation.table->schema.id == table.schema.id &&
                    relation.table->schema.version == table.schema.version;
  if (!same) {
    SLUICE_TRY(Close(relation));
    relation.batch = nullptr;
    relation.table = std::make_unique<const MirroredTable>(std::move(table));
  }
  relation.standing =
      stopped_.contains(relation.table->schema.id) ? Standing::kStopped : Standing::kMirrored;
  if (relation.standing == Standing::kStopped) return {};
  if (!same) Emit(relation.table->schema);
  if (relation.batch == nullptr) {
    SLUICE_LET(relation.batch, TableBatch::Make(*relation.table));
  }
  return relation.batch->SetLayout(relation.message);
}

Status BatchAssembler::Resolve(Relation& relation) {
  auto resolved = resolver_.Resolve(relation.message);
  Status status;
  if (!resolved) {
    status = std::move(resolved).error();
  } else if (!resolved->has_value()) {
    SLUICE_TRY(Close(relation));
    relation.standing = Standing::kIgnored;
  } else {
    status = Adopt(relation, std::move(**resolved));
  }
  if (status || relation.table == nullptr || !StopsTheTable(status.error())) return status;
  return Stop(relation, status.error());
}

// Rows of earlier transactions leave; of the open one nothing more, and nothing of later ones.
Status BatchAssembler::Stop(Relation& relation, const Error& why) {
  const TableId id = relation.table->schema.id;
  relation.standing = Standing::kStopped;
  if (!stopped_.insert(id).second) return {};
  if (relation.batch != nullptr) {
    open_bytes_ -= relation.batch->bytes();
    auto before = relation.in_run ? relation.batch->FinishBefore() : relation.batch->Finish();
    SLUICE_TRY(before, "closing the last batch of {}", relation.table->schema.QualifiedName());
    if (before->row_count() > 0) Emit(std::move(*before));
    relation.batch = nullptr;
  }
  std::erase(touched_, &relation);
  Emit(TableStop{id, why.message(), why.hint()});
  return {};
}

Status BatchAssembler::StartRow(Relation& relation) {
  if (relation.transaction != transaction_) {
    relation.transaction = transaction_;
    relation.rows_in_transaction = 0;
    relation.in_run = false;
    touched_.push_back(&relation);
  }
  if (!relation.in_run) {
    TransactionRun run = run_;
    run.first_index = relation.rows_in_transaction;
    relation.batch->StartRun(run);
    relation.in_run = true;
  }
  return {};
}

Status BatchAssembler::AddRow(TableBatch& batch, const PgoutputMessage& change) {
  switch (change.type) {
    case MessageType::kInsert:
      return batch.Insert(change.new_row);
    case MessageType::kUpdate:
      return batch.Update(change.old_form, change.old_row, change.new_row);
    case MessageType::kDelete:
      return batch.Delete(change.old_form, change.old_row);
    default:
      return batch.Truncate();
  }
}

Status BatchAssembler::ApplyTo(uint32_t oid, const PgoutputMessage& change) {
  SLUICE_LET(Relation* const relation, Find(oid));
  if (relation->standing == Standing::kUnresolved) {
    SLUICE_TRY(Resolve(*relation), "resolving {}.{}", relation->message.schema_name,
               relation->message.name);
  }
  if (relation->standing != Standing::kMirrored) return {};
  SLUICE_TRY(StartRow(*relation));
  TableBatch& batch = *relation->batch;
  const uint64_t before = batch.bytes();
  const Status added = AddRow(batch, change);
  open_bytes_ += batch.bytes() - before;
  if (!added) {
    if (StopsTheTable(added.error())) return Stop(*relation, added.error());
    // Half a row is in: not to be tried again, as kExhausted would promise.
    if (added.error().kind() != ErrorKind::kExhausted) return added;
    return Error(added.error()).WithKind(ErrorKind::kUnavailable);
  }
  ++relation->rows_in_transaction;
  if (batch.bytes() >= limits_.batch_bytes || batch.row_count() >= kBatchRowsMax) {
    return Close(*relation);
  }
  return {};
}

Status BatchAssembler::Apply(const PgoutputMessage& change) {
  changes_ = true;
  if (change.type == MessageType::kTruncate) {
    for (const uint32_t oid : change.truncated) SLUICE_TRY(ApplyTo(oid, change));
  } else {
    SLUICE_TRY(ApplyTo(change.relation_oid, change));
  }
  if (run_.end_lsn == Lsn{}) return {};
  while (over_memory() && open_bytes_ > 0) SLUICE_TRY(CloseLargest());
  return {};
}

Status BatchAssembler::SetEnd(Lsn end_lsn) {
  run_.end_lsn = end_lsn;
  for (Relation* relation : touched_) {
    if (relation->batch != nullptr && relation->in_run) relation->batch->SetEnd(end_lsn);
  }
  for (ChangeDecoder::Record& record : held_) {
    auto* batch = std::get_if<ChangeBatch>(&record);
    if (batch != nullptr && batch->runs.back().end_lsn == Lsn{})
      batch->runs.back().end_lsn = end_lsn;
    ready_.push_back(std::move(record));
  }
  held_.clear();
  held_bytes_ = 0;
  return {};
}

Status BatchAssembler::Commit(Lsn end_lsn) {
  SLUICE_TRY(SetEnd(end_lsn));
  if (changes_ && touched_.empty()) others_.push_back(run_);
  if (others_.size() >= kOthersMax) EmitOthers();
  for (Relation* relation : touched_) relation->in_run = false;
  touched_.clear();
  // Room for the next transaction, which may have to be held.
  while (open_bytes_ > limits_.memory_bytes / 2) SLUICE_TRY(CloseLargest());
  return {};
}

void BatchAssembler::EmitOthers() {
  if (!others_.empty()) Emit(NameTransactions(std::exchange(others_, {})));
}

Status BatchAssembler::Flush() {
  EmitOthers();
  for (const auto& [oid, relation] : relations_) SLUICE_TRY(Close(*relation));
  return {};
}

}  // namespace sluice::postgres
