// The messages of pgoutput, protocol versions 1 and 2 (PostgreSQL documentation, "Logical
// Replication Message Formats"). Bytes in, views of the same bytes out: nothing is copied but
// relations, which are rare.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "change/lsn.h"
#include "postgres/replication/relation_message.h"

namespace sluice::postgres {

// The type byte on the wire.
enum class MessageType : char {
  kBegin = 'B',
  kCommit = 'C',
  kOrigin = 'O',
  kRelation = 'R',
  kType = 'Y',
  kInsert = 'I',
  kUpdate = 'U',
  kDelete = 'D',
  kTruncate = 'T',
  kLogicalMessage = 'M',
  kStreamStart = 'S',
  kStreamStop = 'E',
  kStreamCommit = 'c',
  kStreamAbort = 'A',
};

struct Field {
  char form = 'n';  // 'n' null, 'u' unchanged and not sent, 't' text, 'b' binary
  std::string_view bytes;
};
using Tuple = std::vector<Field>;

// One parsed message; only the members of its type mean something. Views point into the bytes that
// were parsed. Reuse one object: its tuples keep their memory.
struct PgoutputMessage {
  MessageType type = MessageType::kBegin;
  // Inside a stream block: the subtransaction that made the change. Begin, StreamStart,
  // StreamCommit, StreamAbort: the top transaction.
  uint32_t xid = 0;
  uint32_t subxid = 0;         // StreamAbort; equal to xid: the whole transaction
  Lsn commit_lsn;              // Begin, Commit, StreamCommit: start of the commit record
  Lsn end_lsn;                 // Commit, StreamCommit: its end + 1
  int64_t commit_time_us = 0;  // Unix microseconds
  uint32_t relation_oid = 0;   // Insert, Update, Delete
  char old_form = '\0';        // Update, Delete: 'K' old key, 'O' old row, '\0' neither
  Tuple old_row;
  Tuple new_row;
  std::vector<uint32_t> truncated;
  RelationMessage relation;
};

// `in_stream`: between StreamStart and StreamStop, where messages carry a subxid. kCorrupt: not a
// message of pgoutput up to version 2 without two_phase; the words hold the type and the position.
Status ParsePgoutput(std::string_view bytes, bool in_stream, PgoutputMessage& out);

// The subtransaction of a message within a stream block, without parsing the rest. 0 for a type
// that carries none.
uint32_t PeekSubxid(std::string_view bytes);

}  // namespace sluice::postgres
