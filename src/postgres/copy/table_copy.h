// Copies a ctid range of a table under an exported snapshot: COPY (FORMAT binary) from the wire
// into column buffers, handed on as record batches, never through row objects.
#pragma once

#include <arrow/type_fwd.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "postgres/connection.h"
#include "postgres/source_schema.h"

namespace sluice::postgres {

struct CopyChunk {
  uint32_t relation_oid = 0;  // the table or a leaf
  std::string relation;       // its name, qualified and quoted
  uint32_t filenode = 0;      // of its heap, as the snapshot sees it
  uint64_t first_block = 0;
  uint64_t end_block = 0;  // past the end
};

// Chunks of about `chunk_bytes` (TOAST counted in) over the table or all its leaves. Asked in the
// transaction that holds the snapshot: later blocks hold nothing that it sees. kConflict: a leaf is
// gone.
Result<std::vector<CopyChunk>> PlanChunks(Connection& connection, const SourceTable& table,
                                          uint64_t chunk_bytes);

// pg_relation_filenode of RelationsOf(table), 0 where one is gone: another one says that the table
// was rewritten or truncated, which a snapshot does not hide ("Caveats" of MVCC).
Result<std::vector<uint32_t>> RelationFilenodes(Connection& connection, const SourceTable& table);

// Rows of one COPY BINARY stream, whose columns are CopyColumns, into record batches.
class CopyDecoder {
 public:
  virtual ~CopyDecoder() = default;
  static Result<std::unique_ptr<CopyDecoder>> Make(const MirroredTable& table,
                                                   arrow::MemoryPool* pool);
  // The stream's bytes, cut anywhere; they are read quickest when a piece is a row. kCorrupt when
  // they are no COPY BINARY stream of this table. kUnsupported, naming column and way out, when a
  // value does not fit its lake type. Any error ends the decoder's use.
  virtual Status Feed(std::span<const std::string_view> pieces) = 0;
  Status Feed(std::string_view piece) { return Feed({&piece, 1}); }
  virtual int64_t rows() const = 0;   // decoded and not yet taken
  virtual int64_t bytes() const = 0;  // held, estimated
  virtual bool ended() const = 0;     // the trailer was seen
  // Schema: TableSchema::RowSchema.
  virtual Result<std::shared_ptr<arrow::RecordBatch>> Take() = 0;
};

// The select list of COPY: columns by name (a leaf may order them differently); those without a
// binary form that we read as their text.
std::string CopyColumns(const MirroredTable& table);

struct CopyProgress {
  int64_t rows = 0;
  int64_t bytes = 0;  // on the wire
};

// One chunk, in one short transaction under `snapshot_name` (empty: none); batches of about 8 K
// rows go to `take`. The connection must be a plain one, whose lock_timeout_ms says how long the
// table's lock is waited for; it is idle again after an error, or closed. `stop` is asked between
// batches: kStopped. kConflict: the relation was dropped, renamed, rewritten or truncated since the
// snapshot, and what came of it does not count.
Status CopyOneChunk(Connection& connection, const std::string& snapshot_name,
                    const MirroredTable& table, const CopyChunk& chunk,
                    const std::function<Status(const arrow::RecordBatch&)>& take,
                    const std::function<bool()>& stop, CopyProgress& progress);

}  // namespace sluice::postgres
