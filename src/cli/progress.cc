#include "cli/progress.h"

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <mutex>

#include "base/log.h"
#include "cli/context.h"

namespace sluice::cli {

namespace {

struct CopyTotals {
  int copying = 0;
  int tables = 0;
  int64_t rows = 0;
  int64_t expected = 0;
  int64_t bytes = 0;
};

CopyTotals Totals(const pipeline::PipelineStatus& status) {
  CopyTotals out;
  for (const pipeline::TableStatus& table : status.tables) {
    ++out.tables;
    out.rows += table.rows_copied;
    out.bytes += table.bytes_copied;
    const bool copying = table.state == pipeline::TableState::kCopying;
    out.copying += copying ? 1 : 0;
    out.expected +=
        copying ? std::max(table.rows_total_estimate, table.rows_copied) : table.rows_copied;
  }
  return out;
}

}  // namespace

std::string ProgressLine(const pipeline::PipelineStatus& status, double seconds) {
  constexpr int kWidth = 24;
  const CopyTotals totals = Totals(status);
  const double share = totals.expected == 0 ? 0
                                            : static_cast<double>(totals.rows) /
                                                  static_cast<double>(totals.expected);
  const int filled = std::min(static_cast<int>(share * kWidth), kWidth);
  const double rate = seconds > 0 ? static_cast<double>(totals.rows) / seconds : 0;
  const double left = rate > 0 ? static_cast<double>(totals.expected - totals.rows) / rate : 0;
  return fmt::format("copying {} of {} tables  [{}{}]  {} of ~{} rows  {}  {} rows/s  {} left",
                     totals.copying, totals.tables, std::string(static_cast<size_t>(filled), '#'),
                     std::string(static_cast<size_t>(kWidth - filled), '.'),
                     FormatCount(totals.rows), FormatCount(totals.expected),
                     FormatBytes(totals.bytes), FormatCount(static_cast<int64_t>(rate)),
                     FormatSeconds(left));
}

CopyProgressBar::CopyProgressBar(const pipeline::Supervisor& supervisor, bool terminal)
    : supervisor_(supervisor),
      terminal_(terminal),
      thread_([this](const std::stop_token& stop) { Loop(stop); }) {}

void CopyProgressBar::Loop(const std::stop_token& stop) const {
  const auto interval = std::chrono::milliseconds(terminal_ ? 500 : 10'000);
  const auto start = std::chrono::steady_clock::now();
  std::mutex mutex;
  std::condition_variable_any wake;
  std::unique_lock lock(mutex);
  bool drawn = false;
  while (!wake.wait_for(lock, stop, interval, [&] { return stop.stop_requested(); })) {
    const pipeline::PipelineStatus status = supervisor_.status();
    if (Totals(status).copying == 0) break;
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    const std::string line = ProgressLine(status, seconds);
    if (terminal_) {
      std::fprintf(stderr, "\r\033[K%s", line.c_str());
      std::fflush(stderr);
      drawn = true;
    } else {
      log::Get("copy")->info("{}", line);
    }
  }
  if (drawn) std::fputs("\r\033[K", stderr);
}

}  // namespace sluice::cli
