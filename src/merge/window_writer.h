// Takes a fold to disk: finds and deletes the stored rows that it names, completes versions whose
// unchanged TOAST values were not sent, and writes the versions that are left.
#pragma once

#include <arrow/type_fwd.h>

#include <memory>
#include <span>
#include <vector>

#include "merge/fold.h"
#include "merge/lake_rows.h"
#include "merge/output_files.h"
#include "merge/row_gather.h"

namespace sluice::merge {

// Everything handed in outlives this.
class WindowWriter {
 public:
  WindowWriter(std::shared_ptr<arrow::Schema> file_schema, FileSet& files, KeyIndex& index,
               OutputFiles& output, LakeRows& lake, arrow::MemoryPool* pool)
      : schema_(std::move(file_schema)),
        files_(files),
        index_(index),
        output_(output),
        lake_(lake),
        pool_(pool) {}

  // The fold is empty afterwards. kCorrupt: rows that must exist are not found; the message has
  // their number.
  Status Write(Fold& fold);

 private:
  // Where one value of an incomplete version is.
  struct Source {
    uint32_t batch = Fold::kNone;  // kNone: in the lake
    uint32_t row = 0;
  };
  // A version with unsent values and the stored row at the end of its chain, if there is one.
  struct Incomplete {
    uint32_t version = 0;
    std::optional<RowLocation> stored;
  };
  struct Chunk;

  Status DeleteStored(Fold& fold);
  Status WriteComplete(const Fold& fold, std::span<const uint32_t> versions);
  Status WriteIncomplete(const Fold& fold, std::vector<Incomplete> rows);
  Result<int64_t> WriteIncompleteChunk(const Fold& fold, std::span<const Incomplete> rows);
  Result<Source> SourceOf(const Fold& fold, uint32_t version, int column) const;
  Status ResolveSources(const Fold& fold, Chunk& chunk) const;
  Status FetchMissing(Chunk& chunk);
  Result<std::vector<Piece>> PiecesOf(const Fold& fold, const Chunk& chunk, int column) const;
  Status Emit(const Fold& fold, std::span<const uint32_t> versions,
              std::vector<std::shared_ptr<arrow::Array>> columns);

  std::shared_ptr<arrow::Schema> schema_;
  FileSet& files_;
  KeyIndex& index_;
  OutputFiles& output_;
  LakeRows& lake_;
  arrow::MemoryPool* pool_;
};

}  // namespace sluice::merge
