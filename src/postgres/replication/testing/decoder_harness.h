// A decoder on a file system in memory, fed message by message. For tests.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/file_system_fake.h"
#include "postgres/replication/change_decoder.h"
#include "postgres/replication/testing/mirror_fixture.h"
#include "postgres/replication/testing/pgoutput_encoder.h"

namespace sluice::postgres::testing {

struct DecoderHarness {
  FakeFileSystem files;
  MapResolver resolver;
  DecoderOptions options;
  std::unique_ptr<ChangeDecoder> decoder;
  std::vector<ChangeDecoder::Record> records;  // all that were taken

  DecoderHarness() { options.spool_folder = "/spool"; }

  uint32_t AddTable(uint32_t oid, const std::string& name, const std::vector<std::string>& columns,
                    char identity = 'd') {
    resolver.tables[oid] = MakeMirror(oid, name, columns, identity);
    return oid;
  }
  RelationMessage Shape(uint32_t oid) const { return DescribeMirror(resolver.tables.at(oid)); }

  ChangeDecoder& Decoder() {
    if (decoder == nullptr) {
      auto made = ChangeDecoder::Make(files, resolver, options);
      SLUICE_CHECK(made.has_value());
      decoder = std::move(*made);
    }
    return *decoder;
  }

  // Messages in order, huge transactions taken in to their end.
  Status Feed(const std::vector<std::string>& messages) {
    for (const std::string& message : messages) {
      SLUICE_TRY(Decoder().Consume(message));
      Take();
      while (Decoder().adopting()) {
        SLUICE_TRY(Decoder().Continue());
        Take();
      }
    }
    return {};
  }
  void Take() {
    for (auto& record : Decoder().TakeRecords()) records.push_back(std::move(record));
  }
  Status Flush() {
    SLUICE_LET(auto rest, Decoder().Flush());
    for (auto& record : rest) records.push_back(std::move(record));
    return {};
  }
  // Everything so far, flushed.
  std::vector<std::string> Text() {
    const Status flushed = Flush();
    SLUICE_CHECK(flushed.has_value(), "{}", flushed.error().message());
    return Lines(records, resolver.tables);
  }
  std::vector<const ChangeBatch*> Batches() const {
    std::vector<const ChangeBatch*> out;
    for (const auto& record : records) {
      if (const auto* batch = std::get_if<ChangeBatch>(&record)) out.push_back(batch);
    }
    return out;
  }
};

// The end of a transaction that commits at `lsn` in the tests.
constexpr Lsn EndOf(uint64_t lsn) { return Lsn{lsn + 8}; }

// B ... C; commits at `lsn`, at time `lsn` microseconds.
inline std::vector<std::string> Transaction(uint64_t lsn, uint32_t xid,
                                            std::vector<std::string> changes) {
  const auto time = static_cast<int64_t>(lsn);
  changes.insert(changes.begin(), EncodeBegin(Lsn{lsn}, time, xid));
  changes.push_back(EncodeCommit(Lsn{lsn}, EndOf(lsn), time));
  return changes;
}

// S ... E
inline std::vector<std::string> Block(uint32_t xid, std::vector<std::string> changes) {
  changes.insert(changes.begin(), EncodeStreamStart(xid, true));
  changes.push_back(EncodeStreamStop());
  return changes;
}

inline std::string CommitStream(uint32_t xid, uint64_t lsn) {
  return EncodeStreamCommit(xid, Lsn{lsn}, EndOf(lsn), static_cast<int64_t>(lsn));
}

inline WireRow Row(int32_t id, const std::vector<std::string>& texts) {
  WireRow out = {WireValue::Int4(id)};
  for (const std::string& text : texts) out.push_back(WireValue::Text(text));
  return out;
}

}  // namespace sluice::postgres::testing
