#include "parquet/value_encoder.h"

#include <arrow/array.h>
#include <arrow/type.h>

#include <bit>
#include <cstring>
#include <type_traits>
#include <vector>

#include "base/error.h"
#include "parquet/hybrid_encoding.h"
#include "parquet/leaf_values.h"
#include "parquet/value_dictionary.h"
#include "parquet/value_range.h"

namespace sluice::parquet {

namespace {

using ::parquet::EncodedStatistics;
using ::parquet::Encoding;

constexpr size_t kDictionaryBytesMax = 1 << 20;

// What a type of value needs: how an array yields values, their range, dictionary and plain form.
template <typename T>
class Numbers {
 public:
  using Value = T;
  using Bits = std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>;

  std::span<const T> Of(const arrow::Array& array) { return values_.Of(array); }
  void AddToRange(std::span<const T> values) { range_.Add(values); }
  // Numbers are compared sooner than looked up among those that a page used.
  static constexpr bool kRangeOfDictionary = false;
  NumberRange<T>& range() { return range_; }
  NumberRange<T>& chunk_range() { return chunk_range_; }
  NumberDictionary<Bits>& dictionary() { return dictionary_; }
  const NumberDictionary<Bits>& dictionary() const { return dictionary_; }
  uint32_t NumberOf(T value) { return dictionary_.NumberOf(std::bit_cast<Bits>(value)); }
  static void AppendPlain(std::span<const T> values, std::string& out) {
    out.append(reinterpret_cast<const char*>(values.data()), values.size_bytes());
  }

 private:
  NumberValues<T> values_;
  NumberRange<T> range_;
  NumberRange<T> chunk_range_;
  NumberDictionary<Bits> dictionary_;
};

class Bytes {
 public:
  using Value = std::string_view;

  // `fixed`: the length of all, or 0 where each has its own.
  Bytes(int fixed, bool is_signed)
      : prefixed_(fixed == 0),
        values_(fixed),
        range_(is_signed),
        chunk_range_(is_signed),
        dictionary_(prefixed_) {}

  std::span<const Value> Of(const arrow::Array& array) { return values_.Of(array); }
  void AddToRange(std::span<const Value> values) {
    for (const Value value : values) range_.Add(value);
  }
  static constexpr bool kRangeOfDictionary = true;
  BytesRange& range() { return range_; }
  BytesRange& chunk_range() { return chunk_range_; }
  BytesDictionary& dictionary() { return dictionary_; }
  const BytesDictionary& dictionary() const { return dictionary_; }
  uint32_t NumberOf(Value value) { return dictionary_.NumberOf(value); }
  void AppendPlain(std::span<const Value> values, std::string& out) const {
    size_t size = out.size();
    for (const Value value : values) size += value.size() + (prefixed_ ? sizeof(uint32_t) : 0);
    const size_t begin = out.size();
    out.resize(size);
    char* to = out.data() + begin;
    for (const Value value : values) {
      if (prefixed_) {
        const auto length = static_cast<uint32_t>(value.size());
        std::memcpy(to, &length, sizeof(length));
        to += sizeof(length);
      }
      std::memcpy(to, value.data(), value.size());
      to += value.size();
    }
  }

 private:
  bool prefixed_;
  BytesValues values_;
  BytesRange range_;
  BytesRange chunk_range_;
  BytesDictionary dictionary_;
};

template <typename Kind>
class TypedEncoder final : public ValueEncoder {
 public:
  TypedEncoder(Kind kind, bool dictionary) : kind_(std::move(kind)), by_dictionary_(dictionary) {}

  void Put(const arrow::Array& array) override {
    const auto values = kind_.Of(array);
    if (!by_dictionary_ || !Kind::kRangeOfDictionary) kind_.AddToRange(values);
    if (!by_dictionary_) return kind_.AppendPlain(values, plain_);
    const size_t before = numbers_.size();
    numbers_.resize(before + values.size());
    uint32_t* to = numbers_.data() + before;
    for (const auto& value : values) *to++ = kind_.NumberOf(value);
  }
  int64_t page_bytes() const override {
    const size_t bits = numbers_.size() * static_cast<size_t>(NumberWidth());
    return static_cast<int64_t>(plain_.size() + bits / 8);
  }
  int64_t dictionary_bytes() const override {
    return static_cast<int64_t>(kind_.dictionary().bytes());
  }
  bool page_must_end() const override {
    return by_dictionary_ && kind_.dictionary().bytes() > kDictionaryBytesMax;
  }

  Encoding::type EndPage(std::string& out, EncodedStatistics& range) override {
    const bool by_dictionary = by_dictionary_;
    if (by_dictionary) {
      if constexpr (Kind::kRangeOfDictionary) AddUsedToRange();
      out += static_cast<char>(NumberWidth());
      AppendHybrid(std::span<const uint32_t>(numbers_), NumberWidth(), out);
      numbers_.clear();
      chunk_has_dictionary_ = true;
      by_dictionary_ = !page_must_end();
    } else if (out.empty()) {
      out.swap(plain_);
    } else {
      out.append(plain_);
    }
    plain_.clear();
    kind_.range().Store(range);
    kind_.chunk_range().Add(kind_.range());
    kind_.range().Clear();
    return by_dictionary ? Encoding::RLE_DICTIONARY : Encoding::PLAIN;
  }
  Dictionary dictionary() const override {
    if (!chunk_has_dictionary_) return {};
    return {kind_.dictionary().page(), static_cast<int32_t>(kind_.dictionary().size()), true};
  }
  void EndChunk(EncodedStatistics& range) override {
    kind_.chunk_range().Store(range);
    kind_.chunk_range().Clear();
    kind_.dictionary().Clear();
    chunk_has_dictionary_ = false;
  }

