#include "pipeline/status_board.h"

#include <algorithm>
#include <array>

namespace sluice::pipeline {

namespace {
constexpr std::array<std::string_view, 7> kStateNames = {
    "planned", "copying", "catching_up", "live", "paused", "failed", "removed"};
}  // namespace

std::string_view TableStateName(TableState state) {
  return kStateNames[static_cast<size_t>(state)];
}

std::optional<TableState> ParseTableState(std::string_view name) {
  const auto* found = std::find(kStateNames.begin(), kStateNames.end(), name);
  if (found == kStateNames.end()) return std::nullopt;
  return static_cast<TableState>(found - kStateNames.begin());
}

TableStatus* StatusBoard::Find(const std::string& name) {
  for (TableStatus& table : status_.tables) {
    if (table.name == name) return &table;
  }
  return nullptr;
}

void StatusBoard::SetTable(const TableStatus& table) {
  const std::lock_guard lock(mutex_);
  TableStatus* known = Find(table.name);
  if (known == nullptr) {
    status_.tables.push_back(table);
    return;
  }
  const int64_t rows_copied = std::max(known->rows_copied, table.rows_copied);
  const int64_t bytes_copied = std::max(known->bytes_copied, table.bytes_copied);
  *known = table;
  known->rows_copied = rows_copied;
  known->bytes_copied = bytes_copied;
}

void StatusBoard::AddCopied(const std::string& name, int64_t rows, int64_t bytes) {
  const std::lock_guard lock(mutex_);
  if (TableStatus* table = Find(name)) {
    table->rows_copied += rows;
    table->bytes_copied += bytes;
  }
}

}  // namespace sluice::pipeline
