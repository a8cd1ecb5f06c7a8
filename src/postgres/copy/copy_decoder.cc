// COPY BINARY as a byte stream (documentation: sql-copy, "Binary Format"): a header, rows of
// length-prefixed fields, a trailer. libpq hands over whole rows, but nothing here relies on it.
#include <arrow/memory_pool.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>

#include <cstring>
#include <utility>

#include "base/byte_reader.h"
#include "change/arrow_status.h"
#include "postgres/copy/table_copy.h"
#include "postgres/value_decoder.h"

namespace sluice::postgres {

namespace {

constexpr std::string_view kSignature("PGCOPY\n\377\r\n\0", 11);
constexpr size_t kHeaderBytes = 11 + 4 + 4;
constexpr uint32_t kCriticalFlags = 0xFFFF0000;  // bit 16 is oids; others are unknown
constexpr uint32_t kExtensionMax = 1 << 20;
constexpr int16_t kTrailer = -1;
// Rows whose fields are found before any of them is decoded, column by column: few enough that they
// are still in the nearest cache.
constexpr size_t kBlockRows = 32;

Error NoStream(std::string_view what) {
  return MakeError(ErrorKind::kCorrupt, "COPY stream: {}", what);
}

template <typename T>
T LoadBig(const char* at) {
  T out{};
  std::memcpy(&out, at, sizeof(T));
  if constexpr (sizeof(T) == 2)
    return static_cast<T>(__builtin_bswap16(static_cast<uint16_t>(out)));
  return static_cast<T>(__builtin_bswap32(static_cast<uint32_t>(out)));
}

class BinaryCopyDecoder final : public CopyDecoder {
 public:
  explicit BinaryCopyDecoder(std::shared_ptr<arrow::Schema> schema) : schema_(std::move(schema)) {}

  void AddColumn(std::unique_ptr<ValueDecoder> decoder, bool binary) {
    columns_.push_back({std::move(decoder), binary});
    fields_.resize(columns_.size() * kBlockRows);
  }

  Status Feed(std::span<const std::string_view> pieces) override {
    for (const std::string_view piece : pieces) {
      if (!pending_.empty()) {
        SLUICE_TRY(FeedPending(piece));
        continue;
      }
      SLUICE_LET(const size_t used, Consume(piece));
      pending_.assign(piece.substr(used));
    }
    return TakeBlock();
  }
  int64_t rows() const override { return rows_; }
  int64_t bytes() const override {
    auto total = static_cast<int64_t>(pending_.size());
    for (const Target& column : columns_) total += column.decoder->bytes();
    return total;
  }
  bool ended() const override { return state_ == State::kEnded; }

  Result<std::shared_ptr<arrow::RecordBatch>> Take() override {
    arrow::ArrayVector arrays;
    for (const Target& column : columns_) {
      SLUICE_LET(auto array, column.decoder->Finish());
      arrays.push_back(std::move(array));
    }
    auto batch = arrow::RecordBatch::Make(schema_, rows_, std::move(arrays));
    rows_ = 0;
    return batch;
  }

 private:
  enum class State : uint8_t { kHeader, kRows, kEnded };
  struct Target {
    std::unique_ptr<ValueDecoder> decoder;
    bool binary;
  };

  // Fields of the block lie in `pending_` now.
  Status FeedPending(std::string_view piece) {
    SLUICE_TRY(TakeBlock());
    pending_.append(piece);
    SLUICE_LET(const size_t used, Consume(pending_));
    SLUICE_TRY(TakeBlock());
    pending_.erase(0, used);
    return {};
  }

  // How many bytes were whole parts of the stream.
  Result<size_t> Consume(std::string_view bytes) {
    size_t used = 0;
    if (state_ == State::kHeader) {
      SLUICE_LET(used, ReadHeader(bytes));
      if (used == 0) return used;
      state_ = State::kRows;
    }
    while (state_ == State::kRows) {
      const std::string_view rest = bytes.substr(used);
      SLUICE_LET(const size_t size, FindFields(rest));
      if (size == 0) return used;
      if (state_ == State::kRows && ++block_rows_ == kBlockRows) SLUICE_TRY(TakeBlock());
      used += size;
    }
    if (used != bytes.size()) return NoStream("bytes follow its end");
    return used;
  }

