// Builds a column out of pieces of other columns.
#pragma once

#include <arrow/type_fwd.h>

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/error.h"

namespace sluice::merge {

struct Piece {
  const arrow::Array* from = nullptr;
  int64_t row = 0;
  int64_t count = 0;
};

// Adds rows, joining them to the last piece where they follow it.
void AddPiece(std::vector<Piece>& pieces, const Piece& piece);

// Arrays must be of `type`. A single piece is not copied. kExhausted: more than 2 GiB of text.
Result<std::shared_ptr<arrow::Array>> Gather(const std::shared_ptr<arrow::DataType>& type,
                                             std::span<const Piece> pieces,
                                             arrow::MemoryPool* pool);

}  // namespace sluice::merge
