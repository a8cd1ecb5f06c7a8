#include "postgres/values/network.h"

#include <fmt/format.h>

#include <array>
#include <iterator>

#include "base/byte_reader.h"

namespace sluice::postgres {

namespace {

constexpr uint8_t kIpv4 = 2;  // PGSQL_AF_INET
constexpr uint8_t kIpv6 = 3;  // PGSQL_AF_INET6

void AppendIpv4(ByteReader& in, std::string& out) {
  const int a = in.U8(), b = in.U8(), c = in.U8(), d = in.U8();
  fmt::format_to(std::back_inserter(out), "{}.{}.{}.{}", a, b, c, d);
}

struct Run {
  int base = -1;
  int length = 0;
};

// The first longest run of zero words; a single one is not compressed.
Run LongestZeros(const std::array<uint16_t, 8>& words) {
  Run best;
  Run current;
  for (int i = 0; i < 8; ++i) {
    if (words[static_cast<size_t>(i)] != 0) {
      current = Run{};
      continue;
    }
    if (current.base < 0) current.base = i;
    ++current.length;
    if (current.length > best.length) best = current;
  }
  return best.length >= 2 ? best : Run{};
}

// inet_net_ntop_ipv6 shows the last two words as IPv4 in these cases.
bool EndsInIpv4(const Run& zeros, const std::array<uint16_t, 8>& words) {
  if (zeros.base != 0) return false;
  return zeros.length == 6 || (zeros.length == 7 && words[7] != 0x0001) ||
         (zeros.length == 5 && words[5] == 0xFFFF);
}

void AppendIpv6(ByteReader& in, std::string& out) {
  std::array<uint16_t, 8> words{};
  for (uint16_t& word : words) word = in.U16();
  const Run zeros = LongestZeros(words);
  for (int i = 0; i < 8; ++i) {
    if (zeros.base >= 0 && i >= zeros.base && i < zeros.base + zeros.length) {
      if (i == zeros.base) out += ':';
      continue;
    }
    if (i != 0) out += ':';
    if (i == 6 && EndsInIpv4(zeros, words)) {
      fmt::format_to(std::back_inserter(out), "{}.{}.{}.{}", words[6] >> 8, words[6] & 0xFF,
                     words[7] >> 8, words[7] & 0xFF);
      return;
    }
    fmt::format_to(std::back_inserter(out), "{:x}", words[static_cast<size_t>(i)]);
  }
  if (zeros.base >= 0 && zeros.base + zeros.length == 8) out += ':';
}

}  // namespace

Fault InetToText(std::string_view bytes, std::string& out) {
  ByteReader in(bytes);
  const uint8_t family = in.U8();
  const int bits = in.U8();
  const bool cidr = in.U8() != 0;
  const size_t size = in.U8();
  const bool v4 = family == kIpv4;
  const int bits_max = v4 ? 32 : 128;
  if (!in.ok() || (!v4 && family != kIpv6) || bits > bits_max || size != (v4 ? 4U : 16U) ||
      in.remaining() != size) {
    return Fault::kMalformed;
  }
  if (v4) {
    AppendIpv4(in, out);
  } else {
    AppendIpv6(in, out);
  }
  if (cidr || bits != bits_max) fmt::format_to(std::back_inserter(out), "/{}", bits);
  return Fault::kNone;
}

Fault MacaddrToText(std::string_view bytes, std::string& out) {
  if (bytes.size() != 6 && bytes.size() != 8) return Fault::kMalformed;
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (i != 0) out += ':';
    fmt::format_to(std::back_inserter(out), "{:02x}", static_cast<uint8_t>(bytes[i]));
  }
  return Fault::kNone;
}

}  // namespace sluice::postgres
