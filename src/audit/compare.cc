#include "audit/compare.h"

#include <algorithm>
#include <chrono>

#include "audit/lake_scan.h"
#include "audit/source_scan.h"

namespace sluice::audit {

namespace {

constexpr uint64_t kRowsAtOnce = 200'000;  // that the second pass holds, of both sides
constexpr int kGroupsMax = 8;              // both sides are read again for each
constexpr size_t kListedMax = 1000;

using Buckets = std::vector<Bucket>;
using TakeRow = Overlay::TakeRow;

Status ScanOverlaid(store::ObjectStore& store, const AuditedTable& table, Overlay& overlay,
                    const TakeRow& take) {
  SLUICE_TRY(ScanLake(store, table,
                      [&](const TextRow& row) {
                        const std::string key = EncodeCells(row, table.keys);
                        if (!overlay.Replaces(key, row)) take(key, row);
                      }),
             "reading {} at snapshot {}", table.lake.identifier.ToString(),
             table.lake.metadata.current_snapshot_id.value_or(0));
  overlay.ForEachRow(take);
  return {};
}

class Comparison {
 public:
  Comparison(postgres::Connection& source, store::ObjectStore& store, const AuditedTable& table,
             Overlay& overlay, size_t buckets)
      : source_(source),
        store_(store),
        table_(table),
        overlay_(overlay),
        in_source_(buckets),
        in_lake_(buckets) {}

  Result<TableReport> Run() {
    SLUICE_TRY(SumBuckets());
    size_t bucket = 0;
    for (int group = 0; group < kGroupsMax && bucket < in_source_.size(); ++group) {
      wanted_.assign(in_source_.size(), false);
      bucket = ChooseGroup(bucket);
      if (std::find(wanted_.begin(), wanted_.end(), true) == wanted_.end()) break;
      SLUICE_TRY(CompareGroup());
    }
    for (; bucket < in_source_.size(); ++bucket) {
      if (in_source_[bucket] != in_lake_[bucket]) report_.complete = false;
    }
    // Sums differ, so there is a difference, whether or not the second reading found it again.
    if (!report_.complete && report_.differences == 0) report_.differences = 1;
    return std::move(report_);
  }

 private:
  struct Sides {
    std::vector<std::string> source;  // encoded rows
    std::vector<std::string> lake;
  };

  Status SumBuckets() {
    const auto add = [](Buckets& to, const std::string& key, const TextRow& row) {
      const size_t bucket = BucketOf(key);
      if (bucket < to.size()) to[bucket].Add(EncodeCells(row));
    };
    SLUICE_TRY(ScanSource(source_, table_, [&](const TextRow& row) {
      add(in_source_, EncodeCells(row, table_.keys), row);
    }));
    SLUICE_TRY(
        ScanOverlaid(store_, table_, overlay_,
                     [&](const std::string& key, const TextRow& row) { add(in_lake_, key, row); }));
    for (const Bucket& bucket : in_source_) report_.rows_source += bucket.rows;
    for (const Bucket& bucket : in_lake_) report_.rows_lake += bucket.rows;
    return {};
  }

  // Marks differing buckets from `bucket` on, as many as fit; the first one not looked at.
  size_t ChooseGroup(size_t bucket) {
    for (uint64_t rows = 0; bucket < in_source_.size(); ++bucket) {
      if (in_source_[bucket] == in_lake_[bucket]) continue;
      if (rows >= kRowsAtOnce) break;
      rows += in_source_[bucket].rows + in_lake_[bucket].rows;
      wanted_[bucket] = true;
    }
    return bucket;
  }

  bool Wanted(const std::string& key) const {
    const size_t bucket = BucketOf(key);
    return bucket < wanted_.size() && wanted_[bucket];
  }

  Status CompareGroup() {
    std::unordered_map<std::string, Sides> rows;
    SLUICE_TRY(ScanSource(source_, table_, [&](const TextRow& row) {
      const std::string key = EncodeCells(row, table_.keys);
      if (Wanted(key)) rows[key].source.push_back(EncodeCells(row));
    }));
    SLUICE_TRY(
        ScanOverlaid(store_, table_, overlay_, [&](const std::string& key, const TextRow& row) {
          if (Wanted(key)) rows[key].lake.push_back(EncodeCells(row));
        }));
    for (auto& [key, sides] : rows) CompareKey(key, sides);
    return {};
  }

  void CompareKey(const std::string& key, Sides& sides) {
    std::sort(sides.source.begin(), sides.source.end());
    std::sort(sides.lake.begin(), sides.lake.end());
    if (sides.source == sides.lake) return;
    const size_t both = std::min(sides.source.size(), sides.lake.size());
    for (size_t i = 0; i < both; ++i) {
      if (sides.source[i] == sides.lake[i]) continue;
      AddDifference(DifferenceKind::kDiffers, key, Differing(sides.source[i], sides.lake[i]));
    }
    for (size_t i = both; i < sides.source.size(); ++i) {
      AddDifference(DifferenceKind::kOnlySource, key, {});
    }
    for (size_t i = both; i < sides.lake.size(); ++i) {
      AddDifference(DifferenceKind::kOnlyLake, key, {});
    }
  }

  std::vector<std::string> Differing(const std::string& source, const std::string& lake) const {
    const TextRow a = DecodeCells(source);
    const TextRow b = DecodeCells(lake);
    std::vector<std::string> out;
    for (size_t i = 0; i < a.size(); ++i) {
      if (a[i] != b[i]) out.push_back(table_.schema.columns[i].name);
    }
    return out;
  }

  void AddDifference(DifferenceKind kind, const std::string& key,
                     std::vector<std::string> columns) {
    ++report_.differences;
    if (report_.found.size() >= kListedMax) return;
    Difference found{kind, {}, std::move(columns)};
    const TextRow cells = DecodeCells(key);
    for (size_t i = 0; i < cells.size(); ++i) {
      const size_t column = table_.keys.empty() ? i : static_cast<size_t>(table_.keys[i]);
      found.key.emplace_back(table_.schema.columns[column].name, cells[i].value_or("NULL"));
    }
    report_.found.push_back(std::move(found));
  }

  postgres::Connection& source_;
  store::ObjectStore& store_;
  const AuditedTable& table_;
  Overlay& overlay_;
  Buckets in_source_;
  Buckets in_lake_;
  std::vector<bool> wanted_;
  TableReport report_;
};

}  // namespace

Result<TableReport> CompareTable(postgres::Connection& source, store::ObjectStore& store,
                                 const AuditedTable& table, Overlay& overlay, size_t buckets) {
  const auto start = std::chrono::steady_clock::now();
  SLUICE_LET(TableReport report, Comparison(source, store, table, overlay, buckets).Run());
  report.snapshot_id = table.lake.metadata.current_snapshot_id.value_or(0);
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return report;
}

}  // namespace sluice::audit
