#include "change/visibility.h"

#include <algorithm>
#include <charconv>

namespace sluice {

namespace {
Result<uint64_t> ParseXid(std::string_view text) {
  uint64_t value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed != std::errc() || end != text.data() + text.size()) {
    return MakeError(ErrorKind::kCorrupt, "snapshot holds something that is no transaction id");
  }
  return value;
}

std::string_view TakeUntil(std::string_view& text, char separator) {
  const size_t end = text.find(separator);
  const std::string_view out = text.substr(0, end);
  text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  return out;
}
}  // namespace

bool SnapshotVisibility::Sees(uint64_t xid) const {
  if (xid < xmin) return true;
  if (xid >= xmax) return false;
  return !std::binary_search(in_progress.begin(), in_progress.end(), xid);
}

bool SnapshotVisibility::SeesAllOf(const SnapshotVisibility& other) const {
  for (const uint64_t xid : in_progress) {
    if (other.Sees(xid)) return false;
  }
  for (uint64_t xid = xmax; xid < other.xmax; ++xid) {
    if (other.Sees(xid)) return false;
  }
  return true;
}

uint64_t SnapshotVisibility::Widen(uint32_t xid) const { return WidenXid(xid, xmax); }

uint64_t WidenXid(uint32_t xid, uint64_t reference) {
  constexpr uint64_t kEpoch = uint64_t{1} << 32;
  const uint64_t same = (reference & ~(kEpoch - 1)) | xid;
  if (same > reference && same - reference > kEpoch / 2 && same >= kEpoch) return same - kEpoch;
  if (same < reference && reference - same > kEpoch / 2) return same + kEpoch;
  return same;
}

Result<SnapshotVisibility> ParseSnapshot(std::string_view text) {
  SnapshotVisibility out;
  SLUICE_LET(out.xmin, ParseXid(TakeUntil(text, ':')), "reading xmin of a snapshot");
  SLUICE_LET(out.xmax, ParseXid(TakeUntil(text, ':')), "reading xmax of a snapshot");
  while (!text.empty()) {
    SLUICE_LET(const uint64_t xid, ParseXid(TakeUntil(text, ',')), "reading xip of a snapshot");
    out.in_progress.push_back(xid);
  }
  std::sort(out.in_progress.begin(), out.in_progress.end());
  return out;
}

}  // namespace sluice
