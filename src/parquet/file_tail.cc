#include "parquet/file_tail.h"

#include <arrow/buffer.h>
#include <arrow/io/interfaces.h>
#include <arrow/io/memory.h>
#include <parquet/exception.h>
#include <parquet/file_writer.h>
#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <string_view>

namespace sluice::parquet {

namespace {

static_assert(std::endian::native == std::endian::little);

using ::parquet::ParquetException;

constexpr std::string_view kPlainMagic = "PAR1";
constexpr int64_t kEndBytes = 8;           // the footer's length and the magic
constexpr int64_t kReadAtOnce = 64 << 10;  // mostly all of it

// Stands before the footer, behind the offset indexes and the pages' checksums.
struct Seal {
  char magic[8] = {'S', 'L', 'S', 'E', 'A', 'L', '0', '1'};
  uint64_t index_bytes = 0;
  uint64_t page_count = 0;
  uint64_t checksum = 0;
};
static_assert(sizeof(Seal) == 32 && sizeof(PageSum) == 16);

// Nothing that a file has is longer, and sums of these do not overflow.
constexpr uint64_t kLengthMax = uint64_t{1} << 40;

uint64_t Checksum(std::string_view before, std::string_view footer) {
  const uint64_t seed = XXH3_64bits(before.data(), before.size());
  return XXH3_64bits_withSeed(footer.data(), footer.size(), seed);
}

template <typename Write>
std::shared_ptr<arrow::Buffer> Written(const Write& write) {
  PARQUET_ASSIGN_OR_THROW(const auto stream, arrow::io::BufferOutputStream::Create());
  write(stream.get());
  PARQUET_ASSIGN_OR_THROW(auto bytes, stream->Finish());
  return bytes;
}

// The file's last bytes, as many as are asked for.
class End {
 public:
  explicit End(arrow::io::RandomAccessFile& input) : input_(input) {
    PARQUET_ASSIGN_OR_THROW(size_, input.GetSize());
  }

  bool has(uint64_t bytes) const { return bytes <= static_cast<uint64_t>(size_); }

  // `bytes` of those that the last `from` begin with. They are valid until the next call.
  std::string_view Get(uint64_t from, uint64_t bytes) {
    if (buffer_ == nullptr || static_cast<uint64_t>(buffer_->size()) < from) {
      const int64_t wanted = std::min(std::max(static_cast<int64_t>(from), kReadAtOnce), size_);
      PARQUET_ASSIGN_OR_THROW(buffer_, input_.ReadAt(size_ - wanted, wanted));
      if (buffer_->size() != wanted) throw ParquetException("the file ends early");
    }
    const std::string_view all(*buffer_);
    return all.substr(all.size() - from, bytes);
  }

 private:
  arrow::io::RandomAccessFile& input_;
  int64_t size_ = 0;
  std::shared_ptr<arrow::Buffer> buffer_;
};

// `footer_bytes` of footer begin the last `footer_from` bytes of the file.
std::optional<PageSums> CheckSeal(End& end, uint64_t footer_from, uint64_t footer_bytes) {
  const uint64_t seal_from = footer_from + sizeof(Seal);
  if (!end.has(seal_from)) return std::nullopt;
  Seal seal;
  const std::string_view magic(seal.magic, sizeof(seal.magic));
  const std::string_view bytes = end.Get(seal_from, sizeof(Seal));
  if (!bytes.starts_with(magic)) return std::nullopt;
  std::memcpy(&seal, bytes.data(), sizeof(seal));
  const bool sane = seal.index_bytes < kLengthMax && seal.page_count < kLengthMax;
  const uint64_t sums_bytes = sane ? seal.page_count * sizeof(PageSum) : 0;
  const uint64_t from = seal_from + sums_bytes + seal.index_bytes;
  if (!sane || !end.has(from)) {
    throw ParquetException("the checksums before the footer are of more than the file has");
  }
  const std::string_view all = end.Get(from, from);
  const std::string_view before = all.substr(0, seal.index_bytes + sums_bytes);
  const std::string_view footer = all.substr(all.size() - footer_from, footer_bytes);
  if (Checksum(before, footer) != seal.checksum) {
    throw ParquetException("the checksum of footer and offset indexes is wrong");
  }
  std::vector<PageSum> pages(seal.page_count);
  std::memcpy(pages.data(), before.data() + seal.index_bytes, sums_bytes);
  return PageSums(std::move(pages));
}

}  // namespace

std::unique_ptr<::parquet::FileMetaData> WriteTail(const std::vector<PageSum>& pages,
                                                   ::parquet::PageIndexBuilder& index,
                                                   ::parquet::FileMetaDataBuilder& metadata,
                                                   arrow::io::OutputStream& sink) {
  index.Finish();
  ::parquet::PageIndexBuilder::WriteResult places;
  const auto indexes =
      Written([&](arrow::io::OutputStream* stream) { places = index.WriteTo(stream); });
  Seal seal;
  for (const auto& [chunk, place] : places.offset_index_locations) {
    seal.index_bytes =
        std::max(seal.index_bytes, static_cast<uint64_t>(indexes->size() - place.offset));
  }
  PARQUET_ASSIGN_OR_THROW(const int64_t begin, sink.Tell());
  for (auto* locations : {&places.column_index_locations, &places.offset_index_locations}) {
    for (auto& [chunk, place] : *locations) place.offset += begin;
  }
  metadata.SetIndexLocations(::parquet::IndexKind::kColumnIndex, places.column_index_locations);
  metadata.SetIndexLocations(::parquet::IndexKind::kOffsetIndex, places.offset_index_locations);
  auto footer = metadata.Finish();
  const auto end = Written(
      [&](arrow::io::OutputStream* stream) { ::parquet::WriteFileMetaData(*footer, stream); });
  seal.page_count = pages.size();
  std::string before = indexes->ToString();
  before.append(reinterpret_cast<const char*>(pages.data()), pages.size() * sizeof(PageSum));
  const size_t column_indexes = static_cast<uint64_t>(indexes->size()) - seal.index_bytes;
  std::string_view footer_bytes(*end);
  footer_bytes.remove_suffix(kEndBytes);
  seal.checksum = Checksum(std::string_view(before).substr(column_indexes), footer_bytes);
  PARQUET_THROW_NOT_OK(sink.Write(before));
  PARQUET_THROW_NOT_OK(sink.Write(&seal, sizeof(seal)));
  PARQUET_THROW_NOT_OK(sink.Write(end));
  return footer;
}

FileTail ReadTail(arrow::io::RandomAccessFile& input) {
  FileTail out;
  End end(input);
  if (!end.has(kEndBytes)) return out;
  const std::string_view last = end.Get(kEndBytes, kEndBytes);
  if (!last.ends_with(kPlainMagic)) return out;
  uint32_t footer_bytes = 0;
  std::memcpy(&footer_bytes, last.data(), sizeof(footer_bytes));
  const uint64_t from = kEndBytes + uint64_t{footer_bytes};
  if (!end.has(from)) return out;
  out.pages = CheckSeal(end, from, footer_bytes);
  const std::string_view footer = end.Get(from, footer_bytes);
  out.footer = ::parquet::FileMetaData::Make(footer.data(), int64_t{footer_bytes});
  return out;
}

}  // namespace sluice::parquet
