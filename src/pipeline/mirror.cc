#include "pipeline/mirror.h"

#include <algorithm>

#include "base/fault_point.h"
#include "base/log.h"
#include "bus/embedded/bus_scan.h"
#include "pipeline/table_memory.h"

namespace sluice::pipeline {

namespace {

// Each cut is an fsync of the bus.
constexpr int64_t kCutIntervalMinUs = 50'000;

// A table is committed at cuts, so they close twice as often as the freshest one asks: a row waits
// for its cut, and then for its commit.
int64_t CutInterval(const PipelineOptions& options, const std::vector<ChosenTable>& tables) {
  int64_t out = options.cut_interval_us;
  for (const ChosenTable& table : tables) out = std::min(out, table.options.freshness_us / 2);
  return std::max(out, kCutIntervalMinUs);
}

Error NotForResync(const std::string& name) {
  return MakeError(ErrorKind::kConfig, "table {} is not mirrored, or is being copied", name)
      .WithHint("`sluice tables list` shows every table's state");
}

// A table that was rewritten under the copy is read anew.
bool PassesForCopy(const Error& error) {
  return Mirror::ComesBack(error) || error.kind() == ErrorKind::kConflict;
}

}  // namespace

// Network, a full disk (under the spool too), a slot that another process still reads (SQLSTATE
// 55006).
bool Mirror::ComesBack(const Error& error) {
  return error.kind() == ErrorKind::kUnavailable || error.kind() == ErrorKind::kExhausted ||
         error.code() == "55006";
}

// --- capture ---

// The same source still, and nothing missing between it and the bus?
// The slot's confirmed position.
Result<Lsn> Mirror::CheckSourceAgain(const bus::BusInfo& info) {
  SLUICE_LET(const auto now, source_.Identify());
  if (now.system_id != identity_.system_id || now.timeline != identity_.timeline) {
    return MakeError(ErrorKind::kConfig, "the server is another now: {}/{}, was {}/{}",
                     now.system_id, now.timeline, identity_.system_id, identity_.timeline)
        .WithHint("point `source: url:` back to the source this pipeline mirrors");
  }
  if (now.wal_lsn < info.last_cut.lsn) {
    return MakeError(ErrorKind::kConfig,
                     "the source's WAL ends at {}, before {} that was already mirrored: it was "
                     "rolled back",
                     ToString(now.wal_lsn), ToString(info.last_cut.lsn))
        .WithHint("restore the newer state, or copy anew: `sluice tables resync --all`");
  }
  SLUICE_LET(const auto slot, source_.FindSlot(options_.slot));
  if (!slot) {
    return MakeError(ErrorKind::kConfig, "replication slot {} was dropped", options_.slot)
        .WithHint("changes since then are not kept; `sluice tables resync --all`, then run again");
  }
  if (slot->wal_status == "lost") {
    return MakeError(ErrorKind::kConfig,
                     "replication slot {} is lost: the server removed WAL that was still needed "
                     "(max_slot_wal_keep_size)",
                     options_.slot)
        .WithHint(
            "changes since then are not kept: `sluice drop --keep-lake`, `sluice tables resync "
            "--all`, `sluice run`; readers see the last good state until then");
  }
  if (slot->confirmed_lsn > info.last_cut.lsn && slot->confirmed_lsn > info.first_lsn) {
    return MakeError(ErrorKind::kConfig,
                     "replication slot {} stands at {}, beyond {} that we hold: somebody else "
                     "moved or made it",
                     options_.slot, ToString(slot->confirmed_lsn), ToString(info.last_cut.lsn))
        .WithHint("changes between are lost; `sluice tables resync --all`, then run again");
  }
  return slot->confirmed_lsn;
}

Status Mirror::OpenBusAt(Lsn start) {
  const std::lock_guard lock(bus_mutex_);
  bus_.reset();
  SLUICE_LET(bus_, bus::EmbeddedBusWriter::Open(files_, clock_, options_.bus, lake_->epoch, start),
             "opening the bus");
  return {};
}

Result<bus::BusInfo> Mirror::BusInfo() {
  const std::lock_guard lock(bus_mutex_);
  if (bus_ != nullptr) return bus_->Info();
  return bus::ReadBusInfo(files_, options_.bus);  // it is being opened again
}

Result<std::unique_ptr<Capture>> Mirror::Connect() {
  // The stream begins again behind the last cut: what the last one left behind it would come twice.
  if (bus_ == nullptr || !bus_->at_cut()) SLUICE_TRY(OpenBusAt(Lsn{progress_.durable_lsn}));
  SLUICE_LET(const bus::BusInfo info, bus_->Info());
  SLUICE_LET(const Lsn confirmed, CheckSourceAgain(info));
  postgres::StreamOptions stream;
  stream.slot = options_.slot;
  stream.publication = postgres::PublicationList(options_.publication);
  stream.binary = std::all_of(tables_.chosen.begin(), tables_.chosen.end(), [](const auto& table) {
    return std::all_of(table.mirror.mappings.begin(), table.mirror.mappings.end(),
                       [](const postgres::Mapping& mapping) { return mapping.binary; });
  });
  SLUICE_LET(auto source, source_.StartStream(stream));
  postgres::DecoderOptions decoding;
  decoding.spool_folder = options_.state_folder + "/spool";
  const MemoryShares shares{options_.memory_bytes};
  decoding.memory_bytes = shares.decoded();
  decoding.spool_memory_bytes = shares.spooled();
  decoding.spool_bytes_max = options_.bus.max_bytes;
  SLUICE_LET(const SnapshotVisibility now, source_.CurrentSnapshot());
  decoding.reference_xid = now.xmax;
  const Cut durable = info.last_cut.lsn > info.first_lsn ? info.last_cut : Cut{info.first_lsn, 0};
  // Readers see it once that is proved, which a full or failing disk may have put off.
  const Status shown = bus_->AppendCut(durable);
  if (!shown && shown.error().kind() != ErrorKind::kExhausted) return shown.error();
  SLUICE_LET(auto reader, bus::OpenEmbeddedReader(files_, options_.bus));
  SLUICE_LET(auto resent, ResentHistory::Open(std::move(reader), confirmed, durable.lsn));
  decoding.skipped = [history = resent.get()](Lsn end, uint64_t xid) {
    return history->Sent(end, xid);
  };
  SLUICE_LET(auto decoder, postgres::ChangeDecoder::Make(files_, *tracker_, std::move(decoding)));
  CaptureOptions capture;
  capture.cut_interval_us = CutInterval(options_, tables_.chosen);
  capture.idle_cut_interval_us = options_.idle_cut_interval_us;
  capture.silence_max_us = int64_t{options_.source.silence_max_ms} * 1000;
  const auto confirmable = [this]() -> std::optional<Lsn> {
    if (options_.confirm_after == ConfirmAfter::kBus) return std::nullopt;
    return merge_->recorded();
  };
  return std::make_unique<Capture>(
      std::move(source), std::move(decoder), *bus_, durable, clock_, capture, progress_,
      confirmable, [this] { return tracker_->TakeStops(); }, std::move(resent));
}

void Mirror::SetCapture(Capture* capture) {
  const std::lock_guard lock(capture_mutex_);
  capture_ = capture;
  if (capture_ != nullptr) capture_->RequestCut(wanted_cut_);
}

void Mirror::RequestCut(Lsn lsn) {
  const std::lock_guard lock(capture_mutex_);
  wanted_cut_ = std::max(wanted_cut_, lsn);
  if (capture_ != nullptr) capture_->RequestCut(wanted_cut_);
}

void Mirror::LetServerGo() {
  const std::lock_guard lock(capture_mutex_);
  if (capture_ != nullptr) capture_->LetServerGo();
}

// A commit that the source still hides stays on the bus: a copy that starts now does not see it.
// The source is asked before the pins, so that a copy whose pin is missed sees at least as much.
Status Mirror::TrimBus() {
  SLUICE_LET(const bus::BusInfo info, bus_->Info());
  SLUICE_LET(const Lsn wanted, bus_->Removable(merge_->pinned()));
  if (wanted <= info.first_lsn) return {};
  SLUICE_LET(const SnapshotVisibility now, source_.CurrentSnapshot(),
             "asking the source which commits it hides");
  auto seen = bus::SeenThrough(files_, options_.bus, info.first_lsn, wanted, now);
  if (!seen && seen.error().kind() == ErrorKind::kCorrupt) {
    // Every table is past the damage, and nothing in it can be read for another.
    log::Get("bus")->warn("trimming: {}", seen.error().message());
    seen = wanted;
  }
  SLUICE_TRY(seen);
  return bus_->Retain(std::min(*seen, merge_->pinned()));
}

void Mirror::RetainBus() {
  if (bus_ == nullptr) return;
  const Status trimmed = TrimBus();
  if (!trimmed) log::Get("bus")->warn("trimming: {}", trimmed.error().message());
  const auto info = bus_->Info();
  if (!info) return;
  BusStatus status;
  status.first_lsn = info->first_lsn;
  status.last_lsn = info->last_cut.lsn;
  status.bytes = info->bytes;
  status.disk_free_bytes = info->disk_free_bytes;
  status.full = progress_.bus_full;
  board_.SetBus(status);
}

// --- copies ---

void Mirror::WaitForCopies(const std::stop_token& stop) {
  std::unique_lock lock(copies_mutex_);
  copies_wake_.wait(lock, stop, [this] { return !copies_.empty(); });
}

std::vector<CopyTask> Mirror::TakeCopies() {
  const std::lock_guard lock(copies_mutex_);
  return std::exchange(copies_, {});
}

void Mirror::QueueCopy(CopyTask task) {
  TableStatus status;
  status.state = TableState::kCopying;
  const auto info = BusInfo();
  merge_->Pin(task.chosen.mirror.schema.id, info ? info->first_lsn : Lsn{});
  merge_->Park(task.chosen, status, {});
  tracker_->Watch(task.chosen);
  CopyAgain(std::move(task));
}

void Mirror::CopyAgain(CopyTask task) {
  {
    const std::lock_guard lock(copies_mutex_);
    copies_.push_back(std::move(task));
  }
  copies_wake_.notify_all();
}

Result<HeldSnapshot> Mirror::SnapshotForCopies(const std::vector<CopyTask>& tasks) {
  SLUICE_LET(const bus::BusInfo before, bus::ReadBusInfo(files_, options_.bus),
             "asking what the bus holds");
  HeldSnapshot out;
  if (slot_snapshot_) {
    out = *std::exchange(slot_snapshot_, std::nullopt);
  } else {
    SLUICE_LET(out, source_.HoldSnapshot());
  }
  // Without the last cut itself: on a quiet source none may follow at which to commit the table.
  const Lsn through = std::max(before.first_lsn, Lsn{before.last_cut.lsn.value - 1});
  SLUICE_LET(out.bus_from,
             bus::SeenThrough(files_, options_.bus, before.first_lsn, through, out.visibility),
             "looking for what the snapshot does not see");
  for (const CopyTask& task : tasks) {
    merge_->Post([id = task.chosen.mirror.schema.id, from = out.bus_from](MergeLoop& merge) {
      merge.Pin(id, from);
    });
  }
  return out;
}

bool Mirror::CopyDone(const CopyTask& task, Result<CopiedTable> copied) {
  const TableId id = task.chosen.mirror.schema.id;
  const std::string name = task.chosen.mirror.schema.QualifiedName();
  if (!copied && copied.error().kind() == ErrorKind::kStopped) return true;
  if (!copied && PassesForCopy(copied.error())) {
    log::Get("copy")->warn("copying {} again: {}", name, copied.error().message());
    CopyAgain(task);
    return false;
  }
  if (!copied) {
    const Error error = copied.error();
    merge_->Post([id, error](MergeLoop& merge) {
      merge.Unpin(id);
      merge.Fail({id, error.message(), error.hint()});
    });
    return true;
  }
  log::Get("copy")->info("copied {}", name);
  ReachFaultPoint("copy.table_copied");
  const auto shared = std::make_shared<const CopiedTable>(std::move(*copied));
  const auto open = [this, task, shared] {
    return MirrorTable::OpenCopied(*lake_, task.chosen, task.target, *shared);
  };
  merge_->Post([chosen = task.chosen, open, id, from = shared->bus_from](MergeLoop& merge) {
    merge.Unpin(id);
    merge.Arrive(chosen, Cut{from, 0}, open);
    ReachFaultPoint("copy.handed_over");
  });
  // Its first commit is at a cut from there on, also where nothing happens: a new bus holds no cut
  // at the slot's own position, and the source goes on above (HoldSnapshot saw to it).
  RequestCut(Lsn{shared->filter_until.value + 1});
  return true;
}

Result<CopyTask> Mirror::MakeCopyTask(ChosenTable chosen) {
  SLUICE_LET(const std::optional<iceberg::LoadedTable> before, catalog_.Load(chosen.lake));
  CopyTask task;
  if (before) {
    ++chosen.mirror.schema.id.incarnation;
    task.replaces_uuid = before->metadata.table_uuid;
  }
  chosen.mirror.schema.version = SchemaVersion{1};
  task.target = NewLakeTable(*lake_, chosen, before);
  task.chosen = std::move(chosen);
  return task;
}

// --- the watch, and orders ---

Status Mirror::Watch() {
  SLUICE_LET(const auto now, source_.ListTables());
  std::vector<uint32_t> present;
  for (const postgres::SourceTable& table : now) {
    present.push_back(table.oid);
    SLUICE_TRY(tracker_->Check(table));
  }
  tracker_->CheckDropped(present);
  SLUICE_LET(const TableChoice choice, ChooseTables(now, options_, identity_.server_version));
  std::vector<std::string> fresh;
  for (const ChosenTable& chosen : choice.chosen) {
    const bool known =
        std::any_of(tables_.chosen.begin(), tables_.chosen.end(),
                    [&](const ChosenTable& one) { return one.source.oid == chosen.source.oid; });
    if (!known) fresh.push_back(chosen.mirror.schema.QualifiedName());
  }
  board_.SetUnmirrored(std::move(fresh));
  return {};
}

Result<postgres::SourceTable> Mirror::FindTable(const std::string& name) {
  SLUICE_LET(auto all, source_.ListTables());
  for (postgres::SourceTable& table : all) {
    if (QuoteIdentifier(table.schema_name) + "." + QuoteIdentifier(table.name) == name) {
      return std::move(table);
    }
  }
  return MakeError(ErrorKind::kConfig, "the source has no table {}", name)
      .WithHint("`sluice tables list` shows the names");
}

Status Mirror::Resync(MergeLoop& merge, ChosenTable renewed) {
  const std::string name = renewed.mirror.schema.QualifiedName();
  const auto now = merge.FindForResync(name);
  if (!now) return NotForResync(name);
  renewed.mirror.schema.id.incarnation = now->mirror.schema.id.incarnation;
  SLUICE_LET(CopyTask task, MakeCopyTask(std::move(renewed)));
  SLUICE_TRY(merge.CheckEpoch());
  SLUICE_TRY(RememberResync(catalog_, task.chosen.lake), "remembering in the lake to copy {} again",
             name);
  merge.TakeForResync(name);
  QueueCopy(std::move(task));
  return {};
}

// It may be another table of the same name, or have lost its key.
Result<ChosenTable> Mirror::Renew(const std::string& name, const std::stop_token& stop) {
  SLUICE_LET(postgres::SourceTable source, FindTable(name));
  const auto known = std::find_if(
      tables_.chosen.begin(), tables_.chosen.end(),
      [&](const ChosenTable& one) { return one.mirror.schema.QualifiedName() == name; });
  if (known == tables_.chosen.end()) return NotForResync(name);
  ChosenTable out = *known;
  SLUICE_LET(out.mirror, postgres::MirrorOf(source, out.options.columns, identity_.server_version));
  const postgres::PublishedTable published{source.oid, source.schema_name, source.name,
                                           out.mirror.append_only};
  SLUICE_TRY(source_.EnsurePublication(options_.publication, {&published, 1}, stop));
  out.source = std::move(source);
  return out;
}

}  // namespace sluice::pipeline
