// Whether bytes are UTF-8: a SQL_ASCII database stores and sends whatever it was given.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace sluice::postgres {

// The slow way, any bytes.
bool IsUtf8Checked(std::string_view bytes);

inline bool IsUtf8(std::string_view bytes) {
  constexpr uint64_t high_bits = 0x8080808080808080;
  const char* at = bytes.data();
  size_t left = bytes.size();
  uint64_t seen = 0;
  for (; left >= sizeof(uint64_t); at += sizeof(uint64_t), left -= sizeof(uint64_t)) {
    uint64_t word = 0;
    std::memcpy(&word, at, sizeof(word));
    seen |= word;
  }
  for (; left > 0; ++at, --left) seen |= static_cast<uint8_t>(*at);
  return (seen & high_bits) == 0 || IsUtf8Checked(bytes);
}

}  // namespace sluice::postgres
