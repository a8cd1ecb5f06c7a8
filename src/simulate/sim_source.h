// The source seam over the simulated database: its slot, its snapshots, its stream.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "pipeline/source.h"
#include "simulate/walsender.h"

namespace sluice::simulate {

class SimSource final : public pipeline::Source {
 public:
  // Outlive this. `connected`: the machine between has power; `confirmed` as Walsender's.
  SimSource(Database& database, uint64_t seed, std::function<bool()> connected,
            std::function<void(Lsn)> confirmed);

  Result<postgres::SourceIdentity> Identify() override;
  Result<std::vector<postgres::SourceTable>> ListTables() override;
  Result<std::optional<postgres::SourceTable>> DescribeTable(uint32_t oid) override;
  Result<std::optional<postgres::SlotState>> FindSlot(const std::string& slot) override;
  Result<postgres::PublicationGaps> FindPublicationGaps(
      const std::string& name, std::span<const postgres::PublishedTable> tables) override;
  Result<postgres::PublicationChange> EnsurePublication(
      const std::string& name, std::span<const postgres::PublishedTable> tables,
      const std::stop_token& stop) override;
  Result<pipeline::NewSlot> CreateSlot(const std::string& slot) override;
  Result<pipeline::HeldSnapshot> HoldSnapshot() override;
  Result<std::unique_ptr<postgres::ReplicationSource>> StartStream(
      const postgres::StreamOptions& options) override;
  Result<SnapshotVisibility> CurrentSnapshot() override;
  Status WaitForHidden() override;
  Result<Lsn> PositionToReach() override;

  // What a copy under that snapshot reads.
  const Snapshot& Find(const std::string& name) const { return snapshots_.at(name); }
  void Forget(const std::string& name) { snapshots_.erase(name); }

  // Where the slot began.
  Lsn slot_start() const { return slot_start_; }
  Lsn slot_confirmed() const { return slot_.confirmed; }
  // Streams break; a server that crashed may have an older word of the slot.
  void DropConnections() {
    ++slot_.life;
    slot_.active = false;
  }
  void Restart(bool crashed);
  void DropSlot() {
    slot_ = {.exists = false, .confirmed = {}, .saved = {}, .life = slot_.life + 1};
  }
  // max_slot_wal_keep_size was too small.
  void LoseSlot() { slot_.lost = true; }
  void BecomeAnother() { system_id_ = "7000000000000000002"; }
  // As a restored backup: the log ends earlier than it did.
  void RollBack(Lsn end) { rolled_back_to_ = end; }
  // The same, slot and all, so that it may go on from there.
  void GoBack(Lsn end);

 private:
  Status CheckLine() const;
  pipeline::HeldSnapshot Hold();

  Database& database_;
  Random random_;
  std::function<bool()> connected_;
  std::function<void(Lsn)> confirmed_;
  std::string system_id_ = "7000000000000000001";
  Slot slot_;
  Lsn slot_start_;
  std::map<std::string, Snapshot> snapshots_;
  int next_snapshot_ = 1;
  std::optional<Lsn> rolled_back_to_;
};

}  // namespace sluice::simulate
