// Bounds of a column as Iceberg's single-value form (spec, Appendix D), by the rules of Java's
// MetricsConfig `truncate(16)`. An absent bound says nothing; a wrong one hides rows.
#pragma once

#include <arrow/type_fwd.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace sluice::parquet {

inline constexpr int kBoundLengthMax = 16;  // code points of a string, bytes of a binary

using Bound = std::optional<std::string>;

std::string BooleanBound(bool value);  // 1 byte
std::string IntBound(int32_t value);   // int, date: 4 bytes, little-endian
std::string LongBound(int64_t value);  // long, time, timestamp, timestamptz: 8 bytes
std::string DecimalBound(const arrow::Decimal128& unscaled);  // minimal big-endian
// The same from a two's complement number of any width, big-endian.
std::string DecimalBoundFromBigEndian(std::string_view unscaled);

// Zero counts as -0.0 below and +0.0 above, so that a file with either is found by both.
// Absent for NaN.
Bound FloatLower(float min);
Bound FloatUpper(float max);
Bound DoubleLower(double min);
Bound DoubleUpper(double max);

// Absent when the bytes to be cut are not UTF-8; the upper one also when no string of 16 code
// points is greater.
Bound StringLower(std::string_view min);
Bound StringUpper(std::string_view max);
std::string BinaryLower(std::string_view min);
Bound BinaryUpper(std::string_view max);

// 16 bytes each, big-endian, from the smallest and greatest by bytes. Iceberg's Java before 1.11
// compares the two halves as signed numbers (apache/iceberg#14216) and would skip files by plain
// bounds; these hold in both orders, and are absent where none can: then values of both signs are
// there, as with random uuids, whose bounds would exclude nothing anyway.
std::pair<Bound, Bound> UuidBounds(std::string_view min, std::string_view max);

}  // namespace sluice::parquet
