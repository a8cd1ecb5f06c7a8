// Writes the messages pgoutput would (protocol 2), for tests and the simulation. Independent of the
// parser: both follow the documentation, neither the other.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "change/lsn.h"
#include "postgres/replication/relation_message.h"

namespace sluice::postgres::testing {

// A column's value on the wire.
struct WireValue {
  char form = 'n';
  std::string bytes;

  static WireValue Null() { return {'n', {}}; }
  static WireValue Unchanged() { return {'u', {}}; }
  static WireValue Text(std::string text) { return {'t', std::move(text)}; }
  static WireValue Binary(std::string bytes) { return {'b', std::move(bytes)}; }
  static WireValue Int4(int32_t value);
  static WireValue Int8(int64_t value);
};
using WireRow = std::vector<WireValue>;

// `subxid`: nothing outside a stream block, the subtransaction inside one.
using Subxid = std::optional<uint32_t>;

std::string EncodeBegin(Lsn commit_lsn, int64_t commit_time_us, uint32_t xid);
std::string EncodeCommit(Lsn commit_lsn, Lsn end_lsn, int64_t commit_time_us);
std::string EncodeOrigin(Lsn origin_lsn, std::string_view name);
std::string EncodeRelation(const RelationMessage& relation, Subxid subxid = {});
std::string EncodeType(uint32_t oid, std::string_view schema, std::string_view name,
                       Subxid subxid = {});
std::string EncodeInsert(uint32_t relation, const WireRow& now, Subxid subxid = {});
// old_form: 'K', 'O', or '\0' for none.
std::string EncodeUpdate(uint32_t relation, char old_form, const WireRow& old, const WireRow& now,
                         Subxid subxid = {});
std::string EncodeDelete(uint32_t relation, char old_form, const WireRow& old, Subxid subxid = {});
std::string EncodeTruncate(const std::vector<uint32_t>& relations, uint8_t options = 0,
                           Subxid subxid = {});
std::string EncodeLogicalMessage(bool transactional, Lsn lsn, std::string_view prefix,
                                 std::string_view content, Subxid subxid = {});
std::string EncodeStreamStart(uint32_t xid, bool first);
std::string EncodeStreamStop();
std::string EncodeStreamCommit(uint32_t xid, Lsn commit_lsn, Lsn end_lsn, int64_t commit_time_us);
std::string EncodeStreamAbort(uint32_t xid, uint32_t subxid);

// The CopyData payloads around them: 'w' (a message) and 'k' (a keepalive).
std::string WrapData(Lsn lsn, int64_t clock_us, std::string_view message);
std::string EncodeKeepalive(Lsn wal_end, int64_t clock_us, bool reply_requested);

}  // namespace sluice::postgres::testing
