#include "parquet/footer_statistics.h"

#include <arrow/type.h>
#include <parquet/statistics.h>

#include <algorithm>
#include <cstring>

#include "parquet/bounds.h"

namespace sluice::parquet {

namespace {

template <typename T>
T Load(std::string_view bytes) {
  T value{};
  SLUICE_CHECK(bytes.size() == sizeof(T), "statistics of {} bytes", bytes.size());
  std::memcpy(&value, bytes.data(), sizeof(T));
  return value;
}

enum class Order : uint8_t { kInt32, kInt64, kFloat, kDouble, kBytes, kSignedBytes };

Order OrderOf(const arrow::DataType& type) {
  switch (type.id()) {
    case arrow::Type::INT32:
    case arrow::Type::DATE32:
      return Order::kInt32;
    case arrow::Type::INT64:
    case arrow::Type::TIME64:
    case arrow::Type::TIMESTAMP:
      return Order::kInt64;
    case arrow::Type::FLOAT:
      return Order::kFloat;
    case arrow::Type::DOUBLE:
      return Order::kDouble;
    case arrow::Type::DECIMAL128: {
      const int precision = static_cast<const arrow::Decimal128Type&>(type).precision();
      return precision <= 9 ? Order::kInt32 : precision <= 18 ? Order::kInt64 : Order::kSignedBytes;
    }
    default:
      return Order::kBytes;  // boolean too: one byte
  }
}

bool SignedBytesLess(std::string_view a, std::string_view b) {
  const auto first_a = static_cast<signed char>(a.empty() ? 0 : a[0]);
  const auto first_b = static_cast<signed char>(b.empty() ? 0 : b[0]);
  return first_a != first_b ? first_a < first_b : a < b;
}

bool Less(Order order, std::string_view a, std::string_view b) {
  switch (order) {
    case Order::kInt32:
      return Load<int32_t>(a) < Load<int32_t>(b);
    case Order::kInt64:
      return Load<int64_t>(a) < Load<int64_t>(b);
    case Order::kFloat:
      return Load<float>(a) < Load<float>(b);
    case Order::kDouble:
      return Load<double>(a) < Load<double>(b);
    case Order::kSignedBytes:
      return SignedBytesLess(a, b);
    case Order::kBytes:
      break;
  }
  return a < b;  // std::string_view compares as unsigned bytes
}

// The file's smallest and greatest value as Parquet stores them.
struct Extremes {
  std::optional<std::string> min;
  std::optional<std::string> max;
};

Extremes ExtremesOf(const ::parquet::FileMetaData& footer, int leaf, Order order,
                    const std::vector<int64_t>& ordered) {
  Extremes found;
  bool min_known = true;
  bool max_known = true;
  for (int group = 0; group < footer.num_row_groups(); ++group) {
    if (ordered[static_cast<size_t>(group)] == 0) continue;
    const auto chunk = footer.RowGroup(group)->ColumnChunk(leaf);
    const auto statistics = chunk->encoded_statistics();
    min_known &= statistics != nullptr && statistics->has_min;
    max_known &= statistics != nullptr && statistics->has_max;
    if (min_known && (!found.min || Less(order, statistics->min(), *found.min))) {
      found.min = statistics->min();
    }
    if (max_known && (!found.max || Less(order, *found.max, statistics->max()))) {
      found.max = statistics->max();
    }
  }
  if (!min_known) found.min.reset();
  if (!max_known) found.max.reset();
  return found;
}

template <typename Function>
Bound Map(const std::optional<std::string>& value, const Function& function) {
  if (!value) return std::nullopt;
  return function(std::string_view(*value));
}

std::string DecimalBoundOf(std::string_view stored, Order order) {
  if (order == Order::kSignedBytes) return DecimalBoundFromBigEndian(stored);
  return DecimalBoundFromBigEndian(std::string(stored.rbegin(), stored.rend()));  // little-endian
}

std::pair<Bound, Bound> BoundsOf(const arrow::DataType& type, Order order, const Extremes& values) {
  switch (type.id()) {
    case arrow::Type::FLOAT:
      return {Map(values.min, [](std::string_view v) { return FloatLower(Load<float>(v)); }),
              Map(values.max, [](std::string_view v) { return FloatUpper(Load<float>(v)); })};
    case arrow::Type::DOUBLE:
      return {Map(values.min, [](std::string_view v) { return DoubleLower(Load<double>(v)); }),
              Map(values.max, [](std::string_view v) { return DoubleUpper(Load<double>(v)); })};
    case arrow::Type::STRING:
      return {Map(values.min, StringLower), Map(values.max, StringUpper)};
    case arrow::Type::BINARY:
      return {Map(values.min, BinaryLower), Map(values.max, BinaryUpper)};
    case arrow::Type::FIXED_SIZE_BINARY:
      if (!values.min || !values.max) return {};
      return UuidBounds(*values.min, *values.max);
    case arrow::Type::DECIMAL128: {
      const auto decimal = [order](std::string_view v) { return DecimalBoundOf(v, order); };
      return {Map(values.min, decimal), Map(values.max, decimal)};
    }
    default:
      return {values.min, values.max};  // Parquet's plain form of these is Iceberg's
  }
}

}  // namespace

std::vector<ColumnStatistics> StatisticsFromFooter(const ::parquet::FileMetaData& footer,
                                                   const std::vector<Leaf>& leaves,
                                                   const std::vector<ColumnCounts>& counts) {
  std::vector<ColumnStatistics> columns;
  for (size_t i = 0; i < leaves.size(); ++i) {
    const Leaf& leaf = leaves[i];
    if (leaf.in_list()) continue;
    ColumnStatistics column;
    column.field_id = leaf.field_id;
    column.size_bytes = ColumnBytes(footer, static_cast<int>(i));
    column.value_count = footer.num_rows();
    column.null_count = counts[i].nulls;
    const Order order = OrderOf(*leaf.type);
    if (order == Order::kFloat || order == Order::kDouble) column.nan_count = counts[i].nans;
    const Extremes extremes = ExtremesOf(footer, static_cast<int>(i), order, counts[i].ordered);
    std::tie(column.lower, column.upper) = BoundsOf(*leaf.type, order, extremes);
    columns.push_back(std::move(column));
  }
  std::sort(columns.begin(), columns.end(),
            [](const auto& a, const auto& b) { return a.field_id < b.field_id; });
  return columns;
}

std::vector<int64_t> SplitOffsets(const ::parquet::FileMetaData& footer) {
  std::vector<int64_t> offsets;
  for (int group = 0; group < footer.num_row_groups(); ++group) {
    const auto chunk = footer.RowGroup(group)->ColumnChunk(0);
    int64_t first = chunk->data_page_offset();
    if (chunk->has_dictionary_page()) first = std::min(first, chunk->dictionary_page_offset());
    offsets.push_back(first);
  }
  return offsets;
}

int64_t ColumnBytes(const ::parquet::FileMetaData& footer, int leaf) {
  int64_t bytes = 0;
  for (int group = 0; group < footer.num_row_groups(); ++group) {
    bytes += footer.RowGroup(group)->ColumnChunk(leaf)->total_compressed_size();
  }
  return bytes;
}

}  // namespace sluice::parquet
