#include "pipeline/relation_tracker.h"

#include <arrow/type.h>

#include <algorithm>

namespace sluice::pipeline {

namespace {

// What differs between the message and the mirrored columns; nothing: they fit.
std::optional<std::string> Mismatch(const postgres::RelationMessage& relation,
                                    const ChosenTable& chosen) {
  const TableSchema& schema = chosen.mirror.schema;
  if (relation.schema_name != schema.schema_name || relation.name != schema.name) {
    return "the table was renamed";
  }
  for (const Column& column : schema.columns) {
    const auto found = std::find_if(
        relation.attributes.begin(), relation.attributes.end(),
        [&](const postgres::RelationMessage::Attribute& one) { return one.name == column.name; });
    if (found == relation.attributes.end()) {
      return fmt::format("column {} is gone", QuoteIdentifier(column.name));
    }
    if (found->type_oid != column.type_oid) {
      return fmt::format("column {} has another type", QuoteIdentifier(column.name));
    }
  }
  return std::nullopt;
}

}  // namespace

void RelationTracker::Watch(const ChosenTable& chosen) {
  const std::lock_guard lock(mutex_);
  tables_[chosen.mirror.schema.id.oid] = {chosen, false};
  ++generation_;
}

void RelationTracker::Stop(Watched& watched, std::string reason) {
  if (std::exchange(watched.stopped, true)) return;
  const TableSchema& schema = watched.chosen.mirror.schema;
  stops_.push_back({schema.id, "its shape changed at the source: " + std::move(reason),
                    fmt::format("run `sluice tables resync {}`: it copies the table again in its "
                                "new shape; readers see the last good state until then",
                                schema.QualifiedName())});
}

std::optional<std::string> RelationTracker::Differs(
    const Watched& watched, const std::optional<postgres::SourceTable>& now) const {
  if (!now) return "the table was dropped";
  const TableSchema& before = watched.chosen.mirror.schema;
  auto mirror = postgres::MirrorOf(*now, watched.chosen.options.columns, server_version_);
  if (!mirror) return mirror.error().message();
  mirror->schema.id = before.id;
  if (SameShape(before, mirror->schema)) return std::nullopt;
  if (now->name != before.name || now->schema_name != before.schema_name) {
    return "the table was renamed";
  }
  if (mirror->schema.columns.size() != before.columns.size()) {
    return fmt::format("{} columns, {} before", mirror->schema.columns.size(),
                       before.columns.size());
  }
  for (size_t i = 0; i < before.columns.size(); ++i) {
    const Column& was = before.columns[i];
    const Column& is = mirror->schema.columns[i];
    if (was.attnum != is.attnum || was.name != is.name || was.type_oid != is.type_oid ||
        !was.lake_type->Equals(*is.lake_type)) {
      return fmt::format("column {} ({}) is now {} ({})", QuoteIdentifier(was.name), was.type_text,
                         QuoteIdentifier(is.name), is.type_text);
    }
  }
  return "its key or replica identity is another";
}

Result<std::optional<postgres::MirroredTable>> RelationTracker::Resolve(
    const postgres::RelationMessage& relation) {
  {
    const std::lock_guard lock(mutex_);
    const auto found = tables_.find(relation.oid);
    if (found == tables_.end() || found->second.stopped) {
      return std::optional<postgres::MirroredTable>();
    }
  }
  SLUICE_LET(const auto now, describe_(relation.oid));
  const std::lock_guard lock(mutex_);
  Watched& watched = tables_.at(relation.oid);
  auto difference = Mismatch(relation, watched.chosen);
  if (!difference) difference = Differs(watched, now);
  if (difference) {
    Stop(watched, *difference);
    return std::optional<postgres::MirroredTable>();
  }
  return std::optional<postgres::MirroredTable>(watched.chosen.mirror);
}

Status RelationTracker::Check(const postgres::SourceTable& now) {
  const std::lock_guard lock(mutex_);
  const auto found = tables_.find(now.oid);
  if (found == tables_.end() || found->second.stopped) return {};
  if (auto difference = Differs(found->second, now)) Stop(found->second, *difference);
  return {};
}

void RelationTracker::CheckDropped(const std::vector<uint32_t>& present) {
  const std::lock_guard lock(mutex_);
  for (auto& [oid, watched] : tables_) {
    if (std::find(present.begin(), present.end(), oid) == present.end()) {
      Stop(watched, "the table was dropped");
    }
  }
}

std::vector<TableStop> RelationTracker::TakeStops() {
  const std::lock_guard lock(mutex_);
  return std::exchange(stops_, {});
}

}  // namespace sluice::pipeline
