// Gathers, for a batch of look-ups, the live locations that fingerprints lead to, and settles on
// one a key.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "merge/index_run.h"
#include "merge/key_index.h"
#include "merge/memory_table.h"

namespace sluice::merge {

class Candidates {
 public:
  // `found` is emptied, and holds the answer after Settle. Both outlive this.
  Candidates(const FileSet& files, std::span<std::optional<RowLocation>> found);

  void Collect(std::span<const Fingerprint> fingerprints, const MemoryTable& table);
  void Collect(std::span<const Fingerprint> fingerprints, const IndexRun& run);
  // Reads keys where one fingerprint leads to several rows, or everywhere for kMayBeAbsent.
  Status Settle(std::span<const std::string_view> keys, FindMode mode, KeyReader& reader);

 private:
  struct Candidate {
    size_t key;
    RowLocation at;
  };
  void Take(size_t key, RowLocation at);
  // All candidates of keys that must be verified, each once, by key and then location.
  std::vector<Candidate> Doubtful(FindMode mode) const;

  const FileSet& files_;
  std::span<std::optional<RowLocation>> found_;
  std::vector<Candidate> further_;
};

}  // namespace sluice::merge
