#include "merge/candidates.h"

#include <algorithm>
#include <tuple>

namespace sluice::merge {

namespace {
constexpr size_t kPrefetchAhead = 16;
}

Candidates::Candidates(const FileSet& files, std::span<std::optional<RowLocation>> found)
    : files_(files), found_(found) {
  std::fill(found_.begin(), found_.end(), std::nullopt);
}

void Candidates::Take(size_t key, RowLocation at) {
  if (!files_.IsLive(at)) return;
  if (!found_[key]) {
    found_[key] = at;
  } else if (*found_[key] != at) {
    further_.push_back({key, at});
  }
}

void Candidates::Collect(std::span<const Fingerprint> fingerprints, const MemoryTable& table) {
  const size_t count = fingerprints.size();
  for (size_t i = 0; i < count; ++i) {
    if (i + kPrefetchAhead < count) table.Prefetch(fingerprints[i + kPrefetchAhead]);
    table.ForEach(fingerprints[i], [this, i](RowLocation at) { Take(i, at); });
  }
}

void Candidates::Collect(std::span<const Fingerprint> fingerprints, const IndexRun& run) {
  const size_t count = fingerprints.size();
  for (size_t i = 0; i < count; ++i) {
    if (i + 2 * kPrefetchAhead < count) run.PrefetchDirectory(fingerprints[i + 2 * kPrefetchAhead]);
    if (i + kPrefetchAhead < count) run.PrefetchEntries(fingerprints[i + kPrefetchAhead]);
    run.ForEach(fingerprints[i], [this, i](RowLocation at) { Take(i, at); });
  }
}

std::vector<Candidates::Candidate> Candidates::Doubtful(FindMode mode) const {
  std::vector<Candidate> out = further_;
  if (mode == FindMode::kMayBeAbsent) {
    for (size_t key = 0; key < found_.size(); ++key) {
      if (found_[key]) out.push_back({key, *found_[key]});
    }
  } else {
    for (const Candidate& candidate : further_) {
      out.push_back({candidate.key, *found_[candidate.key]});
    }
  }
  const auto place = [](const Candidate& c) { return std::tie(c.key, c.at.file, c.at.row); };
  std::sort(out.begin(), out.end(),
            [&](const auto& a, const auto& b) { return place(a) < place(b); });
  out.erase(std::unique(out.begin(), out.end(),
                        [&](const auto& a, const auto& b) { return place(a) == place(b); }),
            out.end());
  return out;
}

Status Candidates::Settle(std::span<const std::string_view> keys, FindMode mode,
                          KeyReader& reader) {
  const std::vector<Candidate> doubtful = Doubtful(mode);
  if (doubtful.empty()) return {};
  std::vector<RowLocation> rows;
  for (const Candidate& candidate : doubtful) rows.push_back(candidate.at);
  SLUICE_LET(const std::vector<std::string> stored, reader.ReadKeys(rows));
  SLUICE_CHECK(stored.size() == rows.size());
  for (const Candidate& candidate : doubtful) found_[candidate.key] = std::nullopt;
  for (size_t i = 0; i < doubtful.size(); ++i) {
    std::optional<RowLocation>& found = found_[doubtful[i].key];
    // In order of location: the first is the one written first.
    if (!found && stored[i] == keys[doubtful[i].key]) found = doubtful[i].at;
  }
  return {};
}

}  // namespace sluice::merge
