#include "merge/dealt_entries.h"

#include <xxhash.h>

#include <cstring>
#include <type_traits>
#include <utility>

namespace sluice::merge {

namespace {

static_assert(std::is_trivially_copyable_v<IndexEntry>);

std::string_view BytesOf(std::span<const IndexEntry> entries) {
  return {reinterpret_cast<const char*>(entries.data()), entries.size_bytes()};
}

}  // namespace

Result<std::unique_ptr<DealtEntries>> DealtEntries::Create(FileSystem& fs, std::string path) {
  SLUICE_TRY(fs.Remove(path));
  std::unique_ptr<DealtEntries> out(new DealtEntries(fs, std::move(path)));
  SLUICE_LET(out->file_, fs.Open(out->path_, OpenMode::kAppend));
  return out;
}

DealtEntries::~DealtEntries() {
  file_.reset();
  // One that stays behind is removed when the index is opened again.
  static_cast<void>(fs_.Remove(path_));
}

Status DealtEntries::Add(std::span<const IndexEntry> entries) {
  scratch_.resize(entries.size());
  const PieceEnds ends = DealOut(entries, scratch_, 0, kDealBitsMax);
  const std::span<const IndexEntry> dealt(scratch_);
  for (size_t piece = 0, begin = 0; piece < kPieces; begin = ends[piece++]) {
    const std::string_view bytes = BytesOf(dealt.subspan(begin, ends[piece] - begin));
    if (bytes.empty()) continue;
    pieces_[piece].push_back({(size_ + begin) * sizeof(IndexEntry),
                              XXH3_64bits(bytes.data(), bytes.size()),
                              static_cast<uint32_t>(ends[piece] - begin)});
  }
  size_ += entries.size();
  return file_->Append(BytesOf(dealt));
}

Status DealtEntries::ReadPiece(const std::vector<Slice>& slices, std::vector<IndexEntry>& out) {
  out.clear();
  for (const Slice& slice : slices) {
    SLUICE_LET(const std::string bytes,
               file_->Read(slice.offset, slice.entries * sizeof(IndexEntry)));
    if (XXH3_64bits(bytes.data(), bytes.size()) != slice.hash) {
      return MakeError(ErrorKind::kUnavailable, "{} holds something else than was written", path_);
    }
    const size_t before = out.size();
    out.resize(before + slice.entries);
    std::memcpy(out.data() + before, bytes.data(), bytes.size());
  }
  return {};
}

Result<std::unique_ptr<IndexRun>> DealtEntries::WriteRun(const std::string& folder,
                                                         std::string name, const FileSet& files) {
  SLUICE_LET(const auto writer,
             RunWriter::Create(fs_, folder, std::move(name), files, size_, files.files().size()));
  std::vector<IndexEntry> entries;
  for (const std::vector<Slice>& slices : pieces_) {
    SLUICE_TRY(ReadPiece(slices, entries));
    scratch_.resize(entries.size());
    SortForRun(entries, scratch_, kDealBitsMax);
    for (const IndexEntry& entry : entries) SLUICE_TRY(writer->Add(entry));
  }
  return writer->Finish();
}

}  // namespace sluice::merge
