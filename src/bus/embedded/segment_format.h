// The bytes of a segment: docs/formats/segment.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "bus/bus.h"

namespace sluice::bus {

inline constexpr uint32_t kSegmentFormat = 1;
inline constexpr size_t kHeaderFixedBytes = 48;
inline constexpr size_t kIdentityBytesMax = 4096;
inline constexpr size_t kHeadBytes = 40;
inline constexpr uint32_t kPreludeBytesMax = 64 << 20;
inline constexpr uint32_t kBodyBytesMax = 1 << 30;

struct SegmentHeader {
  Cut base;
  int64_t created_us = 0;
  PartitionId partition = 0;
  std::string source_identity;
};

std::string EncodeHeader(const SegmentHeader& header);
// The header's whole size, told by its first kHeaderFixedBytes; kConfig for another version.
Result<size_t> HeaderBytes(std::string_view fixed);
Result<SegmentHeader> ParseHeader(std::string_view bytes);

enum class RecordKind : uint32_t {
  kBatch = 1,
  kSchema = 2,
  kCarriedSchema = 3,
  kCut = 4,
  kDurable = 5,
  kResume = 6,
  kStop = 7,
};

// What the head, without prelude and body, says.
struct RecordHead {
  RecordKind kind = RecordKind::kCut;
  Lsn lsn;
  uint32_t prelude_bytes = 0;
  uint32_t body_bytes = 0;
  uint64_t body_checksum = 0;
  uint64_t checksum = 0;

  uint64_t body_at() const;  // from the record's start
  uint64_t size() const;
  // What stands before it is on the disk.
  bool IsProof() const { return kind == RecordKind::kDurable || kind == RecordKind::kResume; }
};

uint64_t BodyChecksum(std::string_view body);
// Head, prelude and the zeros before the body. The checksums are computed here.
std::string EncodeHead(RecordHead head, std::string_view prelude, std::string_view body, Lsn base,
                       uint64_t offset);
// Nothing when these 40 bytes cannot begin a record. The checksum is not looked at yet.
std::optional<RecordHead> ParseHead(std::string_view bytes);
bool HeadIsValid(std::string_view bytes, std::string_view prelude, Lsn base, uint64_t offset);

// Zeros that follow `size` bytes up to a multiple of 8.
inline uint64_t Padding(uint64_t size) { return (8 - size % 8) % 8; }

}  // namespace sluice::bus
