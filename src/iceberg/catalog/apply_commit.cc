#include <algorithm>
#include <charconv>
#include <set>
#include <string_view>
#include <utility>

#include "iceberg/catalog/catalog.h"

namespace sluice::iceberg {

namespace {

constexpr const char* kMain = "main";
// Iceberg's default of write.metadata.previous-versions-max.
constexpr size_t kPreviousVersionsDefault = 100;

template <typename... Visitors>
struct Overloaded : Visitors... {
  using Visitors::operator()...;
};
template <typename... Visitors>
Overloaded(Visitors...) -> Overloaded<Visitors...>;

Error Conflict(const TableCommit& commit, std::string why) {
  return MakeError(ErrorKind::kConflict, "{}: {}", commit.table.ToString(), why);
}

Status CheckHead(const LoadedTable* base, const TableCommit& commit, const AssertHead& wanted) {
  const auto head = base != nullptr ? base->metadata.current_snapshot_id : std::nullopt;
  if (head == wanted.snapshot_id) return {};
  return Conflict(commit, fmt::format("its head is snapshot {}, {} was expected", head.value_or(-1),
                                      wanted.snapshot_id.value_or(-1)));
}

Status CheckRequirement(const LoadedTable* base, const TableCommit& commit,
                        const Requirement& requirement) {
  return std::visit(
      Overloaded{[&](const AssertCreate&) -> Status {
                   if (base == nullptr) return {};
                   return Conflict(commit, "the table exists already");
                 },
                 [&](const AssertTableUuid& wanted) -> Status {
                   if (base == nullptr) return Conflict(commit, "the table does not exist");
                   if (base->metadata.table_uuid == wanted.uuid) return {};
                   return Conflict(commit, "another table stands under this name now");
                 },
                 [&](const AssertHead& wanted) { return CheckHead(base, commit, wanted); }},
      requirement);
}

// Statistics files belong to their snapshot and leave the metadata with it.
void ForgetStatistics(Json& extra, const std::set<SnapshotId>& removed) {
  for (const char* member : {"statistics", "partition-statistics"}) {
    if (!extra.is_object() || !extra.contains(member) || !extra[member].is_array()) continue;
    Json kept = Json::array();
    for (const Json& entry : extra[member]) {
      const bool gone = entry.is_object() && entry.contains("snapshot-id") &&
                        entry["snapshot-id"].is_number_integer() &&
                        removed.contains(entry["snapshot-id"].get<SnapshotId>());
      if (!gone) kept.push_back(entry);
    }
    extra[member] = std::move(kept);
  }
}

class Applier {
 public:
  Applier(const LoadedTable* base, const TableCommit& commit) : base_(base), commit_(commit) {
    if (base != nullptr) metadata_ = base->metadata;
    exists_ = base != nullptr;
  }

  Status Apply(const Update& update) {
    if (!exists_ && !std::holds_alternative<CreateTable>(update)) {
      return Conflict(commit_, "the table does not exist");
    }
    return std::visit([this](const auto& one) { return One(one); }, update);
  }

  Result<TableMetadata> Finish(int64_t now_ms) {
    SLUICE_TRY(CheckRefs());
    if (removed_snapshots_) CutSnapshotLog();
    // A commit with a snapshot takes the snapshot's own time, so that sending it again makes the
    // same bytes.
    if (!added_snapshot_) Touch(now_ms);
    if (base_ != nullptr && !replaced_) AppendMetadataLog(*base_);
    return std::move(metadata_);
  }

 private:
  Status One(const CreateTable& update) {
    const bool checked = std::any_of(commit_.requirements.begin(), commit_.requirements.end(),
                                     [this](const Requirement& one) {
                                       return exists_ ? std::holds_alternative<AssertTableUuid>(one)
                                                      : std::holds_alternative<AssertCreate>(one);
                                     });
    if (!checked) {
      return MakeError(ErrorKind::kInternal, "{}: created without saying what stands there",
                       commit_.table.ToString());
    }
    metadata_ = update.metadata;
    replaced_ = exists_;
    exists_ = true;
    return {};
  }

  Status One(const AddSnapshot& update) {
    const Snapshot& snapshot = update.snapshot;
    if (metadata_.FindSnapshot(snapshot.id) != nullptr) {
      return Conflict(commit_, fmt::format("snapshot {} exists already", snapshot.id));
    }
    if (snapshot.parent_id != metadata_.current_snapshot_id) {
      return Conflict(commit_, fmt::format("snapshot {} was not made for its head", snapshot.id));
    }
    if (snapshot.sequence_number <= metadata_.last_sequence_number) {
      return Conflict(commit_,
                      fmt::format("sequence number {} is taken, {} is the last one",
                                  snapshot.sequence_number, metadata_.last_sequence_number));
    }
    SLUICE_TRY(CheckTime(snapshot));
    metadata_.snapshots.push_back(snapshot);
    metadata_.last_sequence_number = snapshot.sequence_number;
    metadata_.current_snapshot_id = snapshot.id;
    SnapshotRef& main = metadata_.refs[kMain];  // its retention fields stay
    main.snapshot_id = snapshot.id;
    main.is_branch = true;
    metadata_.snapshot_log.push_back({snapshot.timestamp_ms, snapshot.id});
    Touch(snapshot.timestamp_ms);
    added_snapshot_ = true;
    return {};
  }

