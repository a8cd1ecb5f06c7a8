// Values of fixed width. A codec reads the two forms of one Postgres type; the decoder around it
// is the same for all.
#include <arrow/type.h>

#include <array>
#include <bit>
#include <charconv>
#include <cstring>
#include <limits>

#include "base/byte_reader.h"
#include "postgres/value_decoder_internal.h"
#include "postgres/values/column_buffer.h"
#include "postgres/values/numeric.h"
#include "postgres/values/temporal.h"
#include "postgres/values/to_text.h"

namespace sluice::postgres {

namespace {

template <typename Codec, typename Buffer = FixedColumn<typename Codec::Value>>
class ScalarDecoder final : public ValueDecoder {
 public:
  ScalarDecoder(const DecoderSpec& spec, Codec codec)
      : codec_(codec), buffer_(spec.lake, spec.pool), refusal_(spec.refusal) {}

  Fault TakeBinary(std::string_view bytes) override {
    typename Codec::Value value{};
    const Fault fault = codec_.Binary(bytes, value);
    if (fault != Fault::kNone) [[unlikely]]
      return fault;
    return buffer_.Append(value);
  }
  Fault TakeBinaryColumn(const WireColumn& column) override {
    return TakeEach(
        column, [&](std::string_view bytes) { return ScalarDecoder::TakeBinary(bytes); },
        [&] { return buffer_.Null(); });
  }
  Fault TakeText(std::string_view text) override {
    typename Codec::Value value{};
    const Fault fault = codec_.Text(text, value);
    return fault == Fault::kNone ? buffer_.Append(value) : fault;
  }
  Fault TakeNull() override { return buffer_.Null(); }
  Error Refuse(Fault fault, Form form) const override { return refusal_(fault, form); }
  int64_t length() const override { return buffer_.length(); }
  int64_t bytes() const override { return buffer_.bytes(); }
  Result<std::shared_ptr<arrow::Array>> Finish() override { return buffer_.Finish(); }

 private:
  Codec codec_;
  Buffer buffer_;
  Refusal refusal_;
};

template <typename T>
bool LoadBig(std::string_view bytes, T& out) {
  if (bytes.size() != sizeof(T)) return false;
  std::memcpy(&out, bytes.data(), sizeof(T));
  if constexpr (sizeof(T) == 2) out = static_cast<T>(__builtin_bswap16(static_cast<uint16_t>(out)));
  if constexpr (sizeof(T) == 4) out = static_cast<T>(__builtin_bswap32(static_cast<uint32_t>(out)));
  if constexpr (sizeof(T) == 8) out = static_cast<T>(__builtin_bswap64(static_cast<uint64_t>(out)));
  return true;
}

struct BoolCodec {
  using Value = bool;
  static Fault Binary(std::string_view bytes, bool& out) {
    if (bytes.size() != 1) return Fault::kMalformed;
    out = bytes[0] != 0;
    return Fault::kNone;
  }
  static Fault Text(std::string_view text, bool& out) {
    out = text == "t";
    return out || text == "f" ? Fault::kNone : Fault::kMalformed;
  }
};

struct OneBitCodec {
  using Value = bool;
  static Fault Binary(std::string_view bytes, bool& out) {
    ByteReader in(bytes);
    const int32_t bits = in.I32();
    const uint8_t packed = in.U8();
    if (!in.done() || bits != 1) return Fault::kMalformed;
    out = (packed & 0x80) != 0;
    return Fault::kNone;
  }
  static Fault Text(std::string_view text, bool& out) {
    out = text == "1";
    return out || text == "0" ? Fault::kNone : Fault::kMalformed;
  }
};

template <typename Wire, typename Lake>
struct IntegerCodec {
  using Value = Lake;
  static Fault Binary(std::string_view bytes, Lake& out) {
    Wire wire{};
    if (!LoadBig(bytes, wire)) return Fault::kMalformed;
    out = Lake{wire};
    return Fault::kNone;
  }
  static Fault Text(std::string_view text, Lake& out) {
    Wire wire{};
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), wire);
    if (failed != std::errc() || end != text.data() + text.size()) return Fault::kMalformed;
    out = Lake{wire};
    return Fault::kNone;
  }
};

