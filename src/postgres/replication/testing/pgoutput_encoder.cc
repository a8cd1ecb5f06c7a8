#include "postgres/replication/testing/pgoutput_encoder.h"

#include <cstring>

namespace sluice::postgres::testing {

namespace {

constexpr int64_t kPostgresEpochUs = 946'684'800'000'000;  // 2000-01-01 in Unix microseconds

class Writer {
 public:
  explicit Writer(char type, Subxid subxid = {}) {
    out_ += type;
    if (subxid) Int(*subxid, 4);
  }
  Writer& Int(uint64_t value, int bytes) {
    for (int i = bytes - 1; i >= 0; --i) out_ += static_cast<char>(value >> (8 * i) & 0xff);
    return *this;
  }
  Writer& Position(Lsn lsn) { return Int(lsn.value, 8); }
  Writer& Time(int64_t unix_us) {
    return Int(static_cast<uint64_t>(unix_us - kPostgresEpochUs), 8);
  }
  Writer& Raw(std::string_view bytes) {
    out_.append(bytes);
    return *this;
  }
  Writer& CString(std::string_view text) { return Raw(text).Int(0, 1); }
  Writer& Char(char value) {
    out_ += value;
    return *this;
  }
  Writer& Row(char form, const WireRow& row) {
    Char(form).Int(row.size(), 2);
    for (const WireValue& value : row) {
      Char(value.form);
      if (value.form == 't' || value.form == 'b') Int(value.bytes.size(), 4).Raw(value.bytes);
    }
    return *this;
  }
  std::string Take() { return std::move(out_); }

 private:
  std::string out_;
};

std::string BigEndian(uint64_t value, int bytes) {
  return Writer('\0').Int(value, bytes).Take().substr(1);
}

}  // namespace

WireValue WireValue::Int4(int32_t value) {
  return Binary(BigEndian(static_cast<uint32_t>(value), 4));
}

WireValue WireValue::Int8(int64_t value) {
  return Binary(BigEndian(static_cast<uint64_t>(value), 8));
}

std::string EncodeBegin(Lsn commit_lsn, int64_t commit_time_us, uint32_t xid) {
  return Writer('B').Position(commit_lsn).Time(commit_time_us).Int(xid, 4).Take();
}

std::string EncodeCommit(Lsn commit_lsn, Lsn end_lsn, int64_t commit_time_us) {
  return Writer('C').Int(0, 1).Position(commit_lsn).Position(end_lsn).Time(commit_time_us).Take();
}

std::string EncodeOrigin(Lsn origin_lsn, std::string_view name) {
  return Writer('O').Position(origin_lsn).CString(name).Take();
}

std::string EncodeRelation(const RelationMessage& relation, Subxid subxid) {
  Writer out('R', subxid);
  out.Int(relation.oid, 4);
  out.CString(relation.schema_name == "pg_catalog" ? "" : relation.schema_name);
  out.CString(relation.name).Char(relation.replica_identity);
  out.Int(relation.attributes.size(), 2);
  for (const RelationMessage::Attribute& attribute : relation.attributes) {
    out.Int(attribute.key ? 1 : 0, 1).CString(attribute.name);
    out.Int(attribute.type_oid, 4).Int(static_cast<uint32_t>(attribute.typmod), 4);
  }
  return out.Take();
}

std::string EncodeType(uint32_t oid, std::string_view schema, std::string_view name,
                       Subxid subxid) {
  return Writer('Y', subxid).Int(oid, 4).CString(schema).CString(name).Take();
}

std::string EncodeInsert(uint32_t relation, const WireRow& now, Subxid subxid) {
  return Writer('I', subxid).Int(relation, 4).Row('N', now).Take();
}

std::string EncodeUpdate(uint32_t relation, char old_form, const WireRow& old, const WireRow& now,
                         Subxid subxid) {
  Writer out('U', subxid);
  out.Int(relation, 4);
  if (old_form != '\0') out.Row(old_form, old);
  return out.Row('N', now).Take();
}

std::string EncodeDelete(uint32_t relation, char old_form, const WireRow& old, Subxid subxid) {
  return Writer('D', subxid).Int(relation, 4).Row(old_form, old).Take();
}

std::string EncodeTruncate(const std::vector<uint32_t>& relations, uint8_t options, Subxid subxid) {
  Writer out('T', subxid);
  out.Int(relations.size(), 4).Int(options, 1);
  for (const uint32_t oid : relations) out.Int(oid, 4);
  return out.Take();
}

std::string EncodeLogicalMessage(bool transactional, Lsn lsn, std::string_view prefix,
                                 std::string_view content, Subxid subxid) {
  Writer out('M', subxid);
  out.Int(transactional ? 1 : 0, 1).Position(lsn).CString(prefix);
  return out.Int(content.size(), 4).Raw(content).Take();
}

std::string EncodeStreamStart(uint32_t xid, bool first) {
  return Writer('S').Int(xid, 4).Int(first ? 1 : 0, 1).Take();
}

std::string EncodeStreamStop() { return Writer('E').Take(); }

std::string EncodeStreamCommit(uint32_t xid, Lsn commit_lsn, Lsn end_lsn, int64_t commit_time_us) {
  return Writer('c')
      .Int(xid, 4)
      .Int(0, 1)
      .Position(commit_lsn)
      .Position(end_lsn)
      .Time(commit_time_us)
      .Take();
}

std::string EncodeStreamAbort(uint32_t xid, uint32_t subxid) {
  return Writer('A').Int(xid, 4).Int(subxid, 4).Take();
}

std::string WrapData(Lsn lsn, int64_t clock_us, std::string_view message) {
  return Writer('w').Position(lsn).Position(lsn).Time(clock_us).Raw(message).Take();
}

std::string EncodeKeepalive(Lsn wal_end, int64_t clock_us, bool reply_requested) {
  return Writer('k').Position(wal_end).Time(clock_us).Int(reply_requested ? 1 : 0, 1).Take();
}

}  // namespace sluice::postgres::testing
