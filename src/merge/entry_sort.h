// Index entries in the order of a run: by the upper 48 bits of the fingerprint, then by place.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "merge/key_index.h"

namespace sluice::merge {

// Every piece is written to at another place: more of them at once cost more in misses of the
// processor's translation buffers than they save in passes.
constexpr int kDealBitsMax = 8;
// Where in the output each piece ends.
using PieceEnds = std::array<uint32_t, (1 << kDealBitsMax) + 1>;

// Copies entries, all of whose fingerprints have the same `known_bits` upper bits, to `out`, which
// is as large, dealt out by the `bits` (1 to kDealBitsMax) below.
PieceEnds DealOut(std::span<const IndexEntry> entries, std::span<IndexEntry> out, int known_bits,
                  int bits);

// Sorts such entries. `scratch` is as large.
void SortForRun(std::span<IndexEntry> entries, std::span<IndexEntry> scratch, int known_bits);

}  // namespace sluice::merge
