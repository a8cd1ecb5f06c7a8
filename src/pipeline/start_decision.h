// What a start finds and what follows from it, table by table, before anything moves
// (corners.md, "Starting again"). Pure.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "change/change_batch.h"

namespace sluice::pipeline {

struct StartFindings {
  std::string slot_name;
  // The slot; nothing: there is none.
  struct Slot {
    Lsn confirmed;
    bool lost = false;
    bool logical_pgoutput = true;
    bool same_database = true;
  };
  std::optional<Slot> slot;
  // The bus; nothing: there is none.
  struct Bus {
    Lsn first;
    Lsn last_cut;
  };
  std::optional<Bus> bus;
  Lsn source_wal;
  std::string source;  // "<system identifier>/<timeline>/<database>"
  struct Table {
    std::string name;
    std::optional<Lsn> position;  // of our marks; nothing: to be copied
    std::string source;           // in its marks
    bool published = true;        // wholly, by publications that were there all along
  };
  std::vector<Table> tables;
  std::vector<std::string> missing_publications;
};

// kHole: the bus lacks changes that the table needs. kUnpublished: the source did not send them.
enum class TableStart : uint8_t { kFollow, kCopy, kHole, kUnpublished };

struct StartDecision {
  bool create_slot = false;
  bool set_bus_aside = false;  // the bus ends before the slot begins
  bool new_bus = false;        // there is none, or it is set aside
  Lsn bus_start;               // of a bus that is new
  std::map<std::string, TableStart> tables;
};

// kConfig: not our source any more, or a gap: stop before the first byte; the hint names the way
// out.
Result<StartDecision> DecideStart(const StartFindings& found);

}  // namespace sluice::pipeline
