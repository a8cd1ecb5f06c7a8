#include "merge/index_manifest.h"

#include <xxhash.h>

#include <nlohmann/json.hpp>

namespace sluice::merge {

namespace {

using Json = nlohmann::ordered_json;
constexpr int kVersion = 1;

std::string ChecksumLine(std::string_view line) {
  return fmt::format("{:016x}\n", XXH3_64bits(line.data(), line.size()));
}

Result<IndexManifest> FromJson(const Json& json) {
  if (json.at("version").get<int>() != kVersion) {
    return MakeError(ErrorKind::kCorrupt, "key index manifest is of another version");
  }
  IndexManifest out;
  json.at("snapshot_id").get_to(out.snapshot_id);
  json.at("next_run").get_to(out.next_run);
  json.at("runs").get_to(out.runs);
  for (const Json& file : json.at("files")) {
    out.files.push_back(
        {file.at("location").get<std::string>(), file.at("deleted").get<uint64_t>()});
  }
  return out;
}

}  // namespace

std::string ToText(const IndexManifest& manifest) {
  Json files = Json::array();
  for (const IndexManifest::HeldFile& file : manifest.files) {
    files.push_back({{"location", file.location}, {"deleted", file.deleted}});
  }
  const Json json = {{"version", kVersion},
                     {"snapshot_id", manifest.snapshot_id},
                     {"next_run", manifest.next_run},
                     {"runs", manifest.runs},
                     {"files", std::move(files)}};
  // A location that is no UTF-8 is not found again after a restart, and its file read once more.
  const std::string line = json.dump(-1, ' ', false, Json::error_handler_t::replace);
  return line + "\n" + ChecksumLine(line);
}

Result<IndexManifest> ParseIndexManifest(std::string_view text) {
  const size_t end = text.find('\n');
  if (end == std::string_view::npos || text.substr(end + 1) != ChecksumLine(text.substr(0, end))) {
    return MakeError(ErrorKind::kCorrupt, "key index manifest fails its checksum");
  }
  try {
    return FromJson(Json::parse(text.substr(0, end)));
  } catch (const Json::exception& failure) {
    return MakeError(ErrorKind::kCorrupt, "key index manifest is not the expected JSON (error {})",
                     failure.id);
  }
}

}  // namespace sluice::merge
