#include "pipeline/resent_history.h"

namespace sluice::pipeline {

namespace {

constexpr size_t kPollBytes = 4 << 20;

Error AnotherHistory(Lsn at) {
  return MakeError(ErrorKind::kConfig,
                   "the source has another history than the one that was mirrored, which shows "
                   "in the transaction that ended at {}. It was rolled back to an older state "
                   "(restored backup or image) and written to since",
                   ToString(at))
      .WithHint(
          "bring the newer state back, or start over: `sluice drop --keep-lake`, `sluice tables "
          "resync --all`, `sluice run`; readers see the last good state until then");
}

}  // namespace

Result<std::unique_ptr<ResentHistory>> ResentHistory::Open(std::unique_ptr<bus::BusReader> reader,
                                                           Lsn from, Lsn through) {
  SLUICE_LET(const Lsn held, reader->Seek(0, from), "reading what the source sends again");
  from = std::max(from, held);
  std::unique_ptr<ResentHistory> out(new ResentHistory(std::move(reader), from, through));
  out->loaded_ = from;
  if (from >= through) out->reader_.reset();
  return out;
}

Status ResentHistory::Load(Lsn lsn) {
  while (loaded_ < lsn) {
    SLUICE_LET(const auto records, reader_->Poll(0, kPollBytes),
               "reading what the source sends again");
    if (records.empty()) {
      return MakeError(ErrorKind::kUnavailable, "the bus does not show {} yet, which it holds",
                       ToString(through_));
    }
    for (const bus::Record& record : records) {
      if (const auto* cut = std::get_if<Cut>(&record)) loaded_ = std::max(loaded_, cut->lsn);
      const auto* batch = std::get_if<ChangeBatch>(&record);
      if (batch == nullptr) continue;
      for (const TransactionRun& run : batch->runs) {
        if (run.end_lsn > from_ && run.end_lsn <= through_) held_[run.end_lsn] = run.xid;
      }
    }
  }
  return {};
}

Status ResentHistory::Sent(Lsn end_lsn, uint64_t xid) {
  if (reader_ == nullptr || end_lsn <= from_ || end_lsn > through_) return {};
  SLUICE_TRY(Load(end_lsn));
  const auto first = held_.begin();
  if (first == held_.end()) return AnotherHistory(end_lsn);
  if (first->first != end_lsn || first->second != xid) {
    return AnotherHistory(std::min(first->first, end_lsn));
  }
  held_.erase(first);
  return {};
}

Status ResentHistory::Passed() {
  if (reader_ == nullptr) return {};
  SLUICE_TRY(Load(through_));
  if (!held_.empty()) return AnotherHistory(held_.begin()->first);
  reader_.reset();
  return {};
}

}  // namespace sluice::pipeline