 private:
  // Bits of the greatest number; one value takes one bit, as readers expect.
  int NumberWidth() const {
    const size_t size = kind_.dictionary().size();
    return static_cast<int>(size <= 1 ? size : std::bit_width(size - 1));
  }
  void AddUsedToRange() {
    used_.assign(kind_.dictionary().size(), 0);
    for (const uint32_t number : numbers_) used_[number] = 1;
    for (size_t i = 0; i < used_.size(); ++i) {
      if (used_[i] != 0) kind_.range().Add(kind_.dictionary().value(i));
    }
  }

  Kind kind_;
  bool by_dictionary_;
  bool chunk_has_dictionary_ = false;
  std::string plain_;              // of the open page, as are the numbers
  std::vector<uint32_t> numbers_;  // in the dictionary
  std::vector<uint8_t> used_;
};

// One bit each, the first lowest; no dictionary.
class BooleanEncoder final : public ValueEncoder {
 public:
  void Put(const arrow::Array& array) override {
    const auto& values = static_cast<const arrow::BooleanArray&>(array);
    for (int64_t i = 0; i < values.length(); ++i) {
      if (values.IsNull(i)) continue;
      const bool value = values.Value(i);
      if (count_ % 8 == 0) bits_ += '\0';
      bits_.back() = static_cast<char>(bits_.back() | (value ? 1 : 0) << (count_ % 8));
      ++count_;
      (value ? page_.any_true : page_.any_false) = true;
    }
  }
  int64_t page_bytes() const override { return static_cast<int64_t>(bits_.size()); }
  int64_t dictionary_bytes() const override { return 0; }
  Encoding::type EndPage(std::string& out, EncodedStatistics& range) override {
    out.append(bits_);
    bits_.clear();
    count_ = 0;
    page_.Store(range);
    chunk_.any_false |= page_.any_false;
    chunk_.any_true |= page_.any_true;
    page_ = {};
    return Encoding::PLAIN;
  }
  void EndChunk(EncodedStatistics& range) override {
    chunk_.Store(range);
    chunk_ = {};
  }

 private:
  struct Range {
    bool any_false = false;
    bool any_true = false;
    void Store(EncodedStatistics& out) const {
      if (!any_false && !any_true) return;
      out.set_min(std::string(1, any_false ? '\0' : '\1'));
      out.set_max(std::string(1, any_true ? '\1' : '\0'));
    }
  };

  std::string bits_;
  uint64_t count_ = 0;
  Range page_;
  Range chunk_;
};

template <typename T>
std::unique_ptr<ValueEncoder> OfNumbers(bool dictionary) {
  return std::make_unique<TypedEncoder<Numbers<T>>>(Numbers<T>(), dictionary);
}

std::unique_ptr<ValueEncoder> OfBytes(int fixed, bool is_signed, bool dictionary) {
  return std::make_unique<TypedEncoder<Bytes>>(Bytes(fixed, is_signed), dictionary);
}

std::unique_ptr<ValueEncoder> OfDecimals(int precision, bool dictionary) {
  if (precision <= 9) return OfNumbers<int32_t>(dictionary);
  if (precision <= 18) return OfNumbers<int64_t>(dictionary);
  return OfBytes(arrow::DecimalType::DecimalSize(precision), true, dictionary);
}

}  // namespace

std::unique_ptr<ValueEncoder> ValueEncoder::Make(const arrow::DataType& type, bool dictionary) {
  switch (type.id()) {
    case arrow::Type::BOOL:
      return std::make_unique<BooleanEncoder>();
    case arrow::Type::INT32:
    case arrow::Type::DATE32:
      return OfNumbers<int32_t>(dictionary);
    case arrow::Type::INT64:
    case arrow::Type::TIME64:
    case arrow::Type::TIMESTAMP:
      return OfNumbers<int64_t>(dictionary);
    case arrow::Type::FLOAT:
      return OfNumbers<float>(dictionary);
    case arrow::Type::DOUBLE:
      return OfNumbers<double>(dictionary);
    case arrow::Type::DECIMAL128:
      return OfDecimals(static_cast<const arrow::Decimal128Type&>(type).precision(), dictionary);
    case arrow::Type::STRING:
    case arrow::Type::BINARY:
      return OfBytes(0, false, dictionary);
    case arrow::Type::FIXED_SIZE_BINARY:
      return OfBytes(static_cast<const arrow::FixedSizeBinaryType&>(type).byte_width(), false,
                     dictionary);
    default:
      break;
  }
  SLUICE_CHECK(false, "{} is no lake type", type.ToString());
  return nullptr;
}

}  // namespace sluice::parquet