template <typename Wire, typename Lake>
struct FloatCodec {
  using Value = Lake;
  using Bits = std::conditional_t<sizeof(Wire) == 4, uint32_t, uint64_t>;
  static Fault Binary(std::string_view bytes, Lake& out) {
    Bits bits{};
    if (!LoadBig(bytes, bits)) return Fault::kMalformed;
    out = Lake{std::bit_cast<Wire>(bits)};
    return Fault::kNone;
  }
  static Fault Text(std::string_view text, Lake& out) {
    if (text == "NaN") {
      out = std::numeric_limits<Lake>::quiet_NaN();
      return Fault::kNone;
    }
    if (text == "Infinity" || text == "-Infinity") {
      out = std::numeric_limits<Lake>::infinity() * (text[0] == '-' ? Lake{-1} : Lake{1});
      return Fault::kNone;
    }
    Wire wire{};
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), wire);
    if (failed != std::errc() || end != text.data() + text.size()) return Fault::kMalformed;
    out = Lake{wire};
    return Fault::kNone;
  }
};

// 16 bytes, little end first: Arrow's decimal128.
struct Wide {
  uint64_t low;
  uint64_t high;
  explicit Wide(Int128 value = 0)
      : low(static_cast<uint64_t>(value)), high(static_cast<uint64_t>(value >> 64)) {}
};

struct NumericCodec {
  using Value = Wide;
  DecimalReader reader;
  Fault Binary(std::string_view bytes, Wide& out) const {
    Int128 value = 0;
    const Fault fault = reader.Binary(bytes, value);
    out = Wide(value);
    return fault;
  }
  Fault Text(std::string_view text, Wide& out) const {
    Int128 value = 0;
    const Fault fault = reader.Text(text, value);
    out = Wide(value);
    return fault;
  }
};

struct MoneyCodec {
  using Value = Wide;
  DecimalReader reader;
  int digits;
  Fault Binary(std::string_view bytes, Wide& out) const {
    int64_t minor = 0;
    if (!LoadBig(bytes, minor)) return Fault::kMalformed;
    return Take(minor, out);
  }
  // "$1,234.50", "-$0.05", "($1.00)": symbols and groups are the locale's, but the digits are all
  // there and a negative amount has a minus sign or a parenthesis.
  Fault Text(std::string_view text, Wide& out) const {
    int64_t minor = 0;
    bool any = false;
    const bool negative = text.find_first_of("-(") != std::string_view::npos;
    for (const char c : text) {
      if (c < '0' || c > '9') continue;
      any = true;
      const int digit = negative ? '0' - c : c - '0';
      if (__builtin_mul_overflow(minor, 10, &minor) ||
          __builtin_add_overflow(minor, digit, &minor)) {
        return Fault::kMalformed;
      }
    }
    return any ? Take(minor, out) : Fault::kMalformed;
  }
  Fault Take(int64_t minor, Wide& out) const {
    Int128 value = 0;
    const Fault fault = reader.Minor(minor, digits, value);
    out = Wide(value);
    return fault;
  }
};

struct DateCodec {
  using Value = int32_t;
  static Fault Binary(std::string_view bytes, int32_t& out) { return DateFromBinary(bytes, out); }
  static Fault Text(std::string_view text, int32_t& out) { return DateFromText(text, out); }
};

struct TimeCodec {
  using Value = int64_t;
  static Fault Binary(std::string_view bytes, int64_t& out) { return TimeFromBinary(bytes, out); }
  static Fault Text(std::string_view text, int64_t& out) { return TimeFromText(text, out); }
};

template <bool kZoned>
struct TimestampCodec {
  using Value = int64_t;
  static Fault Binary(std::string_view bytes, int64_t& out) {
    return TimestampFromBinary(bytes, out);
  }
  static Fault Text(std::string_view text, int64_t& out) {
    return TimestampFromText(text, kZoned, out);
  }
};

struct UuidCodec {
  struct Value {
    char bytes[16];
  };
  static Fault Binary(std::string_view bytes, Value& out) {
    if (bytes.size() != sizeof(out.bytes)) return Fault::kMalformed;
    std::memcpy(out.bytes, bytes.data(), sizeof(out.bytes));
    return Fault::kNone;
  }
  static Fault Text(std::string_view text, Value& out) { return UuidFromText(text, out.bytes); }
};

