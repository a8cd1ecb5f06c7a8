#include "pipeline/start_decision.h"

#include <algorithm>

namespace sluice::pipeline {

namespace {

constexpr char kStartOver[] =
    "`sluice drop --keep-lake` removes what is left of the slot; `sluice tables resync --all` "
    "marks "
    "every table to be copied again; then `sluice run`. Readers see the last good state until then";

Error NotOurs(std::string why) {
  return Error(ErrorKind::kConfig, std::move(why)).WithHint(kStartOver);
}

Status CheckSource(const StartFindings& found) {
  for (const StartFindings::Table& table : found.tables) {
    if (!table.position || table.source == found.source) continue;
    return NotOurs(fmt::format(
        "{} was filled from source {} (system identifier/timeline/database), this is {}",
        table.name, table.source, found.source));
  }
  return {};
}

Status CheckSlot(const StartFindings& found, bool has_marks) {
  if (!found.slot) {
    if (!has_marks) return {};
    return NotOurs(fmt::format(
        "replication slot {} is gone: changes since the last commit were not kept for us",
        found.slot_name));
  }
  if (found.slot->lost) {
    return NotOurs(
        fmt::format("replication slot {} is lost: the server removed WAL that was still needed "
                    "(max_slot_wal_keep_size)",
                    found.slot_name));
  }
  if (!found.slot->logical_pgoutput || !found.slot->same_database) {
    return MakeError(ErrorKind::kConfig, "replication slot {} is not ours: another {}",
                     found.slot_name, found.slot->same_database ? "plugin" : "database")
        .WithHint("choose another name under `source: slot:`");
  }
  return {};
}

// Where a publication is missing the stream breaks, also when it was made again since: the server
// looks at the catalog as of each change.
Status CheckPublications(const StartFindings& found, bool has_marks) {
  if (!has_marks || found.missing_publications.empty()) return {};
  return NotOurs(fmt::format("publication {} is gone: changes since then were not sent to us",
                             found.missing_publications.front()));
}

Status CheckNotRolledBack(const StartFindings& found) {
  Lsn newest = found.bus ? found.bus->last_cut : Lsn{};
  for (const auto& table : found.tables) newest = std::max(newest, table.position.value_or(Lsn{}));
  if (found.source_wal >= newest) return {};
  return NotOurs(fmt::format(
      "the source's WAL ends at {}, before {} that was already mirrored: it was rolled back to an "
      "older state (restored backup or image)",
      ToString(found.source_wal), ToString(newest)));
}

}  // namespace

Result<StartDecision> DecideStart(const StartFindings& found) {
  const bool has_marks = std::any_of(found.tables.begin(), found.tables.end(),
                                     [](const auto& table) { return table.position.has_value(); });
  SLUICE_TRY(CheckSource(found));
  SLUICE_TRY(CheckSlot(found, has_marks));
  SLUICE_TRY(CheckNotRolledBack(found));
  SLUICE_TRY(CheckPublications(found, has_marks));
  StartDecision out;
  out.create_slot = !found.slot.has_value();
  const Lsn confirmed = found.slot ? found.slot->confirmed : Lsn{};
  // A bus that ends before the slot begins lacks what lies between; one without a slot is old.
  const bool bus_usable = found.bus && found.slot && found.bus->last_cut >= confirmed;
  out.set_bus_aside = found.bus && !bus_usable;
  out.new_bus = !bus_usable;
  out.bus_start = confirmed;
  const Lsn held_from = bus_usable ? found.bus->first : confirmed;
  for (const StartFindings::Table& table : found.tables) {
    TableStart start = TableStart::kCopy;
    if (table.position) {
      start = *table.position < held_from ? TableStart::kHole
              : table.published           ? TableStart::kFollow
                                          : TableStart::kUnpublished;
    }
    out.tables[table.name] = start;
  }
  return out;
}

}  // namespace sluice::pipeline