  // 0: not all of it is here yet.
  static Result<size_t> ReadHeader(std::string_view bytes) {
    if (!kSignature.starts_with(bytes.substr(0, kSignature.size()))) {
      return NoStream("it does not start with COPY's signature");
    }
    if (bytes.size() < kHeaderBytes) return size_t{0};
    ByteReader in(bytes.substr(kSignature.size()));
    const uint32_t flags = in.U32();
    const uint32_t extension = in.U32();
    if ((flags & kCriticalFlags) != 0) return NoStream("it has flags that are not known");
    if (extension > kExtensionMax) return NoStream("its header is too long");
    const size_t size = kHeaderBytes + extension;
    return bytes.size() < size ? size_t{0} : size;
  }

  // The size of the row (or the trailer), 0 while not all of it is here. Nothing of a row is
  // decoded before it is whole; and finding a field waits for the size of the one before it, which
  // decoding should not do too.
  Result<size_t> FindFields(std::string_view bytes) {
    if (bytes.size() < sizeof(int16_t)) return size_t{0};
    const auto count = LoadBig<int16_t>(bytes.data());
    if (count == kTrailer) {
      state_ = State::kEnded;
      return sizeof(int16_t);
    }
    if (count != static_cast<int>(columns_.size())) {
      return MakeError(ErrorKind::kCorrupt, "COPY stream: a row of {} fields where {} are expected",
                       count, columns_.size());
    }
    const char* at = bytes.data() + sizeof(int16_t);
    const char* const end = bytes.data() + bytes.size();
    for (WireField& field :
         std::span(fields_).subspan(block_rows_ * columns_.size(), columns_.size())) {
      if (end - at < static_cast<ptrdiff_t>(sizeof(int32_t))) return size_t{0};
      field.size = LoadBig<int32_t>(at);
      at += sizeof(int32_t);
      field.at = at;
      if (field.size < 0) {
        if (field.size != WireField::kNull) return NoStream("a field has a negative size");
        continue;
      }
      if (end - at < field.size) return size_t{0};
      at += field.size;
    }
    return static_cast<size_t>(at - bytes.data());
  }

  // The rows found and not yet decoded.
  Status TakeBlock() {
    if (block_rows_ == 0) return {};
    for (size_t i = 0; i < columns_.size(); ++i) {
      const auto& [decoder, binary] = columns_[i];
      const WireColumn column{&fields_[i], columns_.size(), block_rows_};
      const Fault fault =
          binary ? decoder->TakeBinaryColumn(column) : decoder->TakeTextColumn(column);
      if (fault != Fault::kNone) [[unlikely]] {
        return decoder->Refuse(fault, binary ? Form::kBinary : Form::kText);
      }
    }
    rows_ += static_cast<int64_t>(std::exchange(block_rows_, 0));
    return {};
  }

  std::shared_ptr<arrow::Schema> schema_;
  std::vector<Target> columns_;
  std::vector<WireField> fields_;  // of the block, row by row
  size_t block_rows_ = 0;
  std::string pending_;  // the start of a part that is not whole yet
  State state_ = State::kHeader;
  int64_t rows_ = 0;
};

}  // namespace

Result<std::unique_ptr<CopyDecoder>> CopyDecoder::Make(const MirroredTable& table,
                                                       arrow::MemoryPool* pool) {
  auto out = std::make_unique<BinaryCopyDecoder>(table.schema.RowSchema());
  for (size_t i = 0; i < table.schema.columns.size(); ++i) {
    SLUICE_LET(auto decoder, ValueDecoder::Make(table.schema.columns[i].name, table.types[i],
                                                table.mappings[i], pool));
    out->AddColumn(std::move(decoder), table.mappings[i].binary);
  }
  return std::unique_ptr<CopyDecoder>(std::move(out));
}

}  // namespace sluice::postgres