template <typename Codec>
std::unique_ptr<ValueDecoder> Fixed(const DecoderSpec& spec, Codec codec = {}) {
  return std::make_unique<ScalarDecoder<Codec>>(spec, codec);
}

template <typename Codec>
std::unique_ptr<ValueDecoder> Bits(const DecoderSpec& spec) {
  return std::make_unique<ScalarDecoder<Codec, BoolColumn>>(spec, Codec{});
}

std::unique_ptr<ValueDecoder> MakeDecimal(Family family, const DecoderSpec& spec) {
  const auto& type = static_cast<const arrow::Decimal128Type&>(*spec.lake);
  const DecimalReader reader(type.precision(), type.scale());
  if (family == Family::kNumeric) return Fixed(spec, NumericCodec{reader});
  if (family == Family::kMoney) return Fixed(spec, MoneyCodec{reader, spec.source.money_digits});
  return nullptr;
}

std::unique_ptr<ValueDecoder> MakeBoolean(Family family, const DecoderSpec& spec) {
  if (family == Family::kBool) return Bits<BoolCodec>(spec);
  return family == Family::kBit ? Bits<OneBitCodec>(spec) : nullptr;
}

std::unique_ptr<ValueDecoder> MakeInt(Family family, const DecoderSpec& spec) {
  if (family == Family::kInt4) return Fixed<IntegerCodec<int32_t, int32_t>>(spec);
  return family == Family::kInt2 ? Fixed<IntegerCodec<int16_t, int32_t>>(spec) : nullptr;
}

std::unique_ptr<ValueDecoder> MakeDouble(Family family, const DecoderSpec& spec) {
  if (family == Family::kFloat8) return Fixed<FloatCodec<double, double>>(spec);
  return family == Family::kFloat4 ? Fixed<FloatCodec<float, double>>(spec) : nullptr;
}

std::unique_ptr<ValueDecoder> MakeLong(Family family, const DecoderSpec& spec) {
  if (family == Family::kInt8) return Fixed<IntegerCodec<int64_t, int64_t>>(spec);
  if (family == Family::kInt4) return Fixed<IntegerCodec<int32_t, int64_t>>(spec);
  if (family == Family::kInt2) return Fixed<IntegerCodec<int16_t, int64_t>>(spec);
  if (family == Family::kUint32) return Fixed<IntegerCodec<uint32_t, int64_t>>(spec);
  return nullptr;
}

std::unique_ptr<ValueDecoder> MakeTimestamp(Family family, const DecoderSpec& spec) {
  const bool zoned = !static_cast<const arrow::TimestampType&>(*spec.lake).timezone().empty();
  if (family == Family::kTimestamp && !zoned) return Fixed<TimestampCodec<false>>(spec);
  if (family == Family::kTimestampTz && zoned) return Fixed<TimestampCodec<true>>(spec);
  return nullptr;
}

}  // namespace

std::unique_ptr<ValueDecoder> MakeScalarDecoder(Family family, const DecoderSpec& spec) {
  switch (spec.lake->id()) {
    case arrow::Type::BOOL:
      return MakeBoolean(family, spec);
    case arrow::Type::INT32:
      return MakeInt(family, spec);
    case arrow::Type::INT64:
      return MakeLong(family, spec);
    case arrow::Type::FLOAT:
      return family == Family::kFloat4 ? Fixed<FloatCodec<float, float>>(spec) : nullptr;
    case arrow::Type::DOUBLE:
      return MakeDouble(family, spec);
    case arrow::Type::DECIMAL128:
      return MakeDecimal(family, spec);
    case arrow::Type::DATE32:
      return family == Family::kDate ? Fixed<DateCodec>(spec) : nullptr;
    case arrow::Type::TIME64:
      return family == Family::kTime ? Fixed<TimeCodec>(spec) : nullptr;
    case arrow::Type::TIMESTAMP:
      return MakeTimestamp(family, spec);
    case arrow::Type::FIXED_SIZE_BINARY:
      return family == Family::kUuid ? Fixed<UuidCodec>(spec) : nullptr;
    default:
      return nullptr;
  }
}

}  // namespace sluice::postgres
