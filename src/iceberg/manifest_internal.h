// The bytes of manifests and manifest lists, without any store.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "iceberg/manifest.h"

namespace sluice::iceberg {

Result<std::string> EncodeManifest(const ManifestContext& context,
                                   std::span<const ManifestEntry> entries);
// `manifest` gives what entries inherit. kCorrupt also when the count of entries by status is not
// what the list says (a list's row with no counts at all is not held against it).
Result<std::vector<ManifestEntry>> DecodeManifest(std::string_view bytes,
                                                  const ManifestFile& manifest);

Result<std::string> EncodeManifestList(const Snapshot& snapshot,
                                       std::span<const ManifestFile> files);
Result<std::vector<ManifestFile>> DecodeManifestList(std::string_view bytes);

}  // namespace sluice::iceberg
