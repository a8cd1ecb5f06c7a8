// Avro object container files (Avro 1.11 specification, "Object Container Files"): a header with
// schema and key-value metadata, then blocks of records, compressed each by itself. Written with
// codec `deflate`; `null` is read too. In a file of ours the sync marker is a checksum of all the
// rest, and the header says so ("sluice.sync"): a flipped bit is noticed. The schema's text goes
// into the header as it is given: the Avro libraries at hand drop Iceberg's `field-id`, without
// which no reader takes a manifest.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "iceberg/avro/decoder.h"
#include "iceberg/avro/encoder.h"
#include "iceberg/avro/schema.h"

namespace sluice::iceberg::avro {

using Metadata = std::map<std::string, std::string>;

inline constexpr size_t kSyncBytes = 16;

// Builds a file in memory. The same input gives the same bytes.
class ContainerWriter {
 public:
  ContainerWriter(std::string_view schema_json, const Metadata& metadata);

  // Where the next record's values go.
  Encoder& encoder() { return encoder_; }
  // The record is complete. kExhausted when compression has no memory.
  Status EndRecord();
  // The whole file; the writer is spent.
  Result<std::string> Finish();

 private:
  Status FlushBlock();
  void LeaveRoomForSync();

  std::string file_;
  std::string block_;
  Encoder encoder_{block_};
  int64_t block_records_ = 0;
  std::vector<size_t> sync_at_;
};

// Reads a file that is in memory, whoever wrote it. Any bytes end in records or in kCorrupt; an
// unknown codec is kUnsupported and named.
class ContainerReader {
 public:
  // `file` outlives the reader.
  static Result<ContainerReader> Open(std::string_view file);

  const Metadata& metadata() const { return metadata_; }
  const Type& schema() const { return schema_->root(); }

  // Calls take(decoder) for every record; it returns a Status and reads the record whole, by
  // `schema()`. Strings it gets point into memory that lives until the next block.
  template <typename Take>
  Status ForEach(Take&& take);

 private:
  enum class Codec : uint8_t { kNull, kDeflate };

  explicit ContainerReader(std::string_view file) : file_(file), rest_(file) {}
  Status ReadHeader();
  Status CheckSync() const;
  // Positions on the next block; false at the end of the file.
  Result<bool> NextBlock();

  std::string_view file_;
  std::string_view rest_;
  Metadata metadata_;
  std::shared_ptr<const Schema> schema_;
  Codec codec_ = Codec::kNull;
  std::string sync_;
  std::string inflated_;
  std::string_view block_;
  int64_t block_records_ = 0;
};

template <typename Take>
Status ContainerReader::ForEach(Take&& take) {
  for (;;) {
    SLUICE_LET(const bool more, NextBlock());
    if (!more) return {};
    Decoder in(block_);
    for (int64_t i = 0; i < block_records_; ++i) {
      const size_t before = in.position();
      SLUICE_TRY(take(in));
      // Else a few bytes could claim records without end.
      if (in.position() == before) in.Fail("a record of no size");
      SLUICE_TRY(in.status());
    }
    if (in.remaining() > 0) in.Fail("bytes follow the last record");
    SLUICE_TRY(in.status());
  }
}

}  // namespace sluice::iceberg::avro
