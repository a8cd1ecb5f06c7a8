#include "service/address.h"

#include <charconv>

namespace sluice::service {

std::optional<Address> ParseAddress(const std::string& text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string::npos || colon == 0) return std::nullopt;
  Address out{text.substr(0, colon), 0};
  const char* const end = text.data() + text.size();
  const auto [last, failed] = std::from_chars(text.data() + colon + 1, end, out.port);
  if (failed != std::errc() || last != end || out.port < 1 || out.port > 65535) return std::nullopt;
  return out;
}

}  // namespace sluice::service
