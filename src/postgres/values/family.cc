#include "postgres/values/family.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace sluice::postgres {

namespace {

struct Known {
  uint32_t oid;  // src/include/catalog/pg_type.dat: stable over all versions
  Family family;
};

constexpr auto kKnown = std::to_array<Known>({
    {16, Family::kBool},             // bool
    {17, Family::kBytea},            // bytea
    {18, Family::kCharByte},         // "char"
    {19, Family::kText},             // name
    {20, Family::kInt8},             // int8
    {21, Family::kInt2},             // int2
    {23, Family::kInt4},             // int4
    {25, Family::kText},             // text
    {26, Family::kUint32},           // oid
    {27, Family::kTid},              // tid
    {28, Family::kUint32},           // xid
    {29, Family::kUint32},           // cid
    {114, Family::kText},            // json
    {142, Family::kText},            // xml
    {650, Family::kInet},            // cidr
    {700, Family::kFloat4},          // float4
    {701, Family::kFloat8},          // float8
    {774, Family::kMacaddr},         // macaddr8
    {790, Family::kMoney},           // money
    {829, Family::kMacaddr},         // macaddr
    {869, Family::kInet},            // inet
    {1042, Family::kText},           // bpchar
    {1043, Family::kText},           // varchar
    {1082, Family::kDate},           // date
    {1083, Family::kTime},           // time
    {1114, Family::kTimestamp},      // timestamp
    {1184, Family::kTimestampTz},    // timestamptz
    {1186, Family::kInterval},       // interval
    {1266, Family::kTimeTz},         // timetz
    {1560, Family::kBit},            // bit
    {1562, Family::kBit},            // varbit
    {1700, Family::kNumeric},        // numeric
    {1790, Family::kText},           // refcursor
    {2950, Family::kUuid},           // uuid
    {3220, Family::kPgLsn},          // pg_lsn
    {3802, Family::kVersionedText},  // jsonb
    {4072, Family::kVersionedText},  // jsonpath
    {5069, Family::kXid8},           // xid8
});
static_assert(std::is_sorted(kKnown.begin(), kKnown.end(),
                             [](const Known& a, const Known& b) { return a.oid < b.oid; }));

constexpr uint32_t kInt2Vector = 22;  // array-like by catalog, but neither in text nor in bounds
constexpr uint32_t kOidVector = 30;
constexpr uint32_t kBox = 603;
// FirstNormalObjectId, src/include/access/transam.h: below it oids are the same everywhere.
constexpr uint32_t kFirstNormalOid = 16384;

// Extension types have another oid in each database; their names come with the schema.
Family FamilyOfExtension(std::string_view name) {
  const std::string_view last = name.substr(name.rfind('.') + 1);
  if (last == "citext") return Family::kText;
  if (last == "ltree" || last == "lquery" || last == "ltxtquery") return Family::kVersionedText;
  return Family::kOther;
}

}  // namespace

Family FamilyOf(const SourceType& type) {
  if (type.kind == 'e') return Family::kText;
  if (type.kind != 'b') return Family::kOther;
  if (type.base_oid == kInt2Vector || type.base_oid == kOidVector) return Family::kOther;
  if (type.element_oid != 0 && type.category == 'A') return Family::kArray;
  const auto* known = std::lower_bound(kKnown.begin(), kKnown.end(), type.base_oid,
                                       [](const Known& k, uint32_t oid) { return k.oid < oid; });
  if (known != kKnown.end() && known->oid == type.base_oid) return known->family;
  return type.base_oid >= kFirstNormalOid ? FamilyOfExtension(type.name) : Family::kOther;
}

SourceType ElementOf(const SourceType& array) {
  SourceType out;
  out.oid = out.base_oid = array.element_oid;
  out.typmod = array.element_typmod != -1 ? array.element_typmod : array.typmod;
  out.kind = array.element_kind;
  out.has_send = array.has_send;
  out.money_digits = array.money_digits;
  out.element_delimiter = array.element_oid == kBox ? ';' : array.element_delimiter;
  return out;
}

}  // namespace sluice::postgres
