#include "merge/key_encoding.h"

#include <arrow/array.h>
#include <arrow/record_batch.h>
#include <xxhash.h>

#include <cmath>
#include <limits>
#include <numeric>

namespace sluice::merge {

namespace {

// pg_type.dat
constexpr uint32_t kBpcharOid = 1042;
constexpr uint32_t kBpcharArrayOid = 1014;
constexpr uint32_t kNumericOid = 1700;
constexpr uint32_t kNumericArrayOid = 1231;

template <typename T>
void AppendRaw(T value, std::string& out) {
  out.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

template <typename T>
void AppendFloat(T value, std::string& out) {
  if (std::isnan(value)) value = std::numeric_limits<T>::quiet_NaN();
  AppendRaw(value == 0 ? T{0} : value, out);
}

// "1.500" -> "1.5", "2.00" -> "2"; NaN, Infinity and whole numbers stay. numeric_out writes no
// exponent.
std::string_view WithoutTrailingZeros(std::string_view text) {
  if (text.find('.') == std::string_view::npos) return text;
  text.remove_suffix(text.size() - 1 - text.find_last_not_of('0'));
  if (text.ends_with('.')) text.remove_suffix(1);
  return text;
}

std::string_view Normalised(std::string_view text, uint32_t type_oid) {
  if (type_oid == kBpcharOid) return text.substr(0, text.find_last_not_of(' ') + 1);
  if (type_oid == kNumericOid) return WithoutTrailingZeros(text);
  return text;
}

uint32_t ElementOid(uint32_t array_oid) {
  if (array_oid == kBpcharArrayOid) return kBpcharOid;
  return array_oid == kNumericArrayOid ? kNumericOid : 0;
}

void AppendText(std::string_view text, std::string& out) {
  AppendRaw(static_cast<uint32_t>(text.size()), out);
  out.append(text);
}

void AppendValue(const arrow::Array& column, int64_t row, uint32_t type_oid, std::string& out);

void AppendList(const arrow::ListArray& column, int64_t row, uint32_t type_oid, std::string& out) {
  const arrow::Array& values = *column.values();
  const int64_t begin = column.value_offset(row);
  const int64_t count = column.value_length(row);
  AppendRaw(static_cast<uint32_t>(count), out);
  for (int64_t i = begin; i < begin + count; ++i) {
    AppendRaw(static_cast<uint8_t>(values.IsNull(i)), out);
    if (!values.IsNull(i)) AppendValue(values, i, ElementOid(type_oid), out);
  }
}

template <typename ArrayType>
auto ValueOf(const arrow::Array& column, int64_t row) {
  return static_cast<const ArrayType&>(column).GetView(row);
}

void AppendValue(const arrow::Array& column, int64_t row, uint32_t type_oid, std::string& out) {
  switch (column.type_id()) {
    case arrow::Type::BOOL:
      return AppendRaw(static_cast<uint8_t>(ValueOf<arrow::BooleanArray>(column, row)), out);
    case arrow::Type::INT32:
    case arrow::Type::DATE32:
      return AppendRaw(column.data()->GetValues<int32_t>(1)[row], out);
    case arrow::Type::INT64:
    case arrow::Type::TIME64:
    case arrow::Type::TIMESTAMP:
      return AppendRaw(column.data()->GetValues<int64_t>(1)[row], out);
    case arrow::Type::FLOAT:
      return AppendFloat(ValueOf<arrow::FloatArray>(column, row), out);
    case arrow::Type::DOUBLE:
      return AppendFloat(ValueOf<arrow::DoubleArray>(column, row), out);
    case arrow::Type::DECIMAL128:
    case arrow::Type::FIXED_SIZE_BINARY:
      out.append(ValueOf<arrow::FixedSizeBinaryArray>(column, row));
      return;
    case arrow::Type::STRING:
    case arrow::Type::BINARY:
      return AppendText(Normalised(ValueOf<arrow::BinaryArray>(column, row), type_oid), out);
    case arrow::Type::LIST:
      return AppendList(static_cast<const arrow::ListArray&>(column), row, type_oid, out);
    default:
      SLUICE_CHECK(false, "{} is no lake type", column.type()->ToString());
  }
}

// Width of values whose bytes are the key as they stand, or 0.
size_t PlainWidth(const arrow::Array& column) {
  if (column.null_count() != 0) return 0;
  switch (column.type_id()) {
    case arrow::Type::INT32:
    case arrow::Type::DATE32:
      return sizeof(int32_t);
    case arrow::Type::INT64:
    case arrow::Type::TIME64:
    case arrow::Type::TIMESTAMP:
      return sizeof(int64_t);
    case arrow::Type::FIXED_SIZE_BINARY:
      return static_cast<size_t>(
          static_cast<const arrow::FixedSizeBinaryArray&>(column).byte_width());
    default:
      return 0;
  }
}

// Width of a key whose columns are all plain, or 0.
size_t PlainKeyWidth(std::span<const arrow::Array* const> columns) {
  size_t total = 0;
  for (const arrow::Array* column : columns) {
    const size_t width = PlainWidth(*column);
    if (width == 0) return 0;
    total += width;
  }
  return total;
}

// `kWidth` is the value's width where it is known: a copy by a move instead of by a call.
template <size_t kWidth>
void CopyStrided(const char* from, size_t width, char* to, size_t stride, size_t rows) {
  const size_t size = kWidth != 0 ? kWidth : width;
  for (size_t row = 0; row < rows; ++row) std::memcpy(to + row * stride, from + row * size, size);
}

void CopyPlain(std::span<const arrow::Array* const> columns, size_t key_width, EncodedKeys& out) {
  const size_t rows = out.ends.size();
  out.bytes.resize(rows * key_width);
  char* to = out.bytes.data();
  for (const arrow::Array* column : columns) {
    const size_t width = PlainWidth(*column);
    const auto* data = reinterpret_cast<const char*>(column->data()->buffers[1]->data());
    const char* from = data + static_cast<size_t>(column->offset()) * width;
    const auto copy = width == 8 ? CopyStrided<8> : width == 4 ? CopyStrided<4> : CopyStrided<0>;
    copy(from, width, to, key_width, rows);
    to += width;
  }
  for (size_t row = 0; row < rows; ++row) out.ends[row] = (row + 1) * key_width;
}

bool AnyNull(std::span<const arrow::Array* const> columns, int64_t row) {
  for (const arrow::Array* column : columns) {
    if (column->IsNull(row)) return true;
  }
  return false;
}

}  // namespace

Fingerprint FingerprintOf(std::string_view key) { return XXH3_64bits(key.data(), key.size()); }

KeyEncoder::KeyEncoder(const TableSchema& schema) : row_columns_(schema.KeyColumns()) {
  SLUICE_CHECK(!row_columns_.empty());
  key_columns_.resize(row_columns_.size());
  std::iota(key_columns_.begin(), key_columns_.end(), 0);
  for (const int column : row_columns_) {
    type_oids_.push_back(schema.columns[static_cast<size_t>(column)].type_oid);
  }
}

EncodedKeys KeyEncoder::EncodeRows(const arrow::RecordBatch& rows) const {
  return Encode(rows, row_columns_);
}

EncodedKeys KeyEncoder::EncodeKeys(const arrow::RecordBatch& keys) const {
  return Encode(keys, key_columns_);
}

EncodedKeys KeyEncoder::Encode(const arrow::RecordBatch& batch,
                               std::span<const int> columns) const {
  EncodedKeys out;
  out.ends.resize(static_cast<size_t>(batch.num_rows()));
  std::vector<std::shared_ptr<arrow::Array>> owners;
  std::vector<const arrow::Array*> arrays;
  for (const int column : columns) {
    owners.push_back(batch.column(column));
    arrays.push_back(owners.back().get());
  }
  const size_t width = batch.num_rows() > 0 ? PlainKeyWidth(arrays) : 0;
  if (width != 0) {
    CopyPlain(arrays, width, out);
  } else {
    for (int64_t row = 0; row < batch.num_rows(); ++row) {
      if (!AnyNull(arrays, row)) {
        for (size_t i = 0; i < arrays.size(); ++i) {
          AppendValue(*arrays[i], row, type_oids_[i], out.bytes);
        }
      }
      out.ends[static_cast<size_t>(row)] = out.bytes.size();
    }
  }
  out.fingerprints.resize(out.size());
  for (size_t row = 0; row < out.size(); ++row) out.fingerprints[row] = FingerprintOf(out.key(row));
  return out;
}

}  // namespace sluice::merge
