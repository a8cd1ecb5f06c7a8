// Mirror::Open: everything up to the first byte, in the order of corners.md "Starting again".
#include <algorithm>

#include "base/fault_point.h"
#include "base/log.h"
#include "pipeline/error_scope.h"
#include "pipeline/foreign_change.h"
#include "pipeline/index_folders.h"
#include "pipeline/mirror.h"
#include "pipeline/table_memory.h"

namespace sluice::pipeline {

namespace {

std::string PropertyOr(const iceberg::LoadedTable& table, const std::string& key,
                       const std::string& otherwise) {
  const auto found = table.metadata.properties.find(key);
  return found == table.metadata.properties.end() ? otherwise : found->second;
}

// Whether `listed`, of the ledger's newest row, is our newest commit, or what another program made
// of it by then without changing a row (else the table fails by its foreign change).
bool StandsOn(const iceberg::TableMetadata& table, iceberg::SnapshotId listed,
              iceberg::SnapshotId ours) {
  if (listed == ours) return true;
  for (const iceberg::Snapshot* snapshot : table.Ancestry()) {
    if (snapshot->id == listed) return true;
    if (snapshot->id == ours) return false;
  }
  return false;
}

}  // namespace

Mirror::Mirror(PipelineOptions options, Surroundings around)
    : options_(std::move(options)),
      source_(around.source),
      store_(around.store),
      catalog_(around.catalog),
      files_(around.files),
      clock_(around.clock),
      board_(around.board) {}

Result<std::unique_ptr<Mirror>> Mirror::Open(PipelineOptions options, Surroundings around) {
  std::unique_ptr<Mirror> out(new Mirror(std::move(options), around));
  SLUICE_TRY(out->IdentifySource());
  SLUICE_TRY(out->OpenLake());
  SLUICE_TRY(out->RemoveCopiedKeys());
  SLUICE_TRY(out->FindTables());
  SLUICE_LET(const StartDecision decision, out->Decide());
  SLUICE_TRY(out->FailBroken(decision));
  SLUICE_TRY(out->MarkLeftOut());
  SLUICE_TRY(out->EnsurePublications());
  ReachFaultPoint("start.publication_made");
  SLUICE_TRY(out->ClaimLedger());
  SLUICE_TRY(out->OpenBus(decision));
  SLUICE_TRY(out->OpenTables(decision));
  return out;
}

Status Mirror::IdentifySource() {
  SLUICE_LET(identity_, source_.Identify(), "asking the source who it is");
  options_.bus.source_identity =
      fmt::format("{}/{}/{}", identity_.system_id, identity_.database_oid, options_.slot);
  SourceStatus status;
  status.system_id = identity_.system_id;
  status.timeline = identity_.timeline;
  status.database = identity_.database;
  status.slot = options_.slot;
  status.wal_lsn = identity_.wal_lsn;
  board_.SetSource(status);
  return {};
}

Status Mirror::OpenLake() {
  lake_ = std::make_unique<Lake>(
      Lake{store_, catalog_, files_, clock_, options_,
           fmt::format("{}/{}/{}", identity_.system_id, identity_.timeline, identity_.database)});
  lake_->manifests = &manifests_;
  SLUICE_LET(ledger_, iceberg::ReadLedger(catalog_, store_, lake_->ledger_name()),
             "reading the ledger");
  if (!ledger_) return {};
  SLUICE_LET(const auto marks,
             iceberg::FindMarks(ledger_->table.metadata, lake_->source, options_.name));
  const std::string owner = PropertyOr(ledger_->table, "sluice.pipeline", options_.name);
  if (marks || owner == options_.name) return {};
  return MakeError(ErrorKind::kConfig, "catalog {} belongs to pipeline {}, this is {}",
                   options_.catalog_path, owner, options_.name)
      .WithHint("give every pipeline a catalog of its own under `lake: catalog:`");
}

// Of copies that were cut off.
Status Mirror::RemoveCopiedKeys() {
  const std::string folder = lake_->copied_keys_folder();
  SLUICE_LET(const std::vector<std::string> names, files_.List(folder));
  for (const std::string& name : names) SLUICE_TRY(files_.Remove(folder + "/" + name));
  return {};
}

Status Mirror::FindTables() {
  SLUICE_LET(const auto sources, source_.ListTables(), "listing the source's tables");
  SLUICE_LET(tables_, ChooseTables(sources, options_, identity_.server_version));
  if (!tables_.refused.empty()) {
    const RefusedTable& first = tables_.refused.front();
    return MakeError(ErrorKind::kConfig, "{} of the tables cannot be mirrored; the first: {}: {}",
                     tables_.refused.size(), first.name, first.reason)
        .WithHint(first.hint + "; `sluice plan` lists all of them");
  }
  if (tables_.chosen.empty()) {
    return MakeError(ErrorKind::kConfig, "no table to mirror")
        .WithHint("`sluice plan` shows what the rules under `tables:` take and leave out");
  }
  for (ChosenTable& chosen : tables_.chosen) {
    const std::string name = chosen.mirror.schema.QualifiedName();
    auto loaded = catalog_.Load(chosen.lake);
    if (!loaded && IsTheTables(loaded.error())) {
      unreadable_.emplace(name, loaded.error().message());
      continue;
    }
    SLUICE_TRY(loaded);
    if (!*loaded) continue;
    iceberg::LoadedTable& table = **loaded;
    const auto recorded = TableSchemaFromJson(PropertyOr(table, "sluice.schema", ""));
    if (recorded && recorded->id.oid == chosen.source.oid) {
      chosen.mirror.schema.id.incarnation = recorded->id.incarnation;
    }
    lake_tables_.emplace(name, std::move(table));
  }
  return {};
}

Result<StartDecision> Mirror::Decide() {
  StartFindings found;
  found.slot_name = options_.slot;
  found.source = lake_->source;
  found.source_wal = identity_.wal_lsn;
  SLUICE_LET(const auto slot, source_.FindSlot(options_.slot));
  if (slot) {
    found.slot =
        StartFindings::Slot{slot->confirmed_lsn, slot->wal_status == "lost",
                            slot->plugin == "pgoutput", slot->database == identity_.database};
  }
  SLUICE_LET(const auto bus, bus::FindBus(files_, options_.bus), "looking at the bus");
  if (bus) found.bus = StartFindings::Bus{bus->first_lsn, bus->last_cut.lsn};
  SLUICE_LET(const auto gaps, source_.FindPublicationGaps(options_.publication, PublishedTables()));
  found.missing_publications = gaps.missing;
  for (const ChosenTable& chosen : tables_.chosen) {
    StartFindings::Table table;
    table.name = chosen.mirror.schema.QualifiedName();
    table.published = std::find(gaps.unpublished.begin(), gaps.unpublished.end(),
                                chosen.source.oid) == gaps.unpublished.end();
    const auto loaded = lake_tables_.find(table.name);
    if (loaded != lake_tables_.end() && !ResyncWanted(loaded->second)) {
      // Marks of any source count here, so that another source is noticed.
      table.source = PropertyOr(loaded->second, "sluice.source", "");
      SLUICE_LET(const auto position, PositionOf(loaded->second, table.source));
      if (position) table.position = position->lsn;
    }
    found.tables.push_back(std::move(table));
  }
  return DecideStart(found);
}

// Where the lake holds the table: the cut of its newest marks, or the ledger's, if that lists what
// still stands: an idle table is where the others are. Nothing: no commit of ours.
Result<std::optional<Cut>> Mirror::PositionOf(const iceberg::LoadedTable& table,
                                              const std::string& source) const {
  SLUICE_LET(const auto marks, iceberg::FindMarks(table.metadata, source, options_.name));
  if (!marks) return std::optional<Cut>();
  if (ledger_ && !ledger_->rows.empty()) {
    const iceberg::LedgerRow& newest = ledger_->rows.back();
    const auto listed = newest.tables.find(table.identifier.ToString());
    if (listed != newest.tables.end() && newest.marks.cut.lsn > marks->marks.cut.lsn &&
        StandsOn(table.metadata, listed->second, marks->snapshot_id)) {
      return std::optional(newest.marks.cut);
    }
  }
  return std::optional(marks->marks.cut);
}

std::vector<postgres::PublishedTable> Mirror::PublishedTables() const {
  std::vector<postgres::PublishedTable> out;
  for (const ChosenTable& chosen : tables_.chosen) {
    out.push_back({chosen.source.oid, chosen.source.schema_name, chosen.source.name,
                   chosen.mirror.append_only});
  }
  return out;
}

// Before the publication is mended: once it is, nothing at the source tells of the gap any more.
Status Mirror::FailBroken(const StartDecision& decision) {
  for (const ChosenTable& chosen : tables_.chosen) {
    const std::string name = chosen.mirror.schema.QualifiedName();
    const auto loaded = lake_tables_.find(name);
    if (loaded == lake_tables_.end() || decision.tables.at(name) == TableStart::kCopy) continue;
    const auto state = ParseTableState(PropertyOr(loaded->second, "sluice.state", "live"));
    const auto recorded = TableSchemaFromJson(PropertyOr(loaded->second, "sluice.schema", ""));
    const bool made_again = recorded && recorded->id.oid != chosen.source.oid;
    const bool left_out = state == TableState::kRemoved;
    const bool unpublished = decision.tables.at(name) == TableStart::kUnpublished;
    if (!(made_again || left_out || unpublished) || state == TableState::kFailed) continue;
    const std::string reason =
        made_again ? "the table was dropped and made again at the source"
        : left_out ? "the table was not mirrored for a while"
                   : fmt::format("publication {} did not publish all of its changes for a while",
                                 options_.publication);
    SLUICE_TRY(RememberState(catalog_, chosen.lake, TableState::kFailed, reason, ResyncHint(name)));
    SLUICE_LET(auto now, catalog_.Load(chosen.lake));
    SLUICE_CHECK(now.has_value());
    loaded->second = std::move(*now);
  }
  return {};
}

// Of a table that this run leaves out the bus gets nothing: it must not be followed later as if it
// had. One that cannot be read is passed over: nor can it be followed.
Status Mirror::MarkLeftOut() {
  SLUICE_LET(const auto names, catalog_.List(), "listing the lake's tables");
  for (const iceberg::TableIdentifier& name : names) {
    if (std::any_of(tables_.chosen.begin(), tables_.chosen.end(),
                    [&](const ChosenTable& one) { return one.lake == name; })) {
      continue;
    }
    const auto table = catalog_.Load(name);
    if (!table && !IsTheTables(table.error())) return table.error();
    if (!table || !*table) continue;
    const bool ours = PropertyOr(**table, "sluice.pipeline", "") == options_.name &&
                      !PropertyOr(**table, "sluice.schema", "").empty();
    const auto state = ParseTableState(PropertyOr(**table, "sluice.state", "live"));
    if (!ours || (state != TableState::kLive && state != TableState::kPaused)) continue;
    log::Get("pipeline")->info("{} is not mirrored any more", name.ToString());
    SLUICE_TRY(RememberState(catalog_, name, TableState::kRemoved, "not mirrored any more", ""));
  }
  return {};
}

Status Mirror::EnsurePublications() {
  SLUICE_LET(const postgres::PublicationChange change,
             source_.EnsurePublication(options_.publication, PublishedTables(), {}),
             "making the publication");
  for (const std::string& statement : change.statements) {
    log::Get("pipeline")->info("at the source: {}", statement);
  }
  for (const std::string& warning : change.warnings) log::Get("pipeline")->warn("{}", warning);
  return {};
}

Status Mirror::ClaimLedger() {
  const uint64_t epoch = ledger_ ? ledger_->epoch + 1 : 1;
  const int64_t now_ms =
      std::max(clock_.WallMicros() / 1000,
               ledger_ ? ledger_->table.metadata.last_updated_ms + 1 : int64_t{0});
  lake_->epoch = epoch;
  const Cut cut = ledger_ && !ledger_->rows.empty() ? ledger_->rows.back().marks.cut : Cut{};
  SLUICE_LET(
      const auto claim,
      iceberg::PrepareLedgerClaim(store_, lake_->ledger_name(), options_.warehouse + "/sluice/cuts",
                                  ledger_, epoch, lake_->MarksAt(cut), now_ms),
      "claiming the ledger");
  ReachFaultPoint("start.ledger_claim_written");
  SLUICE_TRY(catalog_.Commit({&claim.commit, 1}), "claiming the ledger at epoch {}", epoch);
  ReachFaultPoint("start.ledger_claimed");
  SLUICE_LET(ledger_, iceberg::ReadLedger(catalog_, store_, lake_->ledger_name()));
  SLUICE_CHECK(ledger_.has_value());
  return {};
}

Status Mirror::OpenBus(const StartDecision& decision) {
  Lsn start = decision.bus_start;
  if (decision.create_slot) {
    SLUICE_LET(NewSlot slot, source_.CreateSlot(options_.slot), "making replication slot {}",
               options_.slot);
    ReachFaultPoint("start.slot_made");
    start = slot.consistent_point;
    slot_snapshot_ = std::move(slot.snapshot);
    log::Get("pipeline")->info("made replication slot {} at {}", options_.slot, ToString(start));
  }
  // The old slot does not send again what it has confirmed. Of that a copy must see all.
  if (decision.new_bus && !decision.create_slot) {
    SLUICE_TRY(source_.WaitForHidden(), "beginning a bus at {}, where slot {} stands",
               ToString(start), options_.slot);
  }
  if (decision.set_bus_aside) {
    const std::string aside =
        fmt::format("{}/set-aside-{}", options_.bus.folder, clock_.WallMicros() / 1'000'000);
    log::Get("pipeline")->warn("the bus ends before the slot begins: kept as {}", aside);
    SLUICE_TRY(files_.Rename(options_.bus.folder + "/p0", aside));
  }
  return OpenBusAt(start);
}

Status Mirror::OpenTables(const StartDecision& decision) {
  tracker_ = std::make_unique<RelationTracker>(
      [this](uint32_t oid) { return source_.DescribeTable(oid); }, identity_.server_version);
  SLUICE_LET(const bus::BusInfo info, bus_->Info());
  const Cut ledger_cut =
      ledger_->rows.empty() ? Cut{info.first_lsn, 0} : ledger_->rows.back().marks.cut;
  merge_ = std::make_unique<MergeLoop>(
      *lake_, [this] { return bus::OpenEmbeddedReader(files_, options_.bus); }, *ledger_,
      ledger_cut, board_);
  RemoveIndexes(files_, options_.state_folder, [this](const TableId& id) {
    return std::any_of(tables_.chosen.begin(), tables_.chosen.end(),
                       [&](const ChosenTable& chosen) {
                         const TableId& own = chosen.mirror.schema.id;
                         return own.oid == id.oid && own.incarnation <= id.incarnation;
                       });
  });
  for (const ChosenTable& chosen : tables_.chosen) {
    const std::string name = chosen.mirror.schema.QualifiedName();
    TableStatus planned;  // so that nobody takes a table for absent before its first words
    planned.name = name;
    planned.iceberg = chosen.lake.ToString();
    board_.SetTable(planned);
    SLUICE_TRY(OpenOne(chosen, decision.tables.at(name)), "opening table {}", name);
  }
  return {};
}

Status Mirror::OpenOne(const ChosenTable& chosen, TableStart start) {
  const std::string name = chosen.mirror.schema.QualifiedName();
  const auto loaded = lake_tables_.find(name);
  const auto park = [&](TableState state, std::string reason, std::string hint,
                        std::optional<Cut> position) {
    TableStatus status;
    status.state = state;
    status.reason = std::move(reason);
    status.hint = std::move(hint);
    merge_->Park(chosen, status, position);
  };
  const std::string resync = ResyncHint(name);
  if (const auto unreadable = unreadable_.find(name); unreadable != unreadable_.end()) {
    tracker_->Watch(chosen);  // nothing can be remembered of it, so its changes wait on the bus
    park(TableState::kFailed, unreadable->second,
         "restore that file and start again; or drop the table from the catalog, then: " + resync,
         {});
    return {};
  }
  if (start == TableStart::kCopy) {
    if (loaded != lake_tables_.end() && !ResyncWanted(loaded->second)) {
      park(TableState::kFailed,
           "the lake holds a table of this name that this pipeline did not write",
           "drop or rename it, or exclude this table; `tables resync` replaces it", {});
      return {};
    }
    SLUICE_LET(CopyTask task, MakeCopyTask(chosen));
    QueueCopy(std::move(task));
    return {};
  }
  const iceberg::LoadedTable& table = loaded->second;
  SLUICE_LET(const auto found, PositionOf(table, lake_->source));
  SLUICE_CHECK(found.has_value());
  const Cut position = *found;
  // The shape that the lake was written in is the one to follow; if the source's is another now,
  // the tracker stops the table before any of its changes. A paused table is followed too: its
  // changes wait on the bus.
  ChosenTable following = chosen;
  SLUICE_LET(TableSchema recorded, TableSchemaFromJson(PropertyOr(table, "sluice.schema", "")));
  const bool same = SameShape(recorded, chosen.mirror.schema);
  following.mirror.schema = recorded;
  const auto state = ParseTableState(PropertyOr(table, "sluice.state", "live"));
  const auto park_remembered = [&] {
    TableStatus status;
    status.state = *state;
    status.reason = PropertyOr(table, "sluice.reason", "");
    status.hint = PropertyOr(table, "sluice.hint", "");
    merge_->Park(following, status, position);
  };
  if (state == TableState::kFailed) {
    park_remembered();
    return {};
  }
  tracker_->Watch(following);
  if (!same) SLUICE_TRY(tracker_->Check(chosen.source));
  if (state == TableState::kPaused) {
    park_remembered();
    return {};
  }
  if (start == TableStart::kHole) {
    park(TableState::kFailed, "the bus no longer holds the changes since its last commit", resync,
         position);
    return {};
  }
  SLUICE_LET(const auto foreign, ForeignChange(table.metadata, lake_->source, options_.name));
  if (foreign) {
    park(TableState::kFailed, *foreign, resync, position);
    return {};
  }
  auto opened = MirrorTable::OpenLive(*lake_, following, table, position);
  if (!opened && IsTheTables(opened.error())) {
    park(TableState::kFailed, opened.error().message(), resync, position);
    return {};
  }
  SLUICE_LET(auto mirror, std::move(opened));
  const bool with_ledger = ledger_->rows.empty() || position == ledger_->rows.back().marks.cut;
  if (with_ledger) return merge_->AddLive(std::move(mirror));
  return merge_->AddCatchingUp(std::move(mirror));
}

}  // namespace sluice::pipeline
