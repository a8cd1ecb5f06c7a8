#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <numeric>

#include "cli/config.h"

namespace sluice::cli {

namespace {

struct Unit {
  std::string_view name;
  uint64_t factor;
};

constexpr std::array<Unit, 6> kDurations = {{{"us", 1},
                                             {"ms", 1'000},
                                             {"s", 1'000'000},
                                             {"m", 60'000'000},
                                             {"h", 3'600'000'000},
                                             {"d", 86'400'000'000}}};
constexpr std::array<Unit, 9> kSizes = {{{"B", 1},
                                         {"KiB", 1ULL << 10},
                                         {"MiB", 1ULL << 20},
                                         {"GiB", 1ULL << 30},
                                         {"TiB", 1ULL << 40},
                                         {"KB", 1'000},
                                         {"MB", 1'000'000},
                                         {"GB", 1'000'000'000},
                                         {"TB", 1'000'000'000'000}}};

template <size_t kCount>
Result<uint64_t> ParseQuantity(std::string_view text, const std::array<Unit, kCount>& units,
                               std::string_view what, std::string_view example) {
  uint64_t number = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view unit(end, static_cast<size_t>(text.data() + text.size() - end));
  const auto* found =
      std::find_if(units.begin(), units.end(), [&](const Unit& one) { return one.name == unit; });
  const uint64_t limit = static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
  if (failed != std::errc() || found == units.end() || number > limit / found->factor) {
    return MakeError(ErrorKind::kConfig, "'{}' is no {}", text, what)
        .WithHint(fmt::format("write a whole number and a unit: {}", example));
  }
  return number * found->factor;
}

size_t EditDistance(const std::string& a, const std::string& b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t substituted = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
    }
  }
  return row[b.size()];
}

}  // namespace

Result<int64_t> ParseDuration(std::string_view text) {
  SLUICE_LET(const uint64_t micros, ParseQuantity(text, kDurations, "duration", "10s, 250ms, 72h"));
  return static_cast<int64_t>(micros);
}

Result<uint64_t> ParseSize(std::string_view text) {
  return ParseQuantity(text, kSizes, "size", "512MiB, 50GiB");
}

std::string NearestKey(const std::string& key, const std::vector<std::string>& valid) {
  std::string best;
  size_t distance = key.size() / 2 + 2;
  for (const std::string& candidate : valid) {
    const size_t one = EditDistance(key, candidate);
    if (one < distance) {
      distance = one;
      best = candidate;
    }
  }
  return best;
}

std::string MaskPassword(const std::string& url) {
  std::string out = url;
  const size_t scheme = out.find("://");
  const size_t at = out.find('@');
  if (scheme != std::string::npos && at != std::string::npos) {
    const size_t colon = out.find(':', scheme + 3);
    if (colon != std::string::npos && colon < at) out.replace(colon + 1, at - colon - 1, "***");
  }
  const size_t word = out.find("password=");
  if (word != std::string::npos) {
    const size_t start = word + 9;
    const bool quoted = start < out.size() && out[start] == '\'';
    const size_t end = quoted ? out.find('\'', start + 1) : out.find_first_of(" &", start);
    out.replace(start, end == std::string::npos ? end : end - start + (quoted ? 1 : 0), "***");
  }
  return out;
}

}  // namespace sluice::cli
