#include "audit/text_row.h"

#include <xxhash.h>

#include <cstring>

namespace sluice::audit {

namespace {
constexpr uint32_t kNull = UINT32_MAX;

void AppendCell(const std::optional<std::string>& cell, std::string& out) {
  const uint32_t size = cell ? static_cast<uint32_t>(cell->size()) : kNull;
  char head[sizeof(size)];
  std::memcpy(head, &size, sizeof(size));
  out.append(head, sizeof(size));
  if (cell) out += *cell;
}
}  // namespace

std::string EncodeCells(const TextRow& row) {
  std::string out;
  for (const auto& cell : row) AppendCell(cell, out);
  return out;
}

size_t EncodedSize(const TextRow& row) {
  size_t out = 0;
  for (const auto& cell : row) out += sizeof(uint32_t) + (cell ? cell->size() : 0);
  return out;
}

std::string EncodeCells(const TextRow& row, std::span<const int> columns) {
  if (columns.empty()) return EncodeCells(row);
  std::string out;
  for (const int column : columns) AppendCell(row[static_cast<size_t>(column)], out);
  return out;
}

TextRow DecodeCells(std::string_view bytes) {
  TextRow out;
  while (!bytes.empty()) {
    uint32_t size = 0;
    std::memcpy(&size, bytes.data(), sizeof(size));
    bytes.remove_prefix(sizeof(size));
    if (size == kNull) {
      out.emplace_back();
      continue;
    }
    out.emplace_back(bytes.substr(0, size));
    bytes.remove_prefix(size);
  }
  return out;
}

void TrimFraction(std::string& numeric) {
  if (numeric.find('.') == std::string::npos) return;
  while (numeric.back() == '0') numeric.pop_back();
  if (numeric.back() == '.') numeric.pop_back();
}

void Bucket::Add(std::string_view row) {
  const XXH128_hash_t hash = XXH3_128bits(row.data(), row.size());
  ++rows;
  const uint64_t before = sum_low;
  sum_low += hash.low64;
  sum_high += hash.high64 + (sum_low < before ? 1 : 0);
}

size_t BucketOf(std::string_view key) {
  return static_cast<size_t>(XXH3_64bits(key.data(), key.size()) % kBuckets);
}

}  // namespace sluice::audit
