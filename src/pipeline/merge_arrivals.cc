// How tables come into the groups of a merge loop: at start, after a copy, again after somebody
// else touched them.
#include "base/log.h"
#include "pipeline/foreign_change.h"
#include "pipeline/merge_loop_internal.h"

namespace sluice::pipeline {

Status MergeLoop::AddLive(std::unique_ptr<MirrorTable> table) {
  if (main_->empty()) {
    SLUICE_LET(auto reader, readers_(), "opening the bus");
    const Cut at = table->position();
    SLUICE_LET(const Lsn held, reader->Seek(0, at.lsn), "reading the bus");
    if (held > at.lsn) return AddCatchingUp(std::move(table));  // says why it fails
    main_ = std::make_unique<MergeGroup>(lake_, std::move(reader), at);
  }
  if (table->position() != main_->position()) return AddCatchingUp(std::move(table));
  main_->Add(std::move(table));
  return {};
}

Status MergeLoop::AddCatchingUp(std::unique_ptr<MirrorTable> table,
                                std::optional<MergeGroup::End> end) {
  const std::string hint = HintFor(table->chosen());
  const Cut at = table->position();
  SLUICE_LET(auto reader, readers_(), "opening the bus");
  SLUICE_LET(const Lsn held, reader->Seek(0, at.lsn), "reading the bus");
  if (held > at.lsn) {
    ParkTable(std::move(table), TableState::kFailed,
              fmt::format("the bus holds changes from {} on only, this table needs {}",
                          ToString(held), ToString(at.lsn)),
              hint);
    return {};
  }
  auto group = std::make_unique<MergeGroup>(lake_, std::move(reader), at);
  group->Add(std::move(table));
  if (end) group->EndAt(std::move(*end));
  catching_up_.push_back(std::move(group));
  return {};
}

void MergeLoop::Arrive(ChosenTable chosen, Cut from, OpenTable open,
                       std::optional<MergeGroup::End> end) {
  arrivals_.push_back({std::move(chosen), from, std::move(open), std::move(end)});
}

void MergeLoop::TakeArrivals() {
  std::erase_if(arrivals_, [this](Arrival& arrival) { return TakeArrival(arrival); });
}

// Whether it is done with, in a group or failed. Others do not wait for one that is hindered.
bool MergeLoop::TakeArrival(Arrival& arrival) {
  const int64_t now = lake_.clock.SteadyMicros();
  if (now < arrival.due_us) return false;
  auto opened = arrival.open();
  const Status added =
      opened ? AddCatchingUp(std::move(*opened), arrival.end) : Status(opened.error());
  if (added) return true;
  const Error& error = added.error();
  const std::string name = arrival.chosen.mirror.schema.QualifiedName();
  if (Passes(error)) {
    log::Get("merge")->warn("opening {}, trying again: {}", name, error.message());
    arrival.due_us = now + Backoff(arrival.attempts++);
    return false;
  }
  log::Get("merge")->error("{} failed: {}. {}", name, error.message(), error.hint());
  TableStatus status;
  status.state = TableState::kFailed;
  status.reason = error.message();
  status.hint = error.hint().empty() ? HintFor(arrival.chosen) : error.hint();
  // What was never in the lake has no position to go on from.
  const auto parked = parked_.find(name);
  const bool copied = parked != parked_.end() && !parked->second.position;
  Park(arrival.chosen, status, copied ? std::nullopt : std::optional(arrival.from));
  Remember(arrival.chosen.lake, TableState::kFailed, status.reason, status.hint);
  return true;
}

void MergeLoop::Reopen(const ChosenTable& chosen, Cut position,
                       std::optional<iceberg::SnapshotId> marked,
                       std::optional<MergeGroup::End> end) {
  Arrive(
      chosen, position,
      [this, chosen, position, marked] { return OpenAgain(chosen, position, marked); },
      std::move(end));
}

// Nothing: it has none, or none that can be told.
std::optional<iceberg::SnapshotId> MergeLoop::MarkedSnapshot(const MirrorTable& table) const {
  const auto marks = iceberg::FindMarks(table.loaded().metadata, lake_.source, lake_.options.name);
  if (!marks || !*marks) return std::nullopt;
  return (*marks)->snapshot_id;
}

// Whether somebody else made a table where this one's first commit should have made it.
bool MergeLoop::IsAnothers(const MirrorTable& table) const {
  const auto now = lake_.catalog.Load(table.loaded().identifier);
  return now && *now && (*now)->metadata.table_uuid != table.loaded().metadata.table_uuid;
}

Result<std::unique_ptr<MirrorTable>> MergeLoop::OpenAgain(
    const ChosenTable& chosen, Cut position, std::optional<iceberg::SnapshotId> marked) const {
  SLUICE_LET(const auto loaded, lake_.catalog.Load(chosen.lake));
  if (!loaded) {
    return MakeError(ErrorKind::kUnsupported, "the lake table was dropped by another program");
  }
  SLUICE_LET(const auto foreign, ForeignChange(loaded->metadata, lake_.source, lake_.options.name));
  if (foreign) return Error(ErrorKind::kUnsupported, *foreign);
  SLUICE_LET(const auto marks,
             iceberg::FindMarks(loaded->metadata, lake_.source, lake_.options.name));
  if (marks->snapshot_id != marked) position = marks->marks.cut;
  return MirrorTable::OpenLive(lake_, chosen, *loaded, position);
}

}  // namespace sluice::pipeline
