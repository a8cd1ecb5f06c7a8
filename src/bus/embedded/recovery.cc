#include "bus/embedded/recovery.h"

#include "bus/embedded/record_codec.h"

namespace sluice::bus {

namespace {

class Walk {
 public:
  explicit Walk(SegmentFile& segment) : segment_(segment) { out_.last_cut = segment.header().base; }

  Result<RecoveredSegment> Run() {
    SLUICE_LET(const uint64_t size, segment_.Size());
    uint64_t offset = segment_.first_record();
    while (offset < size) {
      SLUICE_LET(const Probe probe, segment_.At(offset, size));
      if (!probe.found) break;
      const Result<std::string> body = segment_.ReadBody(*probe.found);
      if (!body && body.error().kind() == ErrorKind::kCorrupt) break;
      SLUICE_TRY(body);
      SLUICE_TRY(Take(*probe.found, *body), "segment {}, byte {}", segment_.path(), offset);
      offset = probe.found->end();
    }
    if (offset < size) {
      SLUICE_LET(const auto proof, segment_.FindProof(offset + 8, size));
      if (proof) return Damage(offset, proof->head.lsn);
    }
    // Each segment is made with a proof; without one its first record is damaged.
    if (!any_proof_) return Damage(segment_.first_record(), out_.last_cut.lsn);
    out_.forgotten = size - out_.end;
    return std::move(out_);
  }

 private:
  Status Take(const FoundRecord& record, const std::string& body) {
    switch (record.head.kind) {
      case RecordKind::kSchema:
      case RecordKind::kCarriedSchema: {
        SLUICE_LET(const TableId table, ParseSchemaPrelude(record.prelude));
        schemas_[table] = body;
        break;
      }
      case RecordKind::kCut: {
        SLUICE_LET(out_.last_cut, ParseCut(record.head.lsn, record.prelude));
        Close(record, false);
        out_.cut_end = record.end();
        break;
      }
      case RecordKind::kDurable:
      case RecordKind::kResume:
        Close(record, true);
        if (!any_proof_) out_.cut_end = record.end();
        any_proof_ = true;
        break;
      case RecordKind::kBatch:
      case RecordKind::kStop:
        break;
    }
    return {};
  }

  void Close(const FoundRecord& record, bool proved) {
    out_.end = record.end();
    out_.proved = proved;
    for (auto& [table, json] : schemas_) out_.schemas[table] = std::move(json);
    schemas_.clear();
  }

  Error Damage(uint64_t offset, Lsn through) const {
    return DamageError(segment_.path(), offset, out_.last_cut.lsn, through);
  }

  SegmentFile& segment_;
  RecoveredSegment out_;
  std::map<TableId, std::string> schemas_;  // not closed yet
  bool any_proof_ = false;
};

}  // namespace

Result<RecoveredSegment> RecoverSegment(SegmentFile& segment) { return Walk(segment).Run(); }

}  // namespace sluice::bus
