#include "postgres/replication/change_decoder.h"

#include <algorithm>
#include <roaring/roaring.hh>
#include <unordered_map>
#include <utility>

#include "base/fault_point.h"
#include "change/visibility.h"
#include "postgres/replication/batch_assembler.h"
#include "postgres/replication/pgoutput.h"
#include "postgres/replication/spool.h"

namespace sluice::postgres {

namespace {

// Spooled bytes that one Continue takes in: some ten milliseconds.
constexpr size_t kPieceBytes = 1 << 20;

// A streamed transaction that has not committed yet.
struct Stream {
  std::unique_ptr<Spool> spool;
  ::Roaring aborted;  // subtransactions: a bit each where they are many
};

// A committed transaction whose messages wait in a spool, on its way in.
struct Adoption {
  std::unique_ptr<Spool> spool;
  SpoolReader reader;
  ::Roaring aborted;
  bool in_stream = false;  // messages carry a subxid
  bool skip = false;       // only its relations count
  Cut end;
  uint64_t xid = 0;
  bool changed = false;  // a skipped one, in what was not aborted
};

// The transaction between Begin and Commit.
struct Open {
  Lsn commit_lsn;
  uint64_t xid = 0;
  bool skip = false;
  bool changed = false;         // a skipped one
  std::unique_ptr<Spool> rest;  // what memory could not hold
};

Error Misplaced(MessageType type) {
  return MakeError(ErrorKind::kCorrupt, "pgoutput: a message '{}' out of place",
                   static_cast<char>(type));
}

bool IsChangeType(char type) {
  return type == 'I' || type == 'U' || type == 'D' || type == 'T' || type == 'R';
}

bool IsIgnoredType(char type) { return type == 'Y' || type == 'M'; }

class PgoutputDecoder final : public ChangeDecoder {
 public:
  PgoutputDecoder(RelationResolver& resolver, const DecoderOptions& options,
                  std::unique_ptr<SpoolFolder> spools)
      : spools_(std::move(spools)),
        assembler_(resolver, {options.batch_bytes, options.memory_bytes}),
        reference_xid_(options.reference_xid),
        skipped_(options.skipped) {}

  void SkipThrough(Lsn lsn) override {
    skip_through_ = lsn;
    last_end_.lsn = std::max(last_end_.lsn, lsn);
  }
  Status Consume(std::string_view message) override;
  bool adopting() const override { return adoption_ != nullptr; }
  Status Continue() override;
  std::vector<Record> TakeRecords() override { return assembler_.Take(); }
  Result<std::vector<Record>> Flush() override;
  bool at_boundary() const override { return open_ == nullptr && adoption_ == nullptr; }
  Cut last_end() const override { return last_end_; }
  bool open_streams() const override { return !streams_.empty(); }
  uint64_t spool_bytes() const override { return spools_->bytes(); }

 private:
  Status Dispatch();
  Status Begin();
  Status Change(std::string_view message);
  Status Commit();
  Status StreamStart();
  Status StreamStop();
  Status StreamAbort();
  Status StreamCommit();
  // Decides whether a transaction is one that the bus has.
  Result<bool> SkipsEndedAt(Lsn commit_lsn, Lsn end_lsn) const;
  void StartAdoption(std::unique_ptr<Spool> spool, ::Roaring aborted, bool in_stream, bool skip,
                     Cut end, uint64_t xid);
  Status AdoptOne(const SpoolReader::Entry& entry);
  Status End(Cut end, bool skip);
  uint64_t Widen(uint32_t xid);

