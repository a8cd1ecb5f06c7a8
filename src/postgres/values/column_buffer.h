// The values of one column on their way into an Arrow array: plain buffers, a validity bitmap from
// the first null on. Every Append either adds one value or changes nothing and says why. A buffer
// starts at the size the last batch had, so that it does not grow step by step again.
#pragma once

#include <arrow/array/data.h>
#include <arrow/array/util.h>
#include <arrow/buffer_builder.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "change/arrow_status.h"
#include "postgres/values/fault.h"
#include "postgres/values/utf8.h"

namespace sluice::postgres {

inline Fault ToFault(const arrow::Status& status) {
  return status.ok() ? Fault::kNone : Fault::kMemory;
}

class Validity {
 public:
  explicit Validity(arrow::MemoryPool* pool) : words_(pool) {}

  int64_t length() const { return length_; }
  int64_t nulls() const { return nulls_; }
  Fault Valid() {
    if (nulls_ != 0) [[unlikely]]
      return Append(true);
    ++length_;
    return Fault::kNone;
  }
  Fault Null() {
    if (nulls_ == 0 && !AllValid()) return Fault::kMemory;
    const Fault fault = Append(false);
    if (fault == Fault::kNone) ++nulls_;
    return fault;
  }
  // Null when there are no nulls.
  Result<std::shared_ptr<arrow::Buffer>> Finish() {
    std::shared_ptr<arrow::Buffer> out;
    if (nulls_ != 0) {
      SLUICE_LET(out, ToResult(words_.Finish(false)));
    }
    length_ = 0;
    nulls_ = 0;
    return out;
  }

 private:
  static constexpr int64_t kBits = 64;

  Fault Append(bool valid) {
    const uint64_t bit = uint64_t{valid} << (length_ % kBits);
    if (length_ % kBits != 0) {
      words_.mutable_data()[length_ / kBits] |= bit;
    } else if (!words_.Append(bit).ok()) {
      return Fault::kMemory;
    }
    ++length_;
    return Fault::kNone;
  }
  // What came before the first null.
  bool AllValid() {
    if (!words_.Append(length_ / kBits, ~uint64_t{0}).ok()) return false;
    const int64_t rest = length_ % kBits;
    return rest == 0 || words_.Append((uint64_t{1} << rest) - 1).ok();
  }

  arrow::TypedBufferBuilder<uint64_t> words_;  // the first value is the lowest bit
  int64_t length_ = 0;
  int64_t nulls_ = 0;
};

template <typename T>
class FixedColumn {
 public:
  FixedColumn(std::shared_ptr<arrow::DataType> type, arrow::MemoryPool* pool)
      : type_(std::move(type)), values_(pool), validity_(pool) {}

  int64_t length() const { return validity_.length(); }
  int64_t bytes() const { return values_.length() * static_cast<int64_t>(sizeof(T)); }
  // Inline by order: it runs once a value, and has several callers.
  [[gnu::always_inline]] Fault Append(const T& value) {
    if (values_.length() == values_.capacity() && !Grow()) [[unlikely]]
      return Fault::kMemory;
    if (const Fault fault = validity_.Valid(); fault != Fault::kNone) return fault;
    values_.UnsafeAppend(value);
    return Fault::kNone;
  }
  Fault Null() {
    if (values_.length() == values_.capacity() && !Grow()) return Fault::kMemory;
    if (const Fault fault = validity_.Null(); fault != Fault::kNone) return fault;
    values_.UnsafeAppend(T{});
    return Fault::kNone;
  }
  Result<std::shared_ptr<arrow::Array>> Finish() {
    const int64_t length = validity_.length();
    const int64_t nulls = validity_.nulls();
    expected_ = std::max(expected_, length);
    SLUICE_LET(auto bits, validity_.Finish());
    SLUICE_LET(auto values, ToResult(values_.Finish(false)));
    return arrow::MakeArray(
        arrow::ArrayData::Make(type_, length, {std::move(bits), std::move(values)}, nulls));
  }

 private:
  bool Grow() { return values_.Reserve(std::max<int64_t>({expected_, values_.length(), 64})).ok(); }

  std::shared_ptr<arrow::DataType> type_;
  arrow::TypedBufferBuilder<T> values_;
  Validity validity_;
  int64_t expected_ = 0;
};

class BoolColumn {
 public:
  BoolColumn(std::shared_ptr<arrow::DataType> type, arrow::MemoryPool* pool)
      : type_(std::move(type)), values_(pool), validity_(pool) {}

  int64_t length() const { return validity_.length(); }
  int64_t bytes() const { return validity_.length() / 8; }
  Fault Append(bool value) {
    if (!values_.Reserve(1).ok()) return Fault::kMemory;
    if (const Fault fault = validity_.Valid(); fault != Fault::kNone) return fault;
    values_.UnsafeAppend(value);
    return Fault::kNone;
  }
  Fault Null() {
    if (!values_.Reserve(1).ok()) return Fault::kMemory;
    if (const Fault fault = validity_.Null(); fault != Fault::kNone) return fault;
    values_.UnsafeAppend(false);
    return Fault::kNone;
  }
  Result<std::shared_ptr<arrow::Array>> Finish() {
    const int64_t length = validity_.length();
    const int64_t nulls = validity_.nulls();
    SLUICE_LET(auto bits, validity_.Finish());
    SLUICE_LET(auto values, ToResult(values_.Finish(false)));
    return arrow::MakeArray(
        arrow::ArrayData::Make(type_, length, {std::move(bits), std::move(values)}, nulls));
  }

