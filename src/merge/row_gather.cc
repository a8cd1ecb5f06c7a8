#include "merge/row_gather.h"

#include <arrow/array.h>
#include <arrow/builder.h>
#include <arrow/memory_pool.h>

#include <unordered_map>

#include "change/arrow_status.h"

namespace sluice::merge {

void AddPiece(std::vector<Piece>& pieces, const Piece& piece) {
  if (!pieces.empty()) {
    Piece& last = pieces.back();
    if (last.from == piece.from && last.row + last.count == piece.row) {
      last.count += piece.count;
      return;
    }
  }
  pieces.push_back(piece);
}

Result<std::shared_ptr<arrow::Array>> Gather(const std::shared_ptr<arrow::DataType>& type,
                                             std::span<const Piece> pieces,
                                             arrow::MemoryPool* pool) {
  if (pieces.size() == 1) return pieces[0].from->Slice(pieces[0].row, pieces[0].count);
  std::unique_ptr<arrow::ArrayBuilder> builder;
  SLUICE_TRY(sluice::ToStatus(
      arrow::MakeBuilder(pool == nullptr ? arrow::default_memory_pool() : pool, type, &builder)));
  int64_t rows = 0;
  for (const Piece& piece : pieces) rows += piece.count;
  SLUICE_TRY(sluice::ToStatus(builder->Reserve(rows)));
  std::unordered_map<const arrow::Array*, arrow::ArraySpan> spans;
  const arrow::Array* current = nullptr;
  const arrow::ArraySpan* span = nullptr;
  for (const Piece& piece : pieces) {
    if (piece.from != current) {
      current = piece.from;
      span = &spans.try_emplace(current, *current->data()).first->second;
    }
    SLUICE_TRY(sluice::ToStatus(builder->AppendArraySlice(*span, piece.row, piece.count)));
  }
  return ToResult(builder->Finish());
}

}  // namespace sluice::merge
