// Parquet's hybrid of runs and packed bits (format: Encodings.md, "RLE / Bit-Packing Hybrid"), the
// form of levels and of dictionary indices.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace sluice::parquet {

// Appends `values`, each below 2^bit_width, bit_width <= 32. T: int16_t or uint32_t.
template <typename T>
void AppendHybrid(std::span<const T> values, int bit_width, std::string& out);

// Appends `count` times the same value, as one run.
void AppendHybridRun(uint32_t value, uint64_t count, int bit_width, std::string& out);

}  // namespace sluice::parquet
