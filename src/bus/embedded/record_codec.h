// Records of the bus as kind, prelude and body, and back.
#pragma once

#include <arrow/type_fwd.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bus/bus.h"
#include "bus/embedded/segment_format.h"

namespace sluice::bus {

struct EncodedRecord {
  RecordKind kind = RecordKind::kCut;
  Lsn lsn;
  std::string prelude;
  std::shared_ptr<arrow::Buffer> body;  // null: none

  std::string_view body_view() const;
  uint64_t size() const;  // in the file
};

// kUnsupported when the record is larger than the format allows.
Result<EncodedRecord> EncodeBatch(const ChangeBatch& batch);
// kUnsupported when a name is not UTF-8.
Result<EncodedRecord> EncodeSchema(const TableSchema& schema, Lsn after);
// A schema's record again, as it stands at the head of a later segment.
EncodedRecord EncodeCarried(TableId table, std::string json, Lsn base);
EncodedRecord EncodeStop(const TableStop& stop, Lsn after);
EncodedRecord EncodeCut(Cut cut);
EncodedRecord EncodeDurable(Lsn cut);
EncodedRecord EncodeResume(Resume resume);

struct TransactionEnd {
  Lsn end_lsn;
  uint64_t xid = 0;
};
struct BatchPrelude {
  TableId table;
  SchemaVersion schema;
  std::vector<TransactionEnd> transactions;
};
Result<BatchPrelude> ParseBatchPrelude(std::string_view prelude);
Result<TableId> ParseSchemaPrelude(std::string_view prelude);
Result<Cut> ParseCut(Lsn lsn, std::string_view prelude);

// kCorrupt when prelude and body disagree. Not for kDurable.
Result<Record> DecodeRecord(RecordKind kind, Lsn lsn, std::string_view prelude, std::string body);

}  // namespace sluice::bus
