// Whether bytes are UTF-8: a SQL_ASCII database stores and sends whatever it was given.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace sluice::postgres {

bool IsUtf8(std::string_view bytes);

// Copies, and says whether all were ASCII, as most are: one look at each byte serves both. Eight at
// a time, the last eight once more where they are not a multiple.
inline bool CopyAscii(std::string_view bytes, char* to) {
  constexpr uint64_t high_bits = 0x8080808080808080;
  constexpr size_t width = sizeof(uint64_t);
  const char* from = bytes.data();
  const size_t size = bytes.size();
  uint64_t seen = 0;
  const auto copy = [&](size_t at) {
    uint64_t word = 0;
    std::memcpy(&word, from + at, width);
    std::memcpy(to + at, &word, width);
    seen |= word;
  };
  if (size >= width) {
    for (size_t at = 0; at < size - width; at += width) copy(at);
    copy(size - width);
  } else {
    for (size_t at = 0; at < size; ++at) {
      to[at] = from[at];
      seen |= static_cast<uint8_t>(from[at]);
    }
  }
  return (seen & high_bits) == 0;
}

}  // namespace sluice::postgres
