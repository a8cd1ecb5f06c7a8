#include "simulate/walsender.h"

#include "simulate/schema.h"

namespace sluice::simulate {

namespace encode = postgres::testing;

namespace {

encode::WireValue Wire(const Value& value, uint32_t type) {
  if (!value) return encode::WireValue::Null();
  if (type == kTextOid) return encode::WireValue::Text(*value);
  return encode::WireValue::Int8(std::stoll(*value));
}

encode::WireRow WireOf(const Table& table, const Row& row) {
  encode::WireRow out;
  for (size_t i = 0; i < row.size(); ++i) {
    out.push_back(Wire(row[i], table.source.columns[i].type.oid));
  }
  return out;
}

// 'K': the key, and nothing else of the row.
encode::WireRow KeyOf(const Table& table, const Row& row) {
  encode::WireRow out = WireOf(table, row);
  for (size_t i = 0; i < out.size(); ++i) {
    if (!table.source.columns[i].key) out[i] = encode::WireValue::Null();
  }
  return out;
}

postgres::RelationMessage Shape(const Table& table) {
  postgres::RelationMessage out;
  out.oid = table.source.oid;
  out.schema_name = table.source.schema_name;
  out.name = table.source.name;
  out.replica_identity = table.source.replica_identity;
  for (const postgres::SourceColumn& column : table.source.columns) {
    out.attributes.push_back({column.key || out.replica_identity == 'f', column.name,
                              column.type.oid, column.type.typmod});
  }
  return out;
}

std::string UpdateMessage(const Table& table, const Change& change, encode::Subxid subxid) {
  encode::WireRow now = WireOf(table, change.new_row);
  if (table.wide_column >= 0) {
    const auto wide = static_cast<size_t>(table.wide_column);
    const bool same = change.new_row[wide] && change.new_row[wide] == change.old_row[wide];
    if (same) now[wide] = encode::WireValue::Unchanged();
  }
  const uint32_t oid = table.source.oid;
  if (table.source.replica_identity == 'f') {
    return encode::EncodeUpdate(oid, 'O', WireOf(table, change.old_row), now, subxid);
  }
  if (change.old_row[0] != change.new_row[0]) {
    return encode::EncodeUpdate(oid, 'K', KeyOf(table, change.old_row), now, subxid);
  }
  return encode::EncodeUpdate(oid, '\0', {}, now, subxid);
}

std::string DeleteMessage(const Table& table, const Row& row, encode::Subxid subxid) {
  const uint32_t oid = table.source.oid;
  if (table.source.replica_identity == 'f') {
    return encode::EncodeDelete(oid, 'O', WireOf(table, row), subxid);
  }
  return encode::EncodeDelete(oid, 'K', KeyOf(table, row), subxid);
}

uint32_t Low(uint64_t xid) { return static_cast<uint32_t>(xid); }

}  // namespace

Walsender::Walsender(Database& database, Slot& slot, uint64_t seed, std::function<bool()> connected,
                     std::function<void(Lsn)> confirmed)
    : database_(database),
      slot_(slot),
      random_(seed),
      connected_(std::move(connected)),
      confirmed_(std::move(confirmed)),
      life_(slot.life),
      start_(slot.confirmed),
      stream_from_(static_cast<size_t>(random_.Between(2, 12))) {
  slot_.active = true;
}

Walsender::~Walsender() {
  if (slot_.life == life_) slot_.active = false;
}

Status Walsender::CheckLine() const {
  if (slot_.life == life_ && connected_()) return {};
  return MakeError(ErrorKind::kUnavailable, "the connection to the source is gone");
}

Result<std::optional<std::string_view>> Walsender::Receive() {
  SLUICE_TRY(CheckLine());
  if (random_.OneIn(12)) return std::optional<std::string_view>();  // the rest is still under way
  while (out_.empty() && next_ < database_.wal().size()) Decode(database_.wal()[next_++]);
  if (out_.empty()) {
    decoded_ = database_.end();
    if (!random_.OneIn(3)) return std::optional<std::string_view>();
    out_.push_back(encode::EncodeKeepalive(decoded_, 0, random_.OneIn(4)));
  }
  sent_ = std::move(out_.front());
  out_.pop_front();
  return std::optional<std::string_view>(sent_);
}

Status Walsender::SendStatus(const postgres::StandbyStatus& status, bool want_reply) {
  SLUICE_TRY(CheckLine());
  if (status.flushed > slot_.confirmed) {
    confirmed_(status.flushed);
    slot_.confirmed = status.flushed;
  }
  if (random_.OneIn(5)) slot_.saved = slot_.confirmed;
  // What was decoded is not what was sent: the keepalive stands behind what is still on its way.
  if (want_reply) out_.push_back(encode::EncodeKeepalive(decoded_, 0, false));
  return {};
}

void Walsender::Send(const std::string& message) {
  out_.push_back(encode::WrapData(decoded_, 0, message));
}

void Walsender::Decode(const WalRecord& record) {
  switch (record.kind) {
    case WalRecord::Kind::kCommit:
      Commit(record);
      break;
    case WalRecord::Kind::kAbort:
    case WalRecord::Kind::kSubAbort:
      Abort(record);
      break;
    case WalRecord::Kind::kChange: {
      Buffered& one = open_[record.xid];
      one.changes.push_back(&record);
      // Nothing is streamed below the start: those transactions may be confirmed already.
      if (record.lsn >= start_ && one.changes.size() >= stream_from_) Stream(record.xid, one);
    }
  }
  decoded_ = record.end;
  if (random_.OneIn(30)) out_.push_back(encode::EncodeKeepalive(decoded_, 0, random_.OneIn(3)));
}

void Walsender::Commit(const WalRecord& record) {
  Buffered one = std::move(open_[record.xid]);
  open_.erase(record.xid);
  if (record.lsn < start_) return;
  if (one.streamed) {
    if (!one.changes.empty() || random_.OneIn(2)) Stream(record.xid, one);
    Send(encode::EncodeStreamCommit(Low(record.xid), record.lsn, record.end, record.time_us));
    described_.insert(one.described.begin(), one.described.end());
    return;
  }
  if (one.changes.empty()) return;  // 15 and later say nothing of empty transactions
  Send(encode::EncodeBegin(record.lsn, record.time_us, Low(record.xid)));
  for (const WalRecord* change : one.changes) {
    SendChange(*change, described_, {});
    // A large transaction's keepalives stand before its commit.
    if (random_.OneIn(40)) {
      out_.push_back(encode::EncodeKeepalive(decoded_, 0, random_.OneIn(2)));
    }
  }
  Send(encode::EncodeCommit(record.lsn, record.end, record.time_us));
}

// Of a transaction or of one savepoint in it.
void Walsender::Abort(const WalRecord& record) {
  const auto found = open_.find(record.xid);
  if (found == open_.end()) return;
  Buffered& one = found->second;
  const bool whole = record.kind == WalRecord::Kind::kAbort;
  if (whole ? one.streamed : one.streamed_subs.contains(record.subxid)) {
    Send(encode::EncodeStreamAbort(Low(record.xid), Low(record.subxid)));
    one.described.clear();  // pgoutput.c, pgoutput_stream_abort: described again
  }
  if (whole) {
    open_.erase(found);
    return;
  }
  std::erase_if(one.changes,
                [&](const WalRecord* change) { return change->subxid == record.subxid; });
}

void Walsender::Stream(uint64_t xid, Buffered& one) {
  Send(encode::EncodeStreamStart(Low(xid), !one.streamed));
  one.streamed = true;
  for (const WalRecord* change : one.changes) {
    one.streamed_subs.insert(change->subxid);
    SendChange(*change, one.described, Low(change->subxid));
  }
  Send(encode::EncodeStreamStop());
  one.changes.clear();
}

void Walsender::Describe(size_t table, std::set<uint32_t>& described, encode::Subxid subxid) {
  const Table& one = database_.tables()[table];
  if (described.contains(one.source.oid)) return;
  described.insert(one.source.oid);
  Send(encode::EncodeRelation(Shape(one), subxid));
}

void Walsender::SendChange(const WalRecord& record, std::set<uint32_t>& described,
                           encode::Subxid subxid) {
  const Change& change = record.change;
  if (change.op == 'T') {
    std::vector<uint32_t> oids;
    for (const size_t table : change.truncated) {
      Describe(table, described, subxid);
      oids.push_back(database_.tables()[table].source.oid);
    }
    return Send(encode::EncodeTruncate(oids, 0, subxid));
  }
  Describe(change.table, described, subxid);
  const Table& table = database_.tables()[change.table];
  const uint32_t oid = table.source.oid;
  if (change.op == 'I') Send(encode::EncodeInsert(oid, WireOf(table, change.new_row), subxid));
  if (change.op == 'U') Send(UpdateMessage(table, change, subxid));
  if (change.op == 'D') Send(DeleteMessage(table, change.old_row, subxid));
}

}  // namespace sluice::simulate
