// A row as text, a cell a column: what both sides of an audit are brought to.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::audit {

// Nothing is a null.
using TextRow = std::vector<std::optional<std::string>>;

// Cells with their lengths, so that different rows never make the same bytes.
std::string EncodeCells(const TextRow& row);
size_t EncodedSize(const TextRow& row);
// Only those columns; all of them when `columns` is empty (a table without a key).
std::string EncodeCells(const TextRow& row, std::span<const int> columns);
TextRow DecodeCells(std::string_view bytes);

// A numeric's text without zeros at the end of its fraction: scale is no difference of value.
void TrimFraction(std::string& numeric);

// Sums of hashes are equal, but for chance, only if the rows are, in whatever order.
struct Bucket {
  uint64_t rows = 0;
  uint64_t sum_low = 0;
  uint64_t sum_high = 0;
  void Add(std::string_view row);
  friend bool operator==(const Bucket&, const Bucket&) = default;
};

inline constexpr size_t kBuckets = 4096;
size_t BucketOf(std::string_view key);

}  // namespace sluice::audit
