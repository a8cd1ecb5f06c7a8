#include "change/lsn.h"

#include <charconv>

namespace sluice {

namespace {
bool ParseHalf(std::string_view text, uint64_t& out) {
  if (text.empty() || text.size() > 8) return false;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), out, 16);
  return failed == std::errc() && end == text.data() + text.size();
}
}  // namespace

Result<Lsn> ParseLsn(std::string_view text) {
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos) return MakeError(ErrorKind::kCorrupt, "LSN without '/'");
  uint64_t high = 0;
  uint64_t low = 0;
  if (!ParseHalf(text.substr(0, slash), high) || !ParseHalf(text.substr(slash + 1), low)) {
    return MakeError(ErrorKind::kCorrupt, "LSN is not two hexadecimal halves");
  }
  return Lsn{high << 32 | low};
}

std::string ToString(Lsn lsn) {
  return fmt::format("{:X}/{:X}", lsn.value >> 32, lsn.value & 0xFFFFFFFF);
}

}  // namespace sluice
