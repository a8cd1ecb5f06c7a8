#include "simulate/sim_source.h"

namespace sluice::simulate {

namespace {
constexpr int kServerVersion = 150004;
}  // namespace

SimSource::SimSource(Database& database, uint64_t seed, std::function<bool()> connected,
                     std::function<void(Lsn)> confirmed)
    : database_(database),
      random_(seed),
      connected_(std::move(connected)),
      confirmed_(std::move(confirmed)) {}

Status SimSource::CheckLine() const {
  if (connected_()) return {};
  return MakeError(ErrorKind::kUnavailable, "the source does not answer");
}

Result<postgres::SourceIdentity> SimSource::Identify() {
  SLUICE_TRY(CheckLine());
  return postgres::SourceIdentity{
      system_id_, 1, "shop", 5, rolled_back_to_.value_or(database_.end()), kServerVersion};
}

Result<std::vector<postgres::SourceTable>> SimSource::ListTables() {
  SLUICE_TRY(CheckLine());
  std::vector<postgres::SourceTable> out;
  for (const Table& table : database_.tables()) out.push_back(table.source);
  return out;
}

Result<std::optional<postgres::SourceTable>> SimSource::DescribeTable(uint32_t oid) {
  SLUICE_TRY(CheckLine());
  for (const Table& table : database_.tables()) {
    if (table.source.oid == oid) return std::optional(table.source);
  }
  return std::optional<postgres::SourceTable>();
}

Result<std::optional<postgres::SlotState>> SimSource::FindSlot(const std::string&) {
  SLUICE_TRY(CheckLine());
  if (!slot_.exists) return std::optional<postgres::SlotState>();
  postgres::SlotState out;
  out.plugin = "pgoutput";
  out.database = "shop";
  out.restart_lsn = out.confirmed_lsn = slot_.confirmed;
  out.wal_status = slot_.lost ? "lost" : "reserved";
  return std::optional(out);
}

Result<postgres::PublicationGaps> SimSource::FindPublicationGaps(
    const std::string&, std::span<const postgres::PublishedTable>) {
  SLUICE_TRY(CheckLine());
  return postgres::PublicationGaps{};
}

Result<postgres::PublicationChange> SimSource::EnsurePublication(
    const std::string&, std::span<const postgres::PublishedTable>, const std::stop_token&) {
  SLUICE_TRY(CheckLine());
  return postgres::PublicationChange{};
}

// Others go on between the snapshot and the question how far the log is.
pipeline::HeldSnapshot SimSource::Hold() {
  pipeline::HeldSnapshot out;
  out.name = fmt::format("snapshot {}", next_snapshot_++);
  Snapshot snapshot = database_.TakeSnapshot();
  out.visibility = snapshot.visibility;
  snapshots_.emplace(out.name, std::move(snapshot));
  for (int i = random_.Below(4); i > 0; --i) database_.Step();
  out.insert_lsn = database_.end();
  return out;
}

// The slot's snapshot is made from the log, so it sees every commit in it; the copy waits until the
// others do too.
Result<pipeline::NewSlot> SimSource::CreateSlot(const std::string&) {
  SLUICE_TRY(CheckLine());
  database_.ShowAll();
  slot_.exists = true;
  slot_.confirmed = slot_.saved = slot_start_ = database_.end();
  return pipeline::NewSlot{slot_.confirmed, Hold()};
}

Result<pipeline::HeldSnapshot> SimSource::HoldSnapshot() {
  SLUICE_TRY(CheckLine());
  return Hold();
}

Result<std::unique_ptr<postgres::ReplicationSource>> SimSource::StartStream(
    const postgres::StreamOptions&) {
  SLUICE_TRY(CheckLine());
  if (!slot_.exists) return MakeError(ErrorKind::kConfig, "no such slot").WithCode("42704");
  if (slot_.active) {
    return MakeError(ErrorKind::kConfig, "the slot is active for another process")
        .WithCode("55006");
  }
  return std::unique_ptr<postgres::ReplicationSource>(
      std::make_unique<Walsender>(database_, slot_, random_.Next(), connected_, confirmed_));
}

Result<SnapshotVisibility> SimSource::CurrentSnapshot() {
  SLUICE_TRY(CheckLine());
  return database_.TakeSnapshot().visibility;
}

Status SimSource::WaitForHidden() {
  SLUICE_TRY(CheckLine());
  database_.ShowAll();
  return {};
}

Result<Lsn> SimSource::PositionToReach() {
  SLUICE_TRY(CheckLine());
  return database_.end();
}

void SimSource::Restart(bool crashed) {
  DropConnections();
  database_.AbortAll();
  database_.ShowAll();
  if (crashed) slot_.confirmed = slot_.saved;
}

void SimSource::GoBack(Lsn end) {
  DropConnections();
  database_.RollBackTo(end);
  slot_.confirmed = slot_.saved = std::min(slot_.confirmed, end);
}

}  // namespace sluice::simulate
