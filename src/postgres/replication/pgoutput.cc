#include "postgres/replication/pgoutput.h"

#include "base/byte_reader.h"

namespace sluice::postgres {

namespace {

// 2000-01-01 in Unix microseconds (POSTGRES_EPOCH_JDATE).
constexpr int64_t kPostgresEpochUs = 946'684'800'000'000;

int64_t ReadTime(ByteReader& in) {
  return static_cast<int64_t>(in.U64() + static_cast<uint64_t>(kPostgresEpochUs));
}

bool ReadTuple(ByteReader& in, Tuple& out) {
  out.resize(in.U16());
  for (Field& field : out) {
    field.form = static_cast<char>(in.U8());
    switch (field.form) {
      case 'n':
      case 'u':
        field.bytes = {};
        break;
      case 't':
      case 'b':
        field.bytes = in.Bytes(in.U32());
        break;
      default:
        return false;
    }
    if (!in.ok()) return false;
  }
  return in.ok();
}

bool ReadRelation(ByteReader& in, RelationMessage& out) {
  out.oid = in.U32();
  out.schema_name = in.CString();
  if (out.schema_name.empty()) out.schema_name = "pg_catalog";  // logicalrep_write_namespace
  out.name = in.CString();
  out.replica_identity = static_cast<char>(in.U8());
  const size_t count = in.U16();
  out.attributes.clear();
  for (size_t i = 0; i < count && in.ok(); ++i) {
    RelationMessage::Attribute attribute;
    attribute.key = (in.U8() & 1) != 0;
    attribute.name = in.CString();
    attribute.type_oid = in.U32();
    attribute.typmod = in.I32();
    out.attributes.push_back(std::move(attribute));
  }
  return in.ok();
}

bool ReadUpdate(ByteReader& in, PgoutputMessage& out) {
  out.relation_oid = in.U32();
  out.old_form = '\0';
  char form = static_cast<char>(in.U8());
  if (form == 'K' || form == 'O') {
    out.old_form = form;
    if (!ReadTuple(in, out.old_row)) return false;
    form = static_cast<char>(in.U8());
  }
  return form == 'N' && ReadTuple(in, out.new_row);
}

bool ReadDelete(ByteReader& in, PgoutputMessage& out) {
  out.relation_oid = in.U32();
  out.old_form = static_cast<char>(in.U8());
  return (out.old_form == 'K' || out.old_form == 'O') && ReadTuple(in, out.old_row);
}

bool ReadTruncate(ByteReader& in, PgoutputMessage& out) {
  const size_t count = in.U32();
  in.U8();  // cascade, restart identity: every relation is listed, sequences are not ours
  if (!in.ok() || count > in.remaining() / 4) return false;
  out.truncated.resize(count);
  for (uint32_t& oid : out.truncated) oid = in.U32();
  return in.ok();
}

void ReadCommit(ByteReader& in, PgoutputMessage& out) {
  in.U8();  // flags, unused
  out.commit_lsn = Lsn{in.U64()};
  out.end_lsn = Lsn{in.U64()};
  out.commit_time_us = ReadTime(in);
}

void ReadBegin(ByteReader& in, PgoutputMessage& out) {
  out.commit_lsn = Lsn{in.U64()};
  out.commit_time_us = ReadTime(in);
  out.xid = in.U32();
}

bool ReadLogicalMessage(ByteReader& in) {
  in.U8();
  in.U64();
  in.CString();
  in.Bytes(in.U32());
  return in.ok();
}

// False: a grammar error that the reader itself did not see.
bool ReadChange(ByteReader& in, PgoutputMessage& out) {
  switch (out.type) {
    case MessageType::kRelation:
      return ReadRelation(in, out.relation);
    case MessageType::kInsert:
      out.relation_oid = in.U32();
      return in.U8() == 'N' && ReadTuple(in, out.new_row);
    case MessageType::kUpdate:
      return ReadUpdate(in, out);
    case MessageType::kDelete:
      return ReadDelete(in, out);
    case MessageType::kTruncate:
      return ReadTruncate(in, out);
    case MessageType::kType:
      in.U32();
      in.CString();
      in.CString();
      return in.ok();
    case MessageType::kLogicalMessage:
      return ReadLogicalMessage(in);
    default:
      return false;
  }
}

bool ReadControl(ByteReader& in, PgoutputMessage& out) {
  switch (out.type) {
    case MessageType::kBegin:
      ReadBegin(in, out);
      return true;
    case MessageType::kCommit:
      ReadCommit(in, out);
      return true;
    case MessageType::kOrigin:
      in.U64();
      in.CString();
      return true;
    case MessageType::kStreamStart:
      out.xid = in.U32();
      in.U8();  // whether it is the first block: we know
      return true;
    case MessageType::kStreamStop:
      return true;
    case MessageType::kStreamCommit:
      out.xid = in.U32();
      ReadCommit(in, out);
      return true;
    case MessageType::kStreamAbort:
      out.xid = in.U32();
      out.subxid = in.U32();
      return true;
    default:
      return false;
  }
}

bool IsChange(char type) {
  return std::string_view("RYIUDTM").find(type) != std::string_view::npos;
}

bool IsControl(char type) {
  return std::string_view("BCOSEcA").find(type) != std::string_view::npos;
}

}  // namespace

Status ParsePgoutput(std::string_view bytes, bool in_stream, PgoutputMessage& out) {
  if (bytes.empty()) return MakeError(ErrorKind::kCorrupt, "pgoutput: an empty message");
  ByteReader in(bytes.substr(1));
  const char type = bytes[0];
  out.type = static_cast<MessageType>(type);
  bool good = false;
  if (IsChange(type)) {
    out.xid = in_stream ? in.U32() : 0;
    good = ReadChange(in, out);
  } else if (IsControl(type)) {
    good = ReadControl(in, out);
  } else {
    return MakeError(ErrorKind::kCorrupt, "pgoutput: unknown message type 0x{:02x}",
                     static_cast<unsigned char>(type));
  }
  if (good && in.done()) return {};
  return MakeError(ErrorKind::kCorrupt, "pgoutput: a message '{}' of {} bytes breaks at byte {}",
                   type, bytes.size(), in.position() + 1);
}

uint32_t PeekSubxid(std::string_view bytes) {
  if (bytes.empty() || !IsChange(bytes[0])) return 0;
  return ByteReader(bytes.substr(1)).U32();
}

}  // namespace sluice::postgres