  Status One(const SetTag& update) {
    const auto found = metadata_.refs.find(update.name);
    if (update.name == kMain || (found != metadata_.refs.end() && found->second.is_branch)) {
      return Conflict(commit_, fmt::format("'{}' is a branch", update.name));
    }
    SnapshotRef& ref = metadata_.refs[update.name];
    ref.snapshot_id = update.snapshot_id;
    ref.is_branch = false;
    return {};
  }

  Status One(const RemoveRef& update) {
    if (update.name == kMain) {
      return MakeError(ErrorKind::kInternal, "{}: main is never removed", commit_.table.ToString());
    }
    metadata_.refs.erase(update.name);
    return {};
  }

  Status One(const RemoveSnapshots& update) {
    const std::set<SnapshotId> ids(update.ids.begin(), update.ids.end());
    std::erase_if(metadata_.snapshots, [&](const Snapshot& one) { return ids.contains(one.id); });
    ForgetStatistics(metadata_.extra, ids);
    removed_snapshots_ = true;
    return {};
  }

  Status One(const SetProperties& update) {
    for (const auto& [name, value] : update.properties) metadata_.properties[name] = value;
    return {};
  }

  Status One(const RemoveProperties& update) {
    for (const std::string& name : update.names) metadata_.properties.erase(name);
    return {};
  }

  // Java refuses metadata whose logs go back by more than a minute; ours never go back at all.
  Status CheckTime(const Snapshot& snapshot) const {
    const int64_t last =
        metadata_.snapshot_log.empty() ? 0 : metadata_.snapshot_log.back().timestamp_ms;
    if (snapshot.timestamp_ms >= last) return {};
    return MakeError(ErrorKind::kInternal, "{}: snapshot {} is {} ms older than the one before",
                     commit_.table.ToString(), snapshot.id, last - snapshot.timestamp_ms);
  }

  Status CheckRefs() const {
    for (const auto& ref : metadata_.refs) {
      if (metadata_.FindSnapshot(ref.second.snapshot_id) == nullptr) {
        return Conflict(commit_, fmt::format("'{}' names snapshot {}, which is not there",
                                             ref.first, ref.second.snapshot_id));
      }
    }
    if (!metadata_.current_snapshot_id || metadata_.current_snapshot() != nullptr) return {};
    return Conflict(commit_, "its head would be removed");
  }

  // Entries before a gap would say that an older snapshot was current when the removed one was
  // (spec, "Table Metadata Fields", snapshot-log).
  void CutSnapshotLog() {
    std::set<SnapshotId> known;
    for (const Snapshot& snapshot : metadata_.snapshots) known.insert(snapshot.id);
    auto& log = metadata_.snapshot_log;
    const auto gap = std::find_if(log.rbegin(), log.rend(), [&](const auto& entry) {
      return !known.contains(entry.snapshot_id);
    });
    log.erase(log.begin(), gap.base());
  }

  void Touch(int64_t now_ms) {
    metadata_.last_updated_ms = std::max(metadata_.last_updated_ms, now_ms);
  }

  void AppendMetadataLog(const LoadedTable& base) {
    auto& log = metadata_.metadata_log;
    log.push_back({base.metadata.last_updated_ms, base.metadata_location});
    const size_t max = PreviousVersionsMax();
    if (log.size() > max) log.erase(log.begin(), log.end() - static_cast<std::ptrdiff_t>(max));
  }

  size_t PreviousVersionsMax() const {
    const auto found = metadata_.properties.find("write.metadata.previous-versions-max");
    if (found == metadata_.properties.end()) return kPreviousVersionsDefault;
    const std::string& text = found->second;
    size_t value = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (failed != std::errc() || end != text.data() + text.size()) return kPreviousVersionsDefault;
    return std::max<size_t>(value, 1);
  }

  const LoadedTable* base_;
  const TableCommit& commit_;
  TableMetadata metadata_;
  bool exists_ = false;
  bool replaced_ = false;
  bool added_snapshot_ = false;
  bool removed_snapshots_ = false;
};

}  // namespace

Result<TableMetadata> ApplyCommit(const LoadedTable* base, const TableCommit& commit,
                                  int64_t now_ms) {
  for (const Requirement& requirement : commit.requirements) {
    SLUICE_TRY(CheckRequirement(base, commit, requirement));
  }
  Applier applier(base, commit);
  for (const Update& update : commit.updates) SLUICE_TRY(applier.Apply(update));
  return applier.Finish(now_ms);
}

}  // namespace sluice::iceberg
