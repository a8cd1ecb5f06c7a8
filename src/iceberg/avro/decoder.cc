#include "iceberg/avro/decoder.h"

#include <limits>

namespace sluice::iceberg::avro {

namespace {

constexpr int kDepthMax = 64;
// Every byte is worth a few steps (a union, its record, its field); what needs more is made to
// keep us busy: arrays of nothing, records of records of nothing.
constexpr uint64_t kStepsPerByte = 16;
constexpr uint64_t kStepsFree = 4096;

}  // namespace

Decoder::Decoder(std::string_view bytes)
    : bytes_(bytes), steps_left_(kStepsFree + kStepsPerByte * bytes.size()) {}

Status Decoder::status() const {
  if (ok()) return {};
  return MakeError(ErrorKind::kCorrupt, "Avro data: {}, in a block of {} bytes", failure_,
                   bytes_.size());
}

void Decoder::Fail(const char* why) {
  if (ok()) failure_ = why;
  position_ = bytes_.size();
}

bool Decoder::Step() {
  if (steps_left_ == 0) Fail("far more values than bytes");
  if (!ok()) return false;
  --steps_left_;
  return true;
}

bool Decoder::Enter() {
  if (depth_ >= kDepthMax) Fail("nested too deep");
  if (!Step()) return false;
  ++depth_;
  return true;
}

int64_t Decoder::RawLong() {
  uint64_t value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    if (position_ == bytes_.size()) break;
    const auto byte = static_cast<uint8_t>(bytes_[position_++]);
    value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if ((byte & 0x80) == 0) {
      return static_cast<int64_t>((value >> 1) ^ (~(value & 1) + 1));
    }
  }
  Fail("an integer does not end");
  return 0;
}

std::string_view Decoder::RawBytes(size_t size) {
  if (size > remaining()) {
    Fail("a value is longer than what is left");
    return {};
  }
  const std::string_view out = bytes_.substr(position_, size);
  position_ += size;
  return out;
}

std::string_view Decoder::RawLengthAndBytes() {
  const int64_t size = RawLong();
  if (size < 0) Fail("a negative length");
  return ok() ? RawBytes(static_cast<size_t>(size)) : std::string_view();
}

const Type* Decoder::Resolve(const Type& type) {
  if (type.kind != Kind::kUnion) return type.kind == Kind::kNull ? nullptr : &type;
  const int64_t branch = RawLong();
  if (branch < 0 || static_cast<uint64_t>(branch) >= type.branches.size()) {
    Fail("a union has no such branch");
  }
  if (!ok()) return nullptr;
  const Type* chosen = type.branches[static_cast<size_t>(branch)];
  return chosen->kind == Kind::kNull ? nullptr : chosen;
}

int64_t Decoder::Long(const Type& type) {
  const Type* value = Resolve(type);
  if (value == nullptr || (value->kind != Kind::kInt && value->kind != Kind::kLong)) {
    Fail("an integer is expected");
    return 0;
  }
  return RawLong();
}

int32_t Decoder::Int(const Type& type) {
  const int64_t value = Long(type);
  if (value >= std::numeric_limits<int32_t>::min() &&
      value <= std::numeric_limits<int32_t>::max()) {
    return static_cast<int32_t>(value);
  }
  Fail("an integer does not fit 32 bits");
  return 0;
}

bool Decoder::Boolean(const Type& type) {
  const Type* value = Resolve(type);
  if (value == nullptr || value->kind != Kind::kBoolean) Fail("a boolean is expected");
  const std::string_view byte = RawBytes(1);
  return ok() && byte[0] != 0;
}

std::string_view Decoder::Bytes(const Type& type) {
  const Type* value = Resolve(type);
  if (value != nullptr && (value->kind == Kind::kBytes || value->kind == Kind::kString)) {
    return RawLengthAndBytes();
  }
  if (value != nullptr && value->kind == Kind::kFixed) return RawBytes(value->fixed_size);
  Fail("bytes are expected");
  return {};
}

int64_t Decoder::BlockCount(int64_t* bytes) {
  int64_t count = RawLong();
  if (bytes != nullptr) *bytes = -1;
  if (count < 0) {  // then the block's size in bytes follows, so that it can be skipped
    if (count == std::numeric_limits<int64_t>::min()) {
      Fail("a negative count");
      return 0;
    }
    count = -count;
    const int64_t size = RawLong();
    if (size < 0) Fail("a negative size of a block");
    if (bytes != nullptr) *bytes = size;
  }
  return ok() ? count : 0;
}

void Decoder::SkipItems(const Type& type) {
  int64_t bytes = -1;
  while (const int64_t count = BlockCount(&bytes)) {
    if (bytes >= 0) {
      RawBytes(static_cast<size_t>(bytes));
      continue;
    }
    for (int64_t i = 0; i < count && ok(); ++i) {
      if (type.kind == Kind::kMap) RawLengthAndBytes();
      Skip(*type.branches[0]);
    }
  }
}

void Decoder::Skip(const Type& type) {
  if (!Enter()) return;
  const Type* value = Resolve(type);
  if (value != nullptr) {
    switch (value->kind) {
      case Kind::kNull:
      case Kind::kUnion:
        break;
      case Kind::kBoolean:
        RawBytes(1);
        break;
      case Kind::kInt:
      case Kind::kLong:
      case Kind::kEnum:
        RawLong();
        break;
      case Kind::kFloat:
        RawBytes(sizeof(float));
        break;
      case Kind::kDouble:
        RawBytes(sizeof(double));
        break;
      case Kind::kBytes:
      case Kind::kString:
        RawLengthAndBytes();
        break;
      case Kind::kFixed:
        RawBytes(value->fixed_size);
        break;
      case Kind::kArray:
      case Kind::kMap:
        SkipItems(*value);
        break;
      case Kind::kRecord:
        for (const RecordField& field : value->fields) Skip(*field.type);
        break;
    }
  }
  Leave();
}

}  // namespace sluice::iceberg::avro
