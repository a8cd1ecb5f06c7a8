#include "pipeline/index_folders.h"

#include <charconv>
#include <optional>

#include "base/log.h"

namespace sluice::pipeline {

namespace {

std::string Indexes(const std::string& state_folder) { return state_folder + "/index"; }

// Nothing: not one of ours.
std::optional<TableId> ParseName(const std::string& name) {
  TableId id;
  const char* const end = name.data() + name.size();
  const auto oid = std::from_chars(name.data(), end, id.oid);
  if (oid.ec != std::errc() || oid.ptr == end || *oid.ptr != '-') return std::nullopt;
  const auto incarnation = std::from_chars(oid.ptr + 1, end, id.incarnation);
  if (incarnation.ec != std::errc() || incarnation.ptr != end) return std::nullopt;
  return id;
}

Status RemoveFolder(FileSystem& files, const std::string& folder) {
  SLUICE_LET(const auto names, files.List(folder));
  for (const std::string& name : names) SLUICE_TRY(files.Remove(folder + "/" + name));
  return files.Remove(folder);
}

}  // namespace

std::string IndexFolder(const std::string& state_folder, const TableId& id) {
  return fmt::format("{}/{}-{}", Indexes(state_folder), id.oid, id.incarnation);
}

void RemoveIndexes(FileSystem& files, const std::string& state_folder,
                   const std::function<bool(const TableId&)>& wanted) {
  const auto names = files.List(Indexes(state_folder));
  if (!names) {
    log::Get("merge")->warn("old key indexes stay: {}", names.error().message());
    return;
  }
  for (const std::string& name : *names) {
    const auto id = ParseName(name);
    if (!id || wanted(*id)) continue;
    const Status removed = RemoveFolder(files, Indexes(state_folder) + "/" + name);
    if (!removed) log::Get("merge")->warn("an old key index stays: {}", removed.error().message());
  }
}

}  // namespace sluice::pipeline
