// Folds one table's changes between two cuts into a row delta: last image wins, insert and delete
// vanish, old rows are found through the key index, unchanged TOAST values fetched from the old
// row. Never an equality delete.
//
// Windows have no size limit: when the fold reaches its budget its rows go to the open data file
// and its old rows are marked deleted; a later change of such a row deletes it by position in the
// file just written, in the same commit.
#pragma once

#include <arrow/type_fwd.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "base/error.h"
#include "change/change_batch.h"
#include "merge/copied_keys.h"
#include "merge/key_index.h"
#include "merge/row_delta.h"
#include "parquet/data_file_writer.h"

namespace sluice::merge {

struct MergeOptions {
  uint64_t window_bytes = 32 << 20;  // of batches held by the fold; then it is written out
  int64_t file_bytes = 128 << 20;    // data files roll here
  parquet::WriterOptions writer;
  // A fresh location for the next data file.
  std::function<store::Location()> next_location;
};

// Which transactions count; null takes all. Rule B hands in "not visible in the copy's snapshot".
using RunFilter = std::function<bool(const TransactionRun&)>;

// One thread. After an error the window must be abandoned; the table is then as after its last
// commit.
class TableMerge {
 public:
  virtual ~TableMerge() = default;
  // `file_schema`: RowSchema with field ids. `store`, `files` and `index` outlive this. Index and
  // files mirror the same snapshot. An append-only table (no key) takes inserts and truncates only;
  // an update or delete there is kUnsupported.
  static std::unique_ptr<TableMerge> Make(TableSchema schema,
                                          std::shared_ptr<arrow::Schema> file_schema,
                                          store::ObjectStore& store, FileSet& files,
                                          KeyIndex& index, MergeOptions options);

  // Rows of the first copy, already in finished files: they join the window and its commit. Before
  // the window's first Apply. The files stay the caller's: Abandon does not remove them. `keys`:
  // runs made beside the copy, of some of the files; the rest is read for the index, and all of
  // them where the runs are gone (a second call).
  virtual Status AddCopied(std::vector<parquet::DataFile> files, const CopiedRuns& keys) = 0;
  // `batch.schema` must be the schema's version and `batch.table` its id. kUnsupported: a value the
  // lake type cannot hold; kCorrupt: a row that must exist is not there.
  virtual Status Apply(const ChangeBatch& batch, const RunFilter& counts) = 0;
  // Everything applied so far, on disk and durable. Empty when nothing changed.
  virtual Result<RowDelta> Finish(Cut cut) = 0;
  // The commit is known to have happened.
  virtual Status Committed(int64_t snapshot_id) = 0;
  // Forget the window; files it wrote are removed, so never while a commit's outcome is unknown.
  virtual Status Abandon() = 0;
  // The same, but the window's files stay: nobody knows yet whether a commit names them.
  virtual void Forget() = 0;
  // Changes applied since the last commit.
  virtual int64_t pending_changes() const = 0;
  // Memory of the open window, index entries included; SpillWindow takes it to disk.
  virtual uint64_t window_bytes() const = 0;
  virtual Status SpillWindow() = 0;
};

// Reads the key columns of all live rows of `which` into the index: what OpenTieredIndex missed, or
// every file after Clear. Nothing to do for a table without a key.
Status LoadFiles(const TableSchema& schema, const arrow::Schema& file_schema,
                 store::ObjectStore& store, const FileSet& files, std::span<const FileId> which,
                 KeyIndex& index);

}  // namespace sluice::merge
