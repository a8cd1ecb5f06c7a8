// Which runs make up a key index and which data files they hold whole: the MANIFEST file of
// docs/formats/key_index.md.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "store/object_store.h"

namespace sluice::merge {

struct IndexManifest {
  struct HeldFile {
    store::Location location;
    uint64_t deleted = 0;
    friend bool operator==(const HeldFile&, const HeldFile&) = default;
  };
  int64_t snapshot_id = 0;
  uint64_t next_run = 1;
  std::vector<std::string> runs;
  std::vector<HeldFile> files;
  friend bool operator==(const IndexManifest&, const IndexManifest&) = default;
};

std::string ToText(const IndexManifest& manifest);
// kCorrupt: damaged, or of another version.
Result<IndexManifest> ParseIndexManifest(std::string_view text);

}  // namespace sluice::merge
