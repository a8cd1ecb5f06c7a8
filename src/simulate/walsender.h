// What Postgres makes of its log for a subscriber: whole transactions in commit order from a
// position on, large ones in pieces while they are still open (protocol 2).
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "postgres/replication/replication_source.h"
#include "postgres/replication/testing/pgoutput_encoder.h"
#include "simulate/database.h"

namespace sluice::simulate {

// A replication slot, and what it takes to break it.
struct Slot {
  bool exists = false;
  Lsn confirmed;
  Lsn saved;            // `confirmed` as a server that crashes remembers it
  uint64_t life = 0;    // streams of an earlier life are broken
  bool active = false;  // a stream of this life reads it
  bool lost = false;    // its log was removed
};

class Walsender final : public postgres::ReplicationSource {
 public:
  // All outlive this. `connected` is asked before anything goes over the line; `confirmed` is told
  // of every position before the slot takes it.
  Walsender(Database& database, Slot& slot, uint64_t seed, std::function<bool()> connected,
            std::function<void(Lsn)> confirmed);
  ~Walsender() override;
  Walsender(const Walsender&) = delete;
  Walsender& operator=(const Walsender&) = delete;

  Result<std::optional<std::string_view>> Receive() override;
  Status SendStatus(const postgres::StandbyStatus& status, bool want_reply) override;
  void WaitReadable(int64_t) override {}

 private:
  struct Buffered {  // an open transaction's changes
    std::vector<const WalRecord*> changes;
    bool streamed = false;
    std::set<uint64_t> streamed_subs;
    std::set<uint32_t> described;  // relations, within this stream
  };

  Status CheckLine() const;
  void Decode(const WalRecord& record);
  void Commit(const WalRecord& record);
  void Abort(const WalRecord& record);
  void Stream(uint64_t xid, Buffered& one);
  void Send(const std::string& message);
  void SendChange(const WalRecord& record, std::set<uint32_t>& described,
                  postgres::testing::Subxid subxid);
  void Describe(size_t table, std::set<uint32_t>& described, postgres::testing::Subxid subxid);

  Database& database_;
  Slot& slot_;
  Random random_;
  std::function<bool()> connected_;
  std::function<void(Lsn)> confirmed_;
  uint64_t life_;
  Lsn start_;
  size_t stream_from_;  // changes that a transaction holds before it is streamed
  size_t next_ = 0;     // in the log
  Lsn decoded_;
  std::map<uint64_t, Buffered> open_;
  std::set<uint32_t> described_;
  std::deque<std::string> out_;
  std::string sent_;
};

}  // namespace sluice::simulate
