#include "bus/embedded/segment_writer.h"

#include <algorithm>

#include "base/fault_point.h"
#include "bus/embedded/segment_folder.h"

namespace sluice::bus {

namespace {

// Up to here a record goes to the file in one write.
constexpr size_t kOneWriteBytes = 256 << 10;
constexpr size_t kCopyBytes = 1 << 20;

std::string FolderOf(const std::string& path) { return path.substr(0, path.rfind('/')); }

Result<std::unique_ptr<File>> OpenAnew(FileSystem& files, const std::string& path) {
  SLUICE_TRY(files.Remove(path));
  return files.Open(path, OpenMode::kAppend);
}

Status CopyOver(FileSystem& files, SegmentFile& segment, uint64_t end) {
  const std::string temporary = TemporaryPath(segment.path());
  SLUICE_LET(const std::unique_ptr<File> copy, OpenAnew(files, temporary));
  for (uint64_t at = 0; at < end; at += kCopyBytes) {
    SLUICE_LET(const std::string bytes,
               segment.ReadBytes(at, std::min<uint64_t>(kCopyBytes, end - at)));
    SLUICE_TRY(copy->Append(bytes));
  }
  SLUICE_TRY(copy->Sync());
  ReachFaultPoint("bus.tail_copied");
  SLUICE_TRY(files.Rename(temporary, segment.path()));
  return files.SyncFolder(FolderOf(segment.path()));
}

}  // namespace

std::string TemporaryPath(const std::string& segment_path) { return segment_path + ".tmp"; }

Result<std::unique_ptr<SegmentWriter>> SegmentWriter::Create(
    FileSystem& files, const std::string& partition_folder, const SegmentHeader& header,
    const std::map<TableId, std::string>& schemas) {
  const Lsn base = header.base.lsn;
  const std::string path = SegmentPath(partition_folder, base);
  const std::string temporary = TemporaryPath(path);
  SLUICE_LET(std::unique_ptr<File> file, OpenAnew(files, temporary));
  const std::string header_bytes = EncodeHeader(header);
  SLUICE_TRY(file->Append(header_bytes));
  std::unique_ptr<SegmentWriter> out(
      new SegmentWriter(std::move(file), path, base, header_bytes.size()));
  for (const auto& [table, json] : schemas) {
    SLUICE_TRY(out->Write(EncodeCarried(table, json, base)));
  }
  SLUICE_TRY(out->Write(EncodeDurable(base)));
  SLUICE_TRY(out->Sync());
  ReachFaultPoint("bus.segment_written");
  SLUICE_TRY(files.Rename(temporary, path));
  ReachFaultPoint("bus.segment_renamed");
  SLUICE_TRY(files.SyncFolder(partition_folder));
  return out;
}

Result<std::unique_ptr<SegmentWriter>> SegmentWriter::Reopen(FileSystem& files,
                                                             SegmentFile& segment,
                                                             const RecoveredSegment& recovered) {
  const uint64_t end = recovered.end;
  SLUICE_LET(const std::string proofs,
             segment.ReadBytes(recovered.cut_end, end - recovered.cut_end));
  if (!recovered.proved) SLUICE_TRY(CopyOver(files, segment, end));
  SLUICE_LET(std::unique_ptr<File> file, files.Open(segment.path(), OpenMode::kAppend));
  if (recovered.proved) {
    SLUICE_TRY(file->Truncate(recovered.cut_end));
    ReachFaultPoint("bus.tail_cut");
    SLUICE_TRY(file->Append(proofs));
    SLUICE_TRY(file->Sync());
  }
  return std::unique_ptr<SegmentWriter>(
      new SegmentWriter(std::move(file), segment.path(), segment.header().base.lsn, end));
}

Status SegmentWriter::Append(const EncodedRecord& record) {
  const uint64_t before = bytes_;
  const Status status = Write(record);
  if (status) return {};
  bytes_ = before;
  broken_ = !file_->Truncate(before);
  return status.error();
}

Status SegmentWriter::Write(const EncodedRecord& record) {
  const std::string_view body = record.body_view();
  RecordHead head;
  head.kind = record.kind;
  head.lsn = record.lsn;
  std::string bytes = EncodeHead(head, record.prelude, body, base_, bytes_);
  const std::string padding(Padding(body.size()), '\0');
  bytes_ += bytes.size() + body.size() + padding.size();
  if (body.size() <= kOneWriteBytes) return file_->Append(bytes.append(body).append(padding));
  SLUICE_TRY(file_->Append(bytes));
  SLUICE_TRY(file_->Append(body));
  return file_->Append(padding);
}

}  // namespace sluice::bus
