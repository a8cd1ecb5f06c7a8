#include "postgres/values/to_text.h"

#include <fmt/format.h>

#include <bit>
#include <iterator>

#include "base/byte_reader.h"
#include "postgres/values/float_text.h"
#include "postgres/values/network.h"
#include "postgres/values/numeric.h"
#include "postgres/values/temporal_text.h"

namespace sluice::postgres {

namespace {

template <typename... Args>
Fault Print(const ByteReader& in, std::string& out, fmt::format_string<Args...> format,
            Args&&... args) {
  if (!in.done()) return Fault::kMalformed;
  fmt::format_to(std::back_inserter(out), format, std::forward<Args>(args)...);
  return Fault::kNone;
}

Fault BoolToText(std::string_view bytes, std::string& out) {
  if (bytes.size() != 1) return Fault::kMalformed;
  out += bytes[0] != 0 ? 't' : 'f';
  return Fault::kNone;
}

template <typename Wire, auto Read>
Fault IntegerToText(std::string_view bytes, std::string& out) {
  ByteReader in(bytes);
  const Wire value = (in.*Read)();
  return Print(in, out, "{}", value);
}

Fault Float4ToText(std::string_view bytes, std::string& out) {
  ByteReader in(bytes);
  const uint32_t bits = in.U32();
  if (!in.done()) return Fault::kMalformed;
  AppendFloat4(std::bit_cast<float>(bits), out);
  return Fault::kNone;
}

Fault Float8ToText(std::string_view bytes, std::string& out) {
  ByteReader in(bytes);
  const uint64_t bits = in.U64();
  if (!in.done()) return Fault::kMalformed;
  AppendFloat8(std::bit_cast<double>(bits), out);
  return Fault::kNone;
}

Fault PlainText(std::string_view bytes, std::string& out) {
  out += bytes;
  return Fault::kNone;
}

Fault VersionedToText(std::string_view bytes, std::string& out) {
  if (!bytes.starts_with('\x01')) return Fault::kMalformed;
  out += bytes.substr(1);
  return Fault::kNone;
}

constexpr char kHex[] = "0123456789abcdef";

void AppendHex(std::string_view bytes, std::string& out) {
  for (const char c : bytes) {
    const auto byte = static_cast<uint8_t>(c);
    out += kHex[byte >> 4];
    out += kHex[byte & 0xF];
  }
}

Fault ByteaToText(std::string_view bytes, std::string& out) {
  out.reserve(out.size() + 2 + 2 * bytes.size());
  out += "\\x";
  AppendHex(bytes, out);
  return Fault::kNone;
}

Fault UuidToText(std::string_view bytes, std::string& out) {
  if (bytes.size() != 16) return Fault::kMalformed;
  size_t at = 0;
  for (const size_t size : {4U, 2U, 2U, 2U, 6U}) {
    if (at != 0) out += '-';
    AppendHex(bytes.substr(at, size), out);
    at += size;
  }
  return Fault::kNone;
}

Fault BitToText(std::string_view bytes, std::string& out) {
  ByteReader in(bytes);
  const int32_t bits = in.I32();
  if (!in.ok() || bits < 0 || in.remaining() != (static_cast<size_t>(bits) + 7) / 8) {
    return Fault::kMalformed;
  }
  const std::string_view packed = bytes.substr(in.position());
  out.reserve(out.size() + static_cast<size_t>(bits));
  for (size_t i = 0; i < static_cast<size_t>(bits); ++i) {
    out += (static_cast<uint8_t>(packed[i / 8]) >> (7 - i % 8) & 1) != 0 ? '1' : '0';
  }
  return Fault::kNone;
}

Fault PgLsnToText(std::string_view bytes, std::string& out) {
  ByteReader in(bytes);
  const uint32_t high = in.U32();
  const uint32_t low = in.U32();
  return Print(in, out, "{:X}/{:X}", high, low);
}

Fault TidToText(std::string_view bytes, std::string& out) {
  ByteReader in(bytes);
  const uint32_t block = in.U32();
  const uint16_t offset = in.U16();
  return Print(in, out, "({},{})", block, offset);
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// One byte out of two digits; -1 when they are none.
int HexByte(std::string_view text, size_t at) {
  if (at + 2 > text.size()) return -1;
  const int high = HexDigit(text[at]);
  const int low = HexDigit(text[at + 1]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

}  // namespace

Fault CharByteToText(std::string_view bytes, std::string& out) {
  if (bytes.size() > 1) return Fault::kMalformed;
  const auto byte = bytes.empty() ? uint8_t{0} : static_cast<uint8_t>(bytes[0]);
  if (byte >= 0x80) {
    fmt::format_to(std::back_inserter(out), "\\{:03o}", byte);
  } else if (byte != 0) {
    out += bytes[0];
  }
  return Fault::kNone;
}

Fault UuidFromText(std::string_view text, char (&out)[16]) {
  if (text.size() != 36) return Fault::kMalformed;
  size_t at = 0;
  for (size_t i = 0; i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) {
      if (text[at++] != '-') return Fault::kMalformed;
    }
    const int byte = HexByte(text, at);
    if (byte < 0) return Fault::kMalformed;
    out[i] = static_cast<char>(byte);
    at += 2;
  }
  return Fault::kNone;
}

Fault ByteaFromText(std::string_view text, std::string& out) {
  if (!text.starts_with("\\x") || text.size() % 2 != 0) return Fault::kMalformed;
  out.reserve(out.size() + text.size() / 2);
  for (size_t at = 2; at < text.size(); at += 2) {
    const int byte = HexByte(text, at);
    if (byte < 0) return Fault::kMalformed;
    out += static_cast<char>(byte);
  }
  return Fault::kNone;
}

ToText ToTextOf(Family family) {
  switch (family) {
    case Family::kBool:
      return BoolToText;
    case Family::kInt2:
      return IntegerToText<int16_t, &ByteReader::I16>;
    case Family::kInt4:
      return IntegerToText<int32_t, &ByteReader::I32>;
    case Family::kInt8:
      return IntegerToText<int64_t, &ByteReader::I64>;
    case Family::kUint32:
      return IntegerToText<uint32_t, &ByteReader::U32>;
    case Family::kFloat4:
      return Float4ToText;
    case Family::kFloat8:
      return Float8ToText;
    case Family::kNumeric:
      return NumericToText;
    case Family::kText:
      return PlainText;
    case Family::kVersionedText:
      return VersionedToText;
    case Family::kCharByte:
      return CharByteToText;
    case Family::kBytea:
      return ByteaToText;
    case Family::kDate:
      return DateToText;
    case Family::kTime:
      return TimeToText;
    case Family::kTimeTz:
      return TimeTzToText;
    case Family::kTimestamp:
      return TimestampToText;
    case Family::kTimestampTz:
      return TimestampTzToText;
    case Family::kInterval:
      return IntervalToText;
    case Family::kUuid:
      return UuidToText;
    case Family::kInet:
      return InetToText;
    case Family::kMacaddr:
      return MacaddrToText;
    case Family::kBit:
      return BitToText;
    case Family::kPgLsn:
      return PgLsnToText;
    case Family::kXid8:
      return IntegerToText<uint64_t, &ByteReader::U64>;
    case Family::kTid:
      return TidToText;
    case Family::kMoney:  // its text depends on the server's locale
    case Family::kArray:
    case Family::kOther:
      return nullptr;
  }
  return nullptr;
}

}  // namespace sluice::postgres
