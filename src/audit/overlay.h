// What the bus says happened to a table after the cut under audit, as far as the source's snapshot
// sees it: the lake at the cut with this laid over it must equal the source.
#pragma once

#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "audit/audited_table.h"
#include "audit/text_row.h"
#include "change/change_batch.h"
#include "change/visibility.h"

namespace sluice::audit {

class Overlay {
 public:
  using TakeRow = std::function<void(const std::string& key, const TextRow& row)>;

  // About `bytes_max` of text is held.
  Overlay(const AuditedTable& table, size_t bytes_max) : table_(&table), bytes_max_(bytes_max) {}

  // In bus order. Transactions at or below `after`, or that `seen_by` does not see, do not count.
  // kExhausted: these are more changes than `bytes_max` holds.
  Status Apply(const ChangeBatch& batch, Lsn after, const SnapshotVisibility& seen_by);
  // Whether the lake's row of this key is gone or replaced; what the bus did not carry of its
  // replacement (unchanged TOAST) is taken from it.
  bool Replaces(const std::string& key, const TextRow& lake_row);
  // The rows that stand instead, once every row of the lake was offered to Replaces.
  void ForEachRow(const TakeRow& take) const;

 private:
  struct Image {
    TextRow row;
    std::vector<size_t> unsent;  // columns still to be taken from the lake's row of `base`
    std::string base;
  };
  void ApplyRow(const ChangeBatch& batch, int64_t row);
  void Upsert(const ChangeBatch& batch, int64_t row, TextRow cells, const std::string& key,
              const std::string& old_key);

  const AuditedTable* table_;
  size_t bytes_max_;
  size_t bytes_ = 0;  // ever taken in: what was replaced counts, too
  bool truncated_ = false;
  std::unordered_map<std::string, std::optional<Image>> rows_;  // nothing: deleted
  std::unordered_map<std::string, std::string> wanted_by_;      // base -> key of the newest image
  std::vector<TextRow> added_;                                  // of a table without a key
};

}  // namespace sluice::audit
