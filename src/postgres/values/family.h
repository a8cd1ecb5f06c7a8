// The types that share a binary form, whatever their names: text and json, oid and xid, ...
#pragma once

#include <cstdint>

#include "postgres/type_mapping.h"

namespace sluice::postgres {

enum class Family : uint8_t {
  kBool,
  kInt2,
  kInt4,
  kInt8,
  kUint32,  // oid, xid, cid
  kFloat4,
  kFloat8,
  kNumeric,
  kMoney,
  kText,           // bytes are the text: text, varchar, bpchar, name, json, xml, citext, enums
  kVersionedText,  // 01 and the text: jsonb, jsonpath, ltree
  kCharByte,       // "char"
  kBytea,
  kDate,
  kTime,
  kTimeTz,
  kTimestamp,
  kTimestampTz,
  kInterval,
  kUuid,
  kInet,     // inet and cidr
  kMacaddr,  // macaddr and macaddr8
  kBit,      // bit and varbit
  kPgLsn,
  kXid8,
  kTid,
  kArray,
  kOther,  // carried by its text only
};

Family FamilyOf(const SourceType& type);

// An array's element as a type of its own.
SourceType ElementOf(const SourceType& array);

}  // namespace sluice::postgres
