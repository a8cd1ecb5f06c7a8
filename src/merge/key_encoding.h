// A row's key as bytes that are equal exactly when Postgres calls the keys equal, and their
// fingerprint. Not ordered. Fixed-width values stand as they are; strings, binaries and lists with
// their length before them, so that no two keys of several columns share their bytes.
//
// Normalised: float -0 is 0 and every NaN one NaN; bpchar (1042) without trailing blanks; numeric
// (1700) kept as text without trailing zeros after the point. Text that Postgres compares by a
// nondeterministic collation or as citext is refused by `plan`, not here.
#pragma once

#include <arrow/type_fwd.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "change/table_schema.h"
#include "merge/key_index.h"

namespace sluice::merge {

// The keys of a batch's rows, in one arena.
struct EncodedKeys {
  std::string bytes;
  std::vector<size_t> ends;  // of row i's key in `bytes`
  std::vector<Fingerprint> fingerprints;

  size_t size() const { return ends.size(); }
  std::string_view key(size_t row) const {
    const size_t begin = row == 0 ? 0 : ends[row - 1];
    return {bytes.data() + begin, ends[row] - begin};
  }
  // A row in which any key column is null has no key: zero bytes, which no real key has.
  bool has_key(size_t row) const { return !key(row).empty(); }
};

// Const methods are thread-safe.
class KeyEncoder {
 public:
  // `schema` must have a key.
  explicit KeyEncoder(const TableSchema& schema);

  // `rows` has the columns of TableSchema::RowSchema.
  EncodedKeys EncodeRows(const arrow::RecordBatch& rows) const;
  // `keys` has the columns of TableSchema::KeySchema.
  EncodedKeys EncodeKeys(const arrow::RecordBatch& keys) const;

 private:
  EncodedKeys Encode(const arrow::RecordBatch& batch, std::span<const int> columns) const;

  std::vector<int> row_columns_;
  std::vector<int> key_columns_;
  std::vector<uint32_t> type_oids_;
};

Fingerprint FingerprintOf(std::string_view key);

}  // namespace sluice::merge
