// Definition and repetition levels of one column of a batch, and its leaf values. One object a
// column, so that its buffers are reused.
#pragma once

#include <arrow/array/array_nested.h>
#include <arrow/type_fwd.h>

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "base/error.h"
#include "parquet/parquet_schema.h"

namespace sluice::parquet {

class LeafLevels {
 public:
  explicit LeafLevels(const Leaf& leaf) : leaf_(leaf) {}  // outlives this

  // kCorrupt for a null where the schema allows none. What the accessors return is good until the
  // next call.
  Status Set(const std::shared_ptr<arrow::Array>& column);

  const int16_t* definition() const { return definition_.data(); }
  const int16_t* repetition() const { return repetition_.data(); }
  // Every value is there, so that the definition levels are left out. Never of a list.
  bool all_defined() const { return all_defined_; }
  int64_t count() const { return count_; }
  const std::shared_ptr<arrow::Array>& values() const { return values_; }

 private:
  Status SetFlat(const std::shared_ptr<arrow::Array>& column);
  Status SetList(const std::shared_ptr<arrow::Array>& column);
  // Rows [begin, end) of the array at `depth` lists; the first continues at repetition level
  // `first`; `defined` is the definition level of a null there.
  void VisitLists(const arrow::ListArray& lists, size_t depth, int64_t begin, int64_t end,
                  int16_t first, int16_t defined);
  void VisitChild(const arrow::Array& child, size_t depth, int64_t begin, int64_t end,
                  int16_t first, int16_t defined);
  void VisitValues(const arrow::Array& values, size_t depth, int64_t begin, int64_t end,
                   int16_t first, int16_t defined);
  void Emit(int16_t definition, int16_t repetition) {
    definition_.push_back(definition);
    repetition_.push_back(repetition);
  }
  Status TakeRanges(const std::shared_ptr<arrow::Array>& leaf_values);

  const Leaf& leaf_;
  std::vector<int16_t> definition_;
  std::vector<int16_t> repetition_;
  bool all_defined_ = false;                         // definition_ is not set
  std::vector<std::pair<int64_t, int64_t>> ranges_;  // of the leaf values, [begin, end)
  bool forbidden_null_ = false;
  int64_t count_ = 0;
  std::shared_ptr<arrow::Array> values_;
};

}  // namespace sluice::parquet