  std::unique_ptr<SpoolFolder> spools_;  // outlives every spool below
  BatchAssembler assembler_;
  uint64_t reference_xid_;
  std::function<Status(Lsn, uint64_t)> skipped_;
  Lsn skip_through_;
  Cut last_end_;
  PgoutputMessage parsed_;  // reused: its tuples keep their memory
  std::unique_ptr<Open> open_;
  std::unordered_map<uint32_t, Stream> streams_;
  Stream* block_ = nullptr;  // between StreamStart and StreamStop
  std::unique_ptr<Adoption> adoption_;
};

uint64_t PgoutputDecoder::Widen(uint32_t xid) {
  const uint64_t wide = WidenXid(xid, reference_xid_);
  reference_xid_ = std::max(reference_xid_, wide);
  return wide;
}

Status PgoutputDecoder::Consume(std::string_view message) {
  if (adoption_ != nullptr) {
    return MakeError(ErrorKind::kInternal, "a message while a transaction is being taken in");
  }
  const char type = message.empty() ? '\0' : message.front();
  if (block_ != nullptr && IsChangeType(type)) {
    return block_->spool->Append(PeekSubxid(message), message);
  }
  if (open_ != nullptr && open_->rest != nullptr && IsChangeType(type)) {
    return open_->rest->Append(0, message);
  }
  SLUICE_TRY(ParsePgoutput(message, block_ != nullptr, parsed_));
  if (IsChangeType(type)) return Change(message);
  if (IsIgnoredType(type)) return {};
  return Dispatch();
}

Status PgoutputDecoder::Dispatch() {
  const MessageType type = parsed_.type;
  const bool fits_block = type == MessageType::kStreamStop || type == MessageType::kOrigin;
  if (block_ != nullptr && !fits_block) return Misplaced(type);
  switch (type) {
    case MessageType::kBegin:
      return Begin();
    case MessageType::kCommit:
      return Commit();
    case MessageType::kStreamStart:
      return StreamStart();
    case MessageType::kStreamStop:
      return StreamStop();
    case MessageType::kStreamAbort:
      return StreamAbort();
    case MessageType::kStreamCommit:
      return StreamCommit();
    default:
      return {};  // Origin: whoever made the change, it is in the source
  }
}

Status PgoutputDecoder::Begin() {
  if (open_ != nullptr) return Misplaced(parsed_.type);
  open_ = std::make_unique<Open>();
  open_->commit_lsn = parsed_.commit_lsn;
  open_->skip = parsed_.commit_lsn < skip_through_;
  open_->xid = Widen(parsed_.xid);
  if (!open_->skip) assembler_.Begin(Lsn{}, open_->xid, parsed_.commit_time_us);
  return {};
}

Status PgoutputDecoder::Change(std::string_view message) {
  if (parsed_.type == MessageType::kRelation) {
    assembler_.Describe(parsed_.relation);
    return {};
  }
  if (open_ == nullptr) return Misplaced(parsed_.type);
  if (open_->skip) {
    open_->changed = true;
    return {};
  }
  if (assembler_.over_memory()) {
    open_->rest = spools_->Create(0);
    const Status kept = open_->rest->Append(0, message);
    if (!kept) open_->rest.reset();
    return kept;
  }
  return assembler_.Apply(parsed_);
}

Result<bool> PgoutputDecoder::SkipsEndedAt(Lsn commit_lsn, Lsn end_lsn) const {
  if (end_lsn <= commit_lsn) {
    return MakeError(ErrorKind::kCorrupt,
                     "pgoutput: a transaction ends at {}, before its commit {}", ToString(end_lsn),
                     ToString(commit_lsn));
  }
  if (commit_lsn >= skip_through_) {
    if (commit_lsn >= last_end_.lsn) return false;
    return MakeError(ErrorKind::kCorrupt, "pgoutput: commit {} comes after one that ended at {}",
                     ToString(commit_lsn), ToString(last_end_.lsn));
  }
  if (end_lsn <= skip_through_) return true;
  return MakeError(ErrorKind::kConfig,
                   "a transaction from {} to {} lies across {}, where the last cut closed: the "
                   "source has another history",
                   ToString(commit_lsn), ToString(end_lsn), ToString(skip_through_))
      .WithHint(
          "the source was restored or replaced: bring its newer state back, or start over: `sluice "
          "drop --keep-lake`, `sluice tables resync --all`, `sluice run`");
}

Status PgoutputDecoder::End(Cut end, bool skip) {
  if (skip) return {};
  SLUICE_TRY(assembler_.Commit(end.lsn));
  last_end_ = end;
  return {};
}

Status PgoutputDecoder::Commit() {
  if (open_ == nullptr || open_->commit_lsn != parsed_.commit_lsn) return Misplaced(parsed_.type);
  SLUICE_LET(const bool skip, SkipsEndedAt(parsed_.commit_lsn, parsed_.end_lsn));
  const Cut end{parsed_.end_lsn, parsed_.commit_time_us};
  const std::unique_ptr<Open> open = std::move(open_);
  if (open->changed && skipped_) SLUICE_TRY(skipped_(end.lsn, open->xid));
  if (open->rest == nullptr) return End(end, skip);
  SLUICE_TRY(assembler_.SetEnd(end.lsn));
  StartAdoption(std::move(open->rest), {}, false, false, end, open->xid);
  return Continue();
}

Status PgoutputDecoder::StreamStart() {
  if (open_ != nullptr) return Misplaced(parsed_.type);
  Stream& stream = streams_[parsed_.xid];
  if (stream.spool == nullptr) stream.spool = spools_->Create(parsed_.xid);
  block_ = &stream;
  return {};
}

Status PgoutputDecoder::StreamStop() {
  if (block_ == nullptr) return Misplaced(parsed_.type);
  block_ = nullptr;
  return {};
}

Status PgoutputDecoder::StreamAbort() {
  const auto found = streams_.find(parsed_.xid);
  if (found == streams_.end()) return {};  // nothing of it was sent
  if (parsed_.subxid == parsed_.xid) {
    streams_.erase(found);
    ReachFaultPoint("spool.aborted");
  } else {
    found->second.aborted.add(parsed_.subxid);
  }
  return {};
}

Status PgoutputDecoder::StreamCommit() {
  const auto found = streams_.find(parsed_.xid);
  if (open_ != nullptr || found == streams_.end()) return Misplaced(parsed_.type);
  SLUICE_LET(const bool skip, SkipsEndedAt(parsed_.commit_lsn, parsed_.end_lsn));
  const Cut end{parsed_.end_lsn, parsed_.commit_time_us};
  const uint64_t xid = Widen(parsed_.xid);
  if (!skip) assembler_.Begin(end.lsn, xid, end.time_us);
  StartAdoption(std::move(found->second.spool), std::move(found->second.aborted), true, skip, end,
                xid);
  streams_.erase(found);
  return Continue();
}

void PgoutputDecoder::StartAdoption(std::unique_ptr<Spool> spool, ::Roaring aborted, bool in_stream,
                                    bool skip, Cut end, uint64_t xid) {
  SpoolReader reader(*spool);
  adoption_.reset(new Adoption{std::move(spool), std::move(reader), std::move(aborted), in_stream,
                               skip, end, xid});
}

Status PgoutputDecoder::AdoptOne(const SpoolReader::Entry& entry) {
  if (adoption_->in_stream && adoption_->aborted.contains(entry.subxid)) return {};
  if (adoption_->skip && entry.message.front() != 'R') {
    adoption_->changed = true;
    return {};
  }
  SLUICE_TRY(ParsePgoutput(entry.message, adoption_->in_stream, parsed_));
  if (parsed_.type == MessageType::kRelation) {
    // Those of an aborted subtransaction never count: Postgres describes a relation again after
    // each such abort (pgoutput.c, pgoutput_stream_abort).
    assembler_.Describe(parsed_.relation);
    return {};
  }
  return assembler_.Apply(parsed_);
}

Status PgoutputDecoder::Continue() {
  if (adoption_ == nullptr) return {};
  size_t taken = 0;
  while (taken < kPieceBytes) {
    SLUICE_LET(const auto entry, adoption_->reader.Next());
    if (!entry) {
      const std::unique_ptr<Adoption> done = std::move(adoption_);
      ReachFaultPoint("spool.adopted");
      if (done->changed && skipped_) SLUICE_TRY(skipped_(done->end.lsn, done->xid));
      return End(done->end, done->skip);
    }
    taken += entry->message.size();
    SLUICE_TRY(AdoptOne(*entry));
  }
  ReachFaultPoint("spool.adopting");
  return {};
}

Result<std::vector<ChangeDecoder::Record>> PgoutputDecoder::Flush() {
  if (!at_boundary()) {
    return MakeError(ErrorKind::kInternal, "a flush within a transaction");
  }
  SLUICE_TRY(assembler_.Flush());
  return assembler_.Take();
}

}  // namespace

Result<std::unique_ptr<ChangeDecoder>> ChangeDecoder::Make(FileSystem& files,
                                                           RelationResolver& resolver,
                                                           DecoderOptions options) {
  const SpoolLimits limits{options.spool_bytes_max, options.spool_memory_bytes};
  SLUICE_LET(auto spools, SpoolFolder::Open(files, options.spool_folder, limits));
  return std::unique_ptr<ChangeDecoder>(
      std::make_unique<PgoutputDecoder>(resolver, options, std::move(spools)));
}

}  // namespace sluice::postgres
