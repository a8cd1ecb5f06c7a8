#include "cli/context.h"

#include <algorithm>
#include <cstdio>

namespace sluice::cli {

namespace {

Exit ExitOf(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kStopped:
      return Exit::kDone;
    case ErrorKind::kConfig:
      return Exit::kOperator;
    default:
      return Exit::kFailed;
  }
}

// Display width: UTF-8 continuation bytes take none.
size_t Width(const std::string& text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
  }));
}

}  // namespace

void Print(const std::string& text) { std::fputs(text.c_str(), stdout); }

void PrintJson(const Json& json) {
  std::fputs((json.dump() + "\n").c_str(), stdout);
  std::fflush(stdout);
}

int Fail(const Context& context, const Error& error) {
  if (context.json) {
    PrintJson(service::ErrorToJson(error));
  } else {
    std::fprintf(stderr, "sluice: %s\n", error.message().c_str());
    if (!error.hint().empty()) std::fprintf(stderr, "  what to do: %s\n", error.hint().c_str());
  }
  return static_cast<int>(ExitOf(error.kind()));
}

std::string FormatTable(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], Width(row[i]));
  }
  std::string out;
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) {
      out += row[i];
      if (i + 1 < row.size()) out.append(widths[i] - Width(row[i]) + 2, ' ');
    }
    out += '\n';
  }
  return out;
}

std::string FormatBytes(int64_t bytes) {
  const char* const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 1024 && unit < 4) {
    value /= 1024;
    ++unit;
  }
  return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", value, units[unit]);
}

std::string FormatCount(int64_t count) {
  if (count < 0) return "?";
  std::string digits = std::to_string(count);
  for (int at = static_cast<int>(digits.size()) - 3; at > 0; at -= 3) {
    digits.insert(static_cast<size_t>(at), 1, ',');
  }
  return digits;
}

std::string FormatSeconds(double seconds) {
  if (seconds < 10) return fmt::format("{:.1f} s", seconds);
  const auto whole = static_cast<int64_t>(seconds);
  if (whole < 60) return fmt::format("{} s", whole);
  if (whole < 3600) return fmt::format("{} min {} s", whole / 60, whole % 60);
  return fmt::format("{} h {} min", whole / 3600, whole % 3600 / 60);
}

}  // namespace sluice::cli
