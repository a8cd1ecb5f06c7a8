#include "audit/audit.h"

#include <algorithm>
#include <cmath>

#include "iceberg/ledger.h"
#include "postgres/copy/table_copy.h"

namespace sluice::audit {

namespace {

using pipeline::ChosenTable;

constexpr size_t kOverlayShare = 4;  // of `memory`, for a table's changes after the cut
constexpr int kTriesOfATable = 5;    // when it is truncated or rewritten while it is read

bool IsNamed(const ChosenTable& chosen, const std::string& name) {
  const TableSchema& schema = chosen.mirror.schema;
  return name == schema.QualifiedName() || name == chosen.lake.ToString() ||
         name == schema.schema_name + "." + schema.name;
}

Result<std::vector<ChosenTable>> ChosenTables(const AuditOptions& options) {
  SLUICE_LET(const auto source, postgres::Connection::Open(options.pipeline.source),
             "connecting to the source");
  SLUICE_LET(const auto listed, postgres::ListTables(*source), "listing the source's tables");
  SLUICE_LET(auto choice,
             pipeline::ChooseTables(listed, options.pipeline, source->server_version()));
  if (options.tables.empty()) return std::move(choice.chosen);
  std::vector<ChosenTable> out;
  for (const std::string& name : options.tables) {
    const auto found = std::find_if(choice.chosen.begin(), choice.chosen.end(),
                                    [&](const ChosenTable& one) { return IsNamed(one, name); });
    if (found == choice.chosen.end()) {
      return MakeError(ErrorKind::kConfig, "no mirrored table is named {}", name)
          .WithHint("`sluice tables list` shows the names");
    }
    out.push_back(*found);
  }
  return out;
}

// Why a table cannot be compared at the ledger's cut; empty: it can.
std::string WhyNot(const ChosenTable& chosen, const std::optional<iceberg::LoadedTable>& lake,
                   const iceberg::LedgerRow& ledger) {
  if (!lake) return "the lake does not hold it yet";
  const auto& properties = lake->metadata.properties;
  const auto state = properties.find("sluice.state");
  const auto listed = ledger.tables.find(chosen.lake.ToString());
  if (listed == ledger.tables.end()) {
    return "it is not at the newest cut" +
           (state == properties.end() ? "" : " (state: " + state->second + ")");
  }
  if (lake->metadata.FindSnapshot(listed->second) == nullptr) {
    return "its snapshot of the cut is gone from the lake";
  }
  const auto recorded = properties.find("sluice.schema");
  if (recorded == properties.end()) return "the lake table is not this pipeline's";
  const auto schema = TableSchemaFromJson(recorded->second);
  if (!schema || !SameShape(*schema, chosen.mirror.schema)) {
    return "its shape at the source is no longer that of the lake";
  }
  return "";
}

class Auditor {
 public:
  Auditor(const AuditOptions& options, iceberg::Catalog& catalog, store::ObjectStore& store,
          FileSystem& files, const ReachCut& reach_cut)
      : options_(options), catalog_(catalog), store_(store), files_(files), reach_cut_(reach_cut) {}

  Result<TableReport> AuditTable(const ChosenTable& chosen) {
    for (int attempt = 1;; ++attempt) {
      SLUICE_LET(TableReport report, TryTable(chosen));
      report.name = chosen.mirror.schema.QualifiedName();
      report.iceberg = chosen.lake.ToString();
      if (report.not_audited != kRewritten || attempt == kTriesOfATable) return report;
    }
  }

 private:
  static constexpr const char* kRewritten = "it is truncated or rewritten while it is read";

  Result<iceberg::LedgerRow> NewestCut() {
    SLUICE_LET(const auto ledger, iceberg::ReadLedger(catalog_, store_, {"sluice", "cuts"}),
               "reading the ledger");
    if (ledger && !ledger->rows.empty()) return ledger->rows.back();
    return MakeError(ErrorKind::kConfig, "the lake holds no cut yet")
        .WithHint("`sluice run` makes it; `sluice status` shows how far the copy is");
  }

  Result<TableReport> TryTable(const ChosenTable& chosen) {
    TableReport report;
    SLUICE_LET(const iceberg::LedgerRow ledger, NewestCut());
    SLUICE_LET(auto lake, catalog_.Load(chosen.lake));
    report.not_audited = WhyNot(chosen, lake, ledger);
    if (!report.not_audited.empty()) return report;
    const AuditedTable table =
        MakeAuditedTable(chosen, std::move(*lake), ledger.tables.at(chosen.lake.ToString()));
    // A snapshot does not keep what TRUNCATE or a rewrite takes away ("Caveats" of MVCC), so what
    // it shows counts only while the table's files stay the same.
    SLUICE_LET(const auto before, Filenodes(chosen));
    const MomentOptions moment_options{options_.pipeline.source, options_.pipeline.bus,
                                       options_.timeout_us, all_visible_to_};
    SLUICE_LET(const Moment moment,
               TakeMoment(files_, moment_options, ledger.marks.cut.lsn, reach_cut_));
    all_visible_to_ = moment.cut;
    Overlay overlay(table, static_cast<size_t>(options_.pipeline.memory_bytes) / kOverlayShare);
    const auto lay = [&](const ChangeBatch& batch) -> Status {
      if (batch.table.oid != table.schema.id.oid) return {};
      return overlay.Apply(batch, moment.cut, moment.seen);
    };
    SLUICE_TRY(ReadBus(files_, options_.pipeline.bus, moment.cut, moment.reach, lay));
    SLUICE_LET(report, CompareTable(*moment.source, store_, table, overlay, Buckets()));
    report.cut = moment.cut;
    SLUICE_LET(const auto after, Filenodes(chosen));
    if (before != after) report.not_audited = kRewritten;
    return report;
  }

  // In a transaction of their own: as they are now.
  Result<std::vector<uint32_t>> Filenodes(const ChosenTable& chosen) {
    SLUICE_LET(const auto source, postgres::Connection::Open(options_.pipeline.source),
               "connecting to the source");
    return postgres::RelationFilenodes(*source, chosen.source);
  }

  size_t Buckets() const {
    const double share = static_cast<double>(kBuckets) * options_.sample_percent / 100.0;
    return std::clamp<size_t>(static_cast<size_t>(std::ceil(share)), 1, kBuckets);
  }

  const AuditOptions& options_;
  iceberg::Catalog& catalog_;
  store::ObjectStore& store_;
  FileSystem& files_;
  const ReachCut& reach_cut_;
  Lsn all_visible_to_;  // by every later snapshot
};

}  // namespace

Result<AuditReport> Audit(const AuditOptions& options, iceberg::Catalog& catalog,
                          store::ObjectStore& store, FileSystem& files, const ReachCut& reach_cut) {
  SLUICE_LET(const auto chosen, ChosenTables(options));
  Auditor auditor(options, catalog, store, files, reach_cut);
  AuditReport out;
  for (const ChosenTable& table : chosen) {
    SLUICE_LET(TableReport report, auditor.AuditTable(table), "auditing {}",
               table.mirror.schema.QualifiedName());
    out.tables.push_back(std::move(report));
  }
  return out;
}

}  // namespace sluice::audit
