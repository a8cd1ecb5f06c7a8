#include "bus/embedded/embedded_bus.h"
#include "bus/embedded/record_codec.h"
#include "bus/embedded/recovery.h"
#include "bus/embedded/segment_cursor.h"
#include "bus/embedded/segment_folder.h"

namespace sluice::bus {

namespace {

// What a record costs in memory besides its bytes.
constexpr size_t kRecordBytes = 64;

class Reader final : public BusReader {
 public:
  Reader(FileSystem& files, const EmbeddedBusOptions& options)
      : cursor_(files, PartitionFolder(options.folder, 0), options.source_identity) {}

  Result<Lsn> Seek(PartitionId partition, Lsn after) override {
    SLUICE_TRY(CheckPartition(partition));
    after_ = after;
    return cursor_.Seek(after);
  }

  Result<std::vector<Record>> Poll(PartitionId partition, size_t bytes_max) override {
    SLUICE_TRY(CheckPartition(partition));
    std::vector<Record> out;
    const Status status = Collect(bytes_max, out);
    // What was read before an error counts; the error comes again.
    if (!status && out.empty()) return status.error();
    return out;
  }

 private:
  static Status CheckPartition(PartitionId partition) {
    if (partition == 0) return {};
    return MakeError(ErrorKind::kInternal, "the embedded bus has no partition {}", partition);
  }

  Status Collect(size_t bytes_max, std::vector<Record>& out) {
    size_t bytes = 0;
    while (true) {
      SLUICE_LET(const std::optional<FoundRecord> found, cursor_.Peek());
      if (!found) return {};
      if (IsNews(found->head)) {
        const size_t size = found->head.size() + kRecordBytes;
        if (!out.empty() && bytes + size > bytes_max) return {};
        SLUICE_LET(Record record, Read(*found));
        out.push_back(std::move(record));
        bytes += size;
      }
      cursor_.Pass(*found);
    }
  }

  bool IsNews(const RecordHead& head) const {
    switch (head.kind) {
      case RecordKind::kBatch:
      case RecordKind::kCut:
        return head.lsn > after_;
      case RecordKind::kSchema:
        return true;
      case RecordKind::kCarriedSchema:
        return cursor_.in_first_segment();
      case RecordKind::kResume:
      case RecordKind::kStop:
        return head.lsn >= after_;
      case RecordKind::kDurable:
        break;
    }
    return false;
  }

  Result<Record> Read(const FoundRecord& found) {
    SLUICE_LET(std::string body, cursor_.ReadBody(found));
    SLUICE_LET(Record record,
               DecodeRecord(found.head.kind, found.head.lsn, found.prelude, std::move(body)),
               "segment {}, byte {}", cursor_.segment().path(), found.offset);
    return record;
  }

  SegmentCursor cursor_;
  Lsn after_;
};

}  // namespace

Result<std::unique_ptr<BusReader>> OpenEmbeddedReader(FileSystem& files,
                                                      const EmbeddedBusOptions& options) {
  auto reader = std::make_unique<Reader>(files, options);
  SLUICE_TRY(reader->Seek(0, Lsn{0}));
  return std::unique_ptr<BusReader>(std::move(reader));
}

namespace {

// How much there is of it, and room for more.
Status Measure(FileSystem& files, const std::string& folder, BusInfo& out) {
  SLUICE_LET(const std::vector<SegmentName> segments, ListSegments(files, folder));
  for (const SegmentName& segment : segments) {
    const Result<FileInfo> info = files.Info(segment.path);
    if (!info && info.error().code() == "ENOENT") continue;  // trimmed meanwhile
    SLUICE_TRY(info);
    out.bytes += info->size;
    ++out.segments;
  }
  SLUICE_LET(out.disk_free_bytes, files.FreeBytes(folder));
  return {};
}

}  // namespace

Result<BusInfo> ReadBusInfo(FileSystem& files, const EmbeddedBusOptions& options) {
  const std::string folder = PartitionFolder(options.folder, 0);
  SegmentCursor cursor(files, folder, options.source_identity);
  BusInfo out;
  SLUICE_LET(out.first_lsn, cursor.Seek(Lsn{0}));
  SLUICE_TRY(cursor.Seek(Lsn{UINT64_MAX}));
  out.last_cut = cursor.segment().header().base;
  while (true) {
    SLUICE_LET(const std::optional<FoundRecord> found, cursor.Peek());
    if (!found) break;
    if (found->head.kind == RecordKind::kCut) {
      SLUICE_LET(out.last_cut, ParseCut(found->head.lsn, found->prelude));
    }
    cursor.Pass(*found);
  }
  SLUICE_TRY(Measure(files, folder, out));
  return out;
}

Result<std::optional<BusInfo>> FindBus(FileSystem& files, const EmbeddedBusOptions& options) {
  const std::string folder = PartitionFolder(options.folder, 0);
  SLUICE_LET(const std::vector<SegmentName> segments, ListSegments(files, folder));
  if (segments.empty()) return std::optional<BusInfo>();
  SLUICE_LET(const auto last,
             SegmentFile::Open(files, segments.back().path, options.source_identity));
  SLUICE_LET(const RecoveredSegment recovered, RecoverSegment(*last));
  BusInfo out{.first_lsn = segments.front().base, .last_cut = recovered.last_cut};
  SLUICE_TRY(Measure(files, folder, out));
  return std::optional(out);
}

}  // namespace sluice::bus
