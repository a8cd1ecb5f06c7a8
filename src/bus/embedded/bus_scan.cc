#include "bus/embedded/bus_scan.h"

#include <algorithm>

#include "bus/embedded/record_codec.h"
#include "bus/embedded/segment_cursor.h"
#include "bus/embedded/segment_folder.h"

namespace sluice::bus {

Status ScanTransactions(FileSystem& files, const EmbeddedBusOptions& options, Lsn after,
                        Lsn through, const std::function<void(Lsn, uint64_t, TableId)>& fn) {
  SegmentCursor cursor(files, PartitionFolder(options.folder, 0), options.source_identity);
  SLUICE_LET(const Lsn held, cursor.Seek(after));
  if (held > after) {
    return MakeError(ErrorKind::kUnavailable, "the bus holds changes above {} only", ToString(held))
        .WithCode("TRIMMED");
  }
  while (true) {
    SLUICE_LET(const std::optional<FoundRecord> found, cursor.Peek());
    if (!found) break;
    // Nothing behind this cut ended at or below it.
    if (found->head.kind == RecordKind::kCut && found->head.lsn >= through) break;
    if (found->head.kind == RecordKind::kBatch && found->head.lsn > after) {
      SLUICE_LET(const BatchPrelude batch, ParseBatchPrelude(found->prelude));
      for (const TransactionEnd& transaction : batch.transactions) {
        if (transaction.end_lsn <= after || transaction.end_lsn > through) continue;
        fn(transaction.end_lsn, transaction.xid, batch.table);
      }
    }
    cursor.Pass(*found);
  }
  if (cursor.proved() >= through) return {};
  return MakeError(ErrorKind::kUnavailable, "the bus reaches {}, not {} yet",
                   ToString(cursor.proved()), ToString(through))
      .WithCode("BEHIND");
}

Result<Lsn> SeenThrough(FileSystem& files, const EmbeddedBusOptions& options, Lsn after,
                        Lsn through, const SnapshotVisibility& snapshot) {
  if (after >= through) return through;
  Lsn out = through;
  SLUICE_TRY(
      ScanTransactions(files, options, after, through, [&](Lsn end_lsn, uint64_t xid, TableId) {
        if (snapshot.Sees(xid)) return;
        out = std::min(out, Lsn{end_lsn.value - 1});
      }));
  return out;
}

}  // namespace sluice::bus
