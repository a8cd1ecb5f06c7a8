// What `status` says of a table's newest audit: kept in the state folder, for people only. Nothing
// is decided by it, and losing it loses no proof that a new audit does not give.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "audit/audit.h"
#include "base/file_system.h"

namespace sluice::audit {

struct LastAudit {
  Lsn cut;
  int64_t time_us = 0;  // Unix microseconds, when it ended
  uint64_t rows = 0;
  uint64_t differences = 0;
  double sample_percent = 100;
};

using LastAudits = std::map<std::string, LastAudit>;  // by source name

// Absent, or not written by this version: none.
Result<LastAudits> ReadLastAudits(FileSystem& files, const std::string& state_folder);
// Adds every table that was compared. Not for two writers at once: the later one's tables stay.
Status RecordAudit(FileSystem& files, const std::string& state_folder, const AuditReport& report,
                   double sample_percent, int64_t now_us);

}  // namespace sluice::audit
