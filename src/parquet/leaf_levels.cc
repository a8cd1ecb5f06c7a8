#include "parquet/leaf_levels.h"

#include <arrow/array/concatenate.h>
#include <arrow/array/util.h>

#include "change/arrow_status.h"

namespace sluice::parquet {

namespace {

Error ForbiddenNull(const Leaf& leaf) {
  return MakeError(ErrorKind::kCorrupt, "null in the required column with field id {}",
                   leaf.field_id);
}

}  // namespace

Status LeafLevels::Set(const std::shared_ptr<arrow::Array>& column) {
  return leaf_.in_list() ? SetList(column) : SetFlat(column);
}

Status LeafLevels::SetFlat(const std::shared_ptr<arrow::Array>& column) {
  values_ = column;
  count_ = column->length();
  const int64_t nulls = column->null_count();
  if (nulls != 0 && !leaf_.nullable[0]) return ForbiddenNull(leaf_);
  all_defined_ = nulls == 0;
  if (all_defined_) return {};
  const auto rows = static_cast<size_t>(count_);
  definition_.resize(rows);
  const uint8_t* bits = column->null_bitmap_data();
  const int64_t offset = column->offset();
  for (size_t i = 0; i < rows; ++i) {
    const auto at = static_cast<size_t>(offset) + i;
    definition_[i] = static_cast<int16_t>((bits[at / 8] >> (at % 8)) & 1);
  }
  return {};
}

Status LeafLevels::SetList(const std::shared_ptr<arrow::Array>& column) {
  all_defined_ = false;
  definition_.clear();
  repetition_.clear();
  ranges_.clear();
  forbidden_null_ = false;
  VisitLists(static_cast<const arrow::ListArray&>(*column), 0, 0, column->length(), 0, 0);
  if (forbidden_null_) return ForbiddenNull(leaf_);
  count_ = static_cast<int64_t>(definition_.size());
  std::shared_ptr<arrow::Array> leaf_values = column;
  while (leaf_values->type_id() == arrow::Type::LIST) {
    leaf_values = static_cast<const arrow::ListArray&>(*leaf_values).values();
  }
  return TakeRanges(leaf_values);
}

void LeafLevels::VisitLists(const arrow::ListArray& lists, size_t depth, int64_t begin, int64_t end,
                            int16_t first, int16_t defined) {
  const bool nullable = leaf_.nullable[depth];
  const auto empty = static_cast<int16_t>(defined + (nullable ? 1 : 0));
  for (int64_t i = begin; i < end; ++i) {
    const int16_t repetition = i == begin ? first : static_cast<int16_t>(depth);
    if (lists.IsNull(i)) {
      forbidden_null_ |= !nullable;
      Emit(defined, repetition);
    } else if (lists.value_length(i) == 0) {
      Emit(empty, repetition);
    } else {
      VisitChild(*lists.values(), depth + 1, lists.value_offset(i), lists.value_offset(i + 1),
                 repetition, static_cast<int16_t>(empty + 1));
    }
  }
}

void LeafLevels::VisitChild(const arrow::Array& child, size_t depth, int64_t begin, int64_t end,
                            int16_t first, int16_t defined) {
  if (child.type_id() == arrow::Type::LIST) {
    VisitLists(static_cast<const arrow::ListArray&>(child), depth, begin, end, first, defined);
  } else {
    VisitValues(child, depth, begin, end, first, defined);
  }
}

void LeafLevels::VisitValues(const arrow::Array& values, size_t depth, int64_t begin, int64_t end,
                             int16_t first, int16_t defined) {
  const bool nullable = leaf_.nullable[depth];
  for (int64_t i = begin; i < end; ++i) {
    const bool valid = values.IsValid(i);
    forbidden_null_ |= !valid && !nullable;
    Emit(static_cast<int16_t>(defined + (nullable && valid ? 1 : 0)),
         i == begin ? first : static_cast<int16_t>(depth));
  }
  if (!ranges_.empty() && ranges_.back().second == begin) {
    ranges_.back().second = end;
  } else {
    ranges_.emplace_back(begin, end);
  }
}

// One range unless a null list hides values, which Arrow allows.
Status LeafLevels::TakeRanges(const std::shared_ptr<arrow::Array>& leaf_values) {
  if (ranges_.empty()) {
    values_ = leaf_values->Slice(0, 0);
    return {};
  }
  arrow::ArrayVector pieces;
  for (const auto& [begin, end] : ranges_) pieces.push_back(leaf_values->Slice(begin, end - begin));
  if (pieces.size() == 1) {
    values_ = std::move(pieces.front());
    return {};
  }
  SLUICE_LET(values_, ToResult(arrow::Concatenate(pieces)));
  return {};
}

}  // namespace sluice::parquet
