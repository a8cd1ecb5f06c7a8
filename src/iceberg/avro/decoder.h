// Reads Avro's binary encoding by the writer's schema out of bytes that anybody may have written:
// never past their end, never deeper than 64, never more steps than the bytes can be worth. The
// first failure sticks and later reads yield zeros; check `status()` at the end.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "iceberg/avro/schema.h"

namespace sluice::iceberg::avro {

class Decoder {
 public:
  explicit Decoder(std::string_view bytes);

  bool ok() const { return failure_ == nullptr; }
  Status status() const;  // kCorrupt, with the offset
  size_t position() const { return position_; }
  size_t remaining() const { return bytes_.size() - position_; }
  void Fail(const char* why);

  // Values by type. A union is looked through; a null, or a type that is not the asked one, fails.
  int64_t Long(const Type& type);  // of int or long
  int32_t Int(const Type& type);   // of int or long, within 32 bits
  bool Boolean(const Type& type);
  std::string_view Bytes(const Type& type);  // of bytes, string or fixed; points into the input
  void Skip(const Type& type);

  // The branch that stands here; null for Avro's null. What is no union is returned as it is.
  const Type* Resolve(const Type& type);

  // Calls take(field_id, type) for each field with an id that is not null, in the writer's order.
  // `take` returns false for a field that it did not read.
  template <typename Take>
  void Record(const Type& type, Take&& take);
  // Calls take(item_type) for each item, which it must read.
  template <typename Take>
  void Array(const Type& type, Take&& take);

  // The encoding's own parts.
  int64_t RawLong();
  std::string_view RawBytes(size_t size);
  std::string_view RawLengthAndBytes();

 private:
  bool Enter();  // one step, one level deeper; false once any limit is passed
  void Leave() { --depth_; }
  bool Step();
  // Items of the next block of an array or map; 0 ends it. When not null, `bytes` gets the block's
  // size where the writer states it, else -1.
  int64_t BlockCount(int64_t* bytes);
  void SkipItems(const Type& type);

  std::string_view bytes_;
  size_t position_ = 0;
  int depth_ = 0;
  uint64_t steps_left_;
  const char* failure_ = nullptr;
};

template <typename Take>
void Decoder::Record(const Type& type, Take&& take) {
  const Type* record = Resolve(type);
  if (record == nullptr || record->kind != Kind::kRecord) return Fail("a record is expected");
  if (!Enter()) return;
  for (const RecordField& field : record->fields) {
    if (!Step()) break;
    const Type* value = Resolve(*field.type);
    if (value == nullptr) continue;
    if (field.field_id == kNoFieldId || !take(field.field_id, *value)) Skip(*value);
  }
  Leave();
}

template <typename Take>
void Decoder::Array(const Type& type, Take&& take) {
  const Type* array = Resolve(type);
  if (array == nullptr || array->kind != Kind::kArray) return Fail("an array is expected");
  if (!Enter()) return;
  while (const int64_t count = BlockCount(nullptr)) {
    for (int64_t i = 0; i < count && ok(); ++i) {
      if (Step()) take(*array->branches[0]);
    }
  }
  Leave();
}

}  // namespace sluice::iceberg::avro
