// `bus info` and `bus dump`. A dump shows positions, operations and counts, never row values.
#include <array>

#include "bus/embedded/embedded_bus.h"
#include "cli/commands.h"

namespace sluice::cli {

namespace {

constexpr size_t kPollBytes = 4 << 20;

Json ToJson(const ChangeBatch& batch) {
  std::array<int64_t, 4> counts{};
  for (const Op op : batch.operations) ++counts.at(static_cast<size_t>(op));
  Json out = {{"kind", "changes"},         {"table_oid", batch.table.oid},
              {"rows", batch.row_count()}, {"transactions", batch.runs.size()},
              {"inserts", counts[0]},      {"updates", counts[1]},
              {"deletes", counts[2]},      {"truncates", counts[3]}};
  if (!batch.runs.empty()) {
    out["first_end_lsn"] = ToString(batch.runs.front().end_lsn);
    out["last_end_lsn"] = ToString(batch.runs.back().end_lsn);
  }
  return out;
}

Json ToJson(const bus::Record& record) {
  if (const auto* batch = std::get_if<ChangeBatch>(&record)) return ToJson(*batch);
  if (const auto* cut = std::get_if<Cut>(&record)) {
    return {{"kind", "cut"}, {"lsn", ToString(cut->lsn)}};
  }
  if (const auto* schema = std::get_if<TableSchema>(&record)) {
    return {{"kind", "schema"},
            {"table", schema->QualifiedName()},
            {"columns", schema->columns.size()}};
  }
  if (const auto* stop = std::get_if<TableStop>(&record)) {
    return {{"kind", "stop"}, {"table_oid", stop->table.oid}, {"reason", stop->reason}};
  }
  const auto& resume = std::get<bus::Resume>(record);
  return {{"kind", "resume"}, {"epoch", resume.epoch}, {"after", ToString(resume.after)}};
}

}  // namespace

int BusInfo(const Context& context) {
  SLUICE_CLI_LET(const Config config, context.Load());
  SLUICE_CLI_LET(const bus::BusInfo info, bus::ReadBusInfo(LocalFileSystem(), config.options.bus));
  if (context.json) {
    PrintJson({{"path", config.options.bus.folder},
               {"first_lsn", ToString(info.first_lsn)},
               {"last_lsn", ToString(info.last_cut.lsn)},
               {"bytes", info.bytes},
               {"segments", info.segments},
               {"disk_free_bytes", info.disk_free_bytes}});
  } else {
    Print(fmt::format("{}\n  holds everything after {} up to {}\n  {} in {} segments, {} free\n",
                      config.options.bus.folder, ToString(info.first_lsn),
                      ToString(info.last_cut.lsn), FormatBytes(static_cast<int64_t>(info.bytes)),
                      info.segments, FormatBytes(static_cast<int64_t>(info.disk_free_bytes))));
  }
  return static_cast<int>(Exit::kDone);
}

int BusDump(const Context& context, int64_t records_max) {
  SLUICE_CLI_LET(const Config config, context.Load());
  SLUICE_CLI_LET(const bus::BusInfo info, bus::ReadBusInfo(LocalFileSystem(), config.options.bus));
  SLUICE_CLI_LET(const auto reader, bus::OpenEmbeddedReader(LocalFileSystem(), config.options.bus));
  SLUICE_CLI_LET(const Lsn held, reader->Seek(0, info.first_lsn));
  static_cast<void>(held);
  for (int64_t shown = 0; shown < records_max;) {
    SLUICE_CLI_LET(const auto records, reader->Poll(0, kPollBytes));
    if (records.empty()) break;
    for (const bus::Record& record : records) {
      if (++shown > records_max) break;
      PrintJson(ToJson(record));
    }
  }
  return static_cast<int>(Exit::kDone);
}

}  // namespace sluice::cli
