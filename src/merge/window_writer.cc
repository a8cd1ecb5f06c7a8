#include "merge/window_writer.h"

#include <arrow/array.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <arrow/util/byte_size.h>

#include <algorithm>
#include <tuple>

#include "change/arrow_status.h"

namespace sluice::merge {

namespace {

// Rows are built and written in chunks of about this size, which bounds what stands beside the
// fold.
constexpr int64_t kChunkBytes = 4 << 20;
constexpr int64_t kChunkRowsMax = 16384;
// Stored values may be large and their size is known only once they are read: start small.
constexpr int64_t kFetchRowsFirst = 16;
constexpr int64_t kFetchRowsMax = 1024;
constexpr int64_t kFetchGrowth = 4;

int64_t RowsPerChunk(const Fold& fold) {
  const auto rows = static_cast<int64_t>(fold.versions().size());
  const int64_t row_bytes = static_cast<int64_t>(fold.memory_bytes()) / std::max<int64_t>(rows, 1);
  return std::clamp<int64_t>(kChunkBytes / (row_bytes + 1), 1, kChunkRowsMax);
}

std::optional<RowLocation> EndOfChain(const Fold& fold, uint32_t version) {
  const Fold::Version* at = &fold.versions()[version];
  while (at->origin == Fold::Origin::kVersion) at = &fold.versions()[at->older];
  if (at->origin == Fold::Origin::kNothing) return std::nullopt;
  return fold.stored()[at->older].at;
}

// Neighbouring rows of one batch.
struct RowRun {
  uint32_t batch = 0;
  int64_t row = 0;
  int64_t count = 0;
};

std::vector<RowRun> RunsOf(const Fold& fold, std::span<const uint32_t> versions) {
  std::vector<RowRun> out;
  for (const uint32_t index : versions) {
    const Fold::Version& version = fold.versions()[index];
    if (!out.empty() && out.back().batch == version.batch &&
        out.back().row + out.back().count == int64_t{version.row}) {
      ++out.back().count;
    } else {
      out.push_back({version.batch, version.row, 1});
    }
  }
  return out;
}

}  // namespace

// Some incomplete versions on their way to the file.
struct WindowWriter::Chunk {
  std::span<const Incomplete> rows;
  std::vector<Source> sources;  // rows.size() times columns
  std::vector<int> fetched_columns;
  std::vector<int> fetched_at;  // column -> index in `fetched_columns`, or -1
  std::vector<RowLocation> wanted;
  FetchedRows fetched;
};

Status WindowWriter::Write(Fold& fold) {
  if (fold.empty()) {
    fold.Clear();
    return {};
  }
  // Before any new version is indexed: it would be a candidate for its own old row.
  SLUICE_TRY(DeleteStored(fold));
  std::vector<uint32_t> complete;
  std::vector<Incomplete> incomplete;
  for (uint32_t i = 0; i < fold.versions().size(); ++i) {
    const Fold::Version& version = fold.versions()[i];
    if (!version.live) continue;
    if (fold.batches()[version.batch].AnyUnsent(version.row)) {
      incomplete.push_back({i, EndOfChain(fold, i)});
    } else {
      complete.push_back(i);
    }
  }
  SLUICE_TRY(WriteComplete(fold, complete));
  SLUICE_TRY(WriteIncomplete(fold, std::move(incomplete)));
  lake_.CloseReaders();
  fold.Clear();
  return {};
}

Status WindowWriter::DeleteStored(Fold& fold) {
  std::vector<Fold::StoredRow*> rows;
  std::vector<Fingerprint> fingerprints;
  std::vector<std::string_view> keys;
  for (Fold::StoredRow& row : fold.stored()) {
    if (row.at) continue;
    const KeyRef key = fold.key(row.key);
    rows.push_back(&row);
    fingerprints.push_back(key.fingerprint);
    keys.push_back(key.bytes);
  }
  if (rows.empty()) return {};
  std::vector<std::optional<RowLocation>> found(rows.size());
  SLUICE_TRY(index_.Find(fingerprints, keys, FindMode::kExists, lake_, found),
             "looking for {} changed rows", rows.size());
  const auto missing = std::count(found.begin(), found.end(), std::nullopt);
  if (missing > 0) {
    return MakeError(ErrorKind::kCorrupt, "{} of {} changed rows are not in the lake", missing,
                     rows.size());
  }
  for (size_t i = 0; i < rows.size(); ++i) {
    if (!files_.IsLive(*found[i])) {
      return MakeError(ErrorKind::kCorrupt, "two changed rows are one row in the lake");
    }
    files_.Delete(*found[i]);
    rows[i]->at = found[i];
  }
  return {};
}

Status WindowWriter::Emit(const Fold& fold, std::span<const uint32_t> versions,
                          std::vector<std::shared_ptr<arrow::Array>> columns) {
  std::vector<Fingerprint> fingerprints;
  fingerprints.reserve(versions.size());
  for (const uint32_t version : versions) {
    fingerprints.push_back(fold.key(fold.versions()[version].key).fingerprint);
  }
  return output_.Write(std::move(columns), static_cast<int64_t>(versions.size()), fingerprints);
}

Status WindowWriter::WriteComplete(const Fold& fold, std::span<const uint32_t> versions) {
  const auto chunk_rows = static_cast<size_t>(RowsPerChunk(fold));
  while (!versions.empty()) {
    const auto chunk = versions.first(std::min(chunk_rows, versions.size()));
    versions = versions.subspan(chunk.size());
    const std::vector<RowRun> runs = RunsOf(fold, chunk);
    std::vector<std::shared_ptr<arrow::Array>> columns;
    for (int column = 0; column < schema_->num_fields(); ++column) {
      std::vector<Piece> pieces;
      for (const RowRun& run : runs) {
        const auto& rows = *fold.batches()[run.batch].rows;
        pieces.push_back({rows.column(column).get(), run.row, run.count});
      }
      SLUICE_LET(auto array, Gather(schema_->field(column)->type(), pieces, pool_));
      columns.push_back(std::move(array));
    }
    SLUICE_TRY(Emit(fold, chunk, std::move(columns)));
  }
  return {};
}

Status WindowWriter::WriteIncomplete(const Fold& fold, std::vector<Incomplete> rows) {
  // In the order of the lake, so that every file is read once, front to back.
  std::stable_sort(rows.begin(), rows.end(), [](const Incomplete& a, const Incomplete& b) {
    const RowLocation left = a.stored.value_or(RowLocation{});
    const RowLocation right = b.stored.value_or(RowLocation{});
    return std::tie(left.file, left.row) < std::tie(right.file, right.row);
  });
  std::span<const Incomplete> rest(rows);
  int64_t chunk_rows = kFetchRowsFirst;
  while (!rest.empty()) {
    const auto chunk = rest.first(std::min(static_cast<size_t>(chunk_rows), rest.size()));
    rest = rest.subspan(chunk.size());
    SLUICE_LET(const int64_t bytes, WriteIncompleteChunk(fold, chunk));
    const int64_t fitting = kChunkBytes * static_cast<int64_t>(chunk.size()) / (bytes + 1);
    chunk_rows =
        std::clamp<int64_t>(fitting, 1, std::min(chunk_rows * kFetchGrowth, kFetchRowsMax));
  }
  return {};
}

Result<int64_t> WindowWriter::WriteIncompleteChunk(const Fold& fold,
                                                   std::span<const Incomplete> rows) {
  Chunk chunk;
  chunk.rows = rows;
  SLUICE_TRY(ResolveSources(fold, chunk));
  SLUICE_TRY(FetchMissing(chunk));
  std::vector<std::shared_ptr<arrow::Array>> columns;
  int64_t bytes = 0;
  for (int column = 0; column < schema_->num_fields(); ++column) {
    SLUICE_LET(const std::vector<Piece> pieces, PiecesOf(fold, chunk, column));
    SLUICE_LET(auto array, Gather(schema_->field(column)->type(), pieces, pool_));
    SLUICE_LET(const int64_t size, ToResult(arrow::util::ReferencedBufferSize(*array)));
    bytes += size;
    columns.push_back(std::move(array));
  }
  std::vector<uint32_t> versions;
  for (const Incomplete& row : rows) versions.push_back(row.version);
  SLUICE_TRY(Emit(fold, versions, std::move(columns)));
  return bytes;
}

Result<WindowWriter::Source> WindowWriter::SourceOf(const Fold& fold, uint32_t version,
                                                    int column) const {
  for (;;) {
    const Fold::Version& at = fold.versions()[version];
    if (!fold.batches()[at.batch].IsUnsent(at.row, column)) return Source{at.batch, at.row};
    if (at.origin == Fold::Origin::kStored) return Source{};
    if (at.origin == Fold::Origin::kNothing) {
      return MakeError(ErrorKind::kCorrupt, "column {} of a new row was not sent",
                       schema_->field(column)->name());
    }
    version = at.older;
  }
}

Status WindowWriter::ResolveSources(const Fold& fold, Chunk& chunk) const {
  const int columns = schema_->num_fields();
  chunk.fetched_at.assign(static_cast<size_t>(columns), -1);
  for (const Incomplete& row : chunk.rows) {
    bool in_lake = false;
    for (int column = 0; column < columns; ++column) {
      SLUICE_LET(const Source source, SourceOf(fold, row.version, column));
      chunk.sources.push_back(source);
      if (source.batch != Fold::kNone) continue;
      in_lake = true;
      int& at = chunk.fetched_at[static_cast<size_t>(column)];
      if (at >= 0) continue;
      at = static_cast<int>(chunk.fetched_columns.size());
      chunk.fetched_columns.push_back(column);
    }
    if (in_lake) chunk.wanted.push_back(*row.stored);
  }
  return {};
}

Status WindowWriter::FetchMissing(Chunk& chunk) {
  if (chunk.wanted.empty()) return {};
  arrow::FieldVector fields;
  for (const int column : chunk.fetched_columns) fields.push_back(schema_->field(column));
  SLUICE_LET(chunk.fetched, lake_.Fetch(*arrow::schema(std::move(fields)), chunk.wanted),
             "fetching values that were not sent again");
  return {};
}

Result<std::vector<Piece>> WindowWriter::PiecesOf(const Fold& fold, const Chunk& chunk,
                                                  int column) const {
  const auto columns = static_cast<size_t>(schema_->num_fields());
  std::vector<Piece> out;
  for (size_t row = 0; row < chunk.rows.size(); ++row) {
    const Source& source = chunk.sources[row * columns + static_cast<size_t>(column)];
    if (source.batch != Fold::kNone) {
      const auto& rows = *fold.batches()[source.batch].rows;
      AddPiece(out, {rows.column(column).get(), source.row, 1});
      continue;
    }
    const FetchedRows::Place place = chunk.fetched.Find(*chunk.rows[row].stored);
    const int at = chunk.fetched_at[static_cast<size_t>(column)];
    const arrow::Array* values = place.batch->column(at).get();
    if (values->IsNull(place.row)) {  // only values that are there are stored out of line
      return MakeError(ErrorKind::kCorrupt, "column {} was not sent again, and the lake has none",
                       schema_->field(column)->name());
    }
    AddPiece(out, {values, place.row, 1});
  }
  return out;
}

}  // namespace sluice::merge