 private:
  std::shared_ptr<arrow::DataType> type_;
  arrow::TypedBufferBuilder<bool> values_;
  Validity validity_;
};

// 32-bit offsets as strings, binaries and lists have them: where each value starts.
class Offsets {
 public:
  explicit Offsets(arrow::MemoryPool* pool) : starts_(pool) {}

  int64_t bytes() const { return starts_.length() * static_cast<int64_t>(sizeof(int32_t)); }
  Fault Reserve(int64_t end) {
    if (end > std::numeric_limits<int32_t>::max()) return Fault::kTooLarge;
    if (starts_.length() < starts_.capacity()) return Fault::kNone;
    return ToFault(starts_.Reserve(std::max<int64_t>({expected_, starts_.length(), 64})));
  }
  bool HasRoom() const { return starts_.length() < starts_.capacity(); }
  void UnsafeStart(int64_t at) { starts_.UnsafeAppend(static_cast<int32_t>(at)); }
  Result<std::shared_ptr<arrow::Buffer>> Finish(int64_t end) {
    expected_ = std::max(expected_, starts_.length() + 1);
    SLUICE_TRY(sluice::ToStatus(starts_.Append(static_cast<int32_t>(end))));
    return ToResult(starts_.Finish(false));
  }

 private:
  arrow::TypedBufferBuilder<int32_t> starts_;
  int64_t expected_ = 0;
};

class BytesColumn {
 public:
  BytesColumn(std::shared_ptr<arrow::DataType> type, arrow::MemoryPool* pool)
      : type_(std::move(type)), offsets_(pool), data_(pool), validity_(pool) {}

  int64_t length() const { return validity_.length(); }
  int64_t bytes() const { return data_.length() + offsets_.bytes(); }
  Fault Append(std::string_view value) {
    const auto size = static_cast<int64_t>(value.size());
    if (!HasRoom(size)) [[unlikely]] {
      if (const Fault fault = Prepare(size); fault != Fault::kNone) return fault;
    }
    if (const Fault fault = validity_.Valid(); fault != Fault::kNone) return fault;
    offsets_.UnsafeStart(data_.length());
    data_.UnsafeAppend(value);
    return Fault::kNone;
  }
  // Checks while it copies.
  [[gnu::always_inline]] Fault AppendUtf8(std::string_view value) {
    const auto size = static_cast<int64_t>(value.size());
    if (!HasRoom(size)) [[unlikely]] {
      if (const Fault fault = Prepare(size); fault != Fault::kNone) return fault;
    }
    auto* to = reinterpret_cast<char*>(data_.mutable_data()) + data_.length();
    if (!CopyAscii(value, to) && !IsUtf8(value)) [[unlikely]]
      return Fault::kInvalidUtf8;
    if (const Fault fault = validity_.Valid(); fault != Fault::kNone) return fault;
    offsets_.UnsafeStart(data_.length());
    data_.UnsafeAdvance(size);
    return Fault::kNone;
  }
  Fault Null() {
    if (const Fault fault = Prepare(0); fault != Fault::kNone) return fault;
    if (const Fault fault = validity_.Null(); fault != Fault::kNone) return fault;
    offsets_.UnsafeStart(data_.length());
    return Fault::kNone;
  }
  Result<std::shared_ptr<arrow::Array>> Finish() {
    const int64_t length = validity_.length();
    const int64_t nulls = validity_.nulls();
    // What one odd batch needed is not kept ready for all that follow.
    expected_ = std::min<int64_t>(data_.length(), kReadyMax);
    SLUICE_LET(auto bits, validity_.Finish());
    SLUICE_LET(auto offsets, offsets_.Finish(data_.length()));
    SLUICE_LET(auto data, ToResult(data_.Finish(false)));
    return arrow::MakeArray(arrow::ArrayData::Make(
        type_, length, {std::move(bits), std::move(offsets), std::move(data)}, nulls));
  }

 private:
  static constexpr int64_t kReadyMax = int64_t{1} << 20;

  bool HasRoom(int64_t size) const {
    return offsets_.HasRoom() && data_.length() + size <= data_.capacity() &&
           data_.length() + size <= std::numeric_limits<int32_t>::max();
  }
  Fault Prepare(int64_t size) {
    if (const Fault fault = offsets_.Reserve(data_.length() + size); fault != Fault::kNone) {
      return fault;
    }
    if (data_.length() + size <= data_.capacity()) return Fault::kNone;
    return ToFault(data_.Reserve(std::max(size, data_.length() == 0 ? expected_ : size)));
  }

  std::shared_ptr<arrow::DataType> type_;
  Offsets offsets_;
  arrow::BufferBuilder data_;
  Validity validity_;
  int64_t expected_ = 0;
};

}  // namespace sluice::postgres
