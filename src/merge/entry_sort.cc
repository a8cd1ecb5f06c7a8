#include "merge/entry_sort.h"

#include <algorithm>
#include <bit>
#include <numeric>
#include <tuple>

#include "merge/index_run.h"

namespace sluice::merge {

namespace {

constexpr auto kEntryLess = [](const IndexEntry& a, const IndexEntry& b) {
  const Fingerprint first = a.fingerprint >> kRunFingerprintDrop;
  const Fingerprint second = b.fingerprint >> kRunFingerprintDrop;
  if (first != second) return first < second;
  return std::tie(a.at.file, a.at.row) < std::tie(b.at.file, b.at.row);
};

}  // namespace

PieceEnds DealOut(std::span<const IndexEntry> entries, std::span<IndexEntry> out, int known_bits,
                  int bits) {
  const auto piece_of = [bits, known_bits](const IndexEntry& entry) {
    return entry.fingerprint << known_bits >> (64 - bits);
  };
  PieceEnds ends{};
  for (const IndexEntry& entry : entries) ++ends[piece_of(entry) + 1];
  std::partial_sum(ends.begin(), ends.end(), ends.begin());
  for (const IndexEntry& entry : entries) out[ends[piece_of(entry)]++] = entry;
  return ends;
}

// Fingerprints are hashes: dealt out they soon lie in pieces of a few entries.
void SortForRun(std::span<IndexEntry> entries, std::span<IndexEntry> scratch, int known_bits) {
  constexpr size_t kEntriesPerPiece = 16;
  const int bits_left = 64 - kRunFingerprintDrop - known_bits;
  if (entries.size() <= 2 * kEntriesPerPiece || bits_left == 0) {
    std::sort(entries.begin(), entries.end(), kEntryLess);
    return;
  }
  const int wanted = static_cast<int>(std::bit_width(entries.size() / kEntriesPerPiece));
  const int bits = std::min({wanted, kDealBitsMax, bits_left});
  const PieceEnds ends = DealOut(entries, scratch, known_bits, bits);
  for (size_t piece = 0, begin = 0; piece < size_t{1} << bits; begin = ends[piece++]) {
    const size_t size = ends[piece] - begin;
    SortForRun(scratch.subspan(begin, size), entries.subspan(begin, size), known_bits + bits);
  }
  std::copy_n(scratch.begin(), entries.size(), entries.begin());
}

}  // namespace sluice::merge
