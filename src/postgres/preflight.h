// Every prerequisite of a mirror at the source, one line each, and what mends it: for `check`.
// Reads only, and opens no slot.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "postgres/connection.h"
#include "postgres/publication.h"
#include "postgres/source_catalog.h"

namespace sluice::postgres {

struct CheckLine {
  enum class Outcome : uint8_t { kOk, kWarn, kFail };
  Outcome outcome = Outcome::kOk;
  std::string name;  // "wal_level"
  std::string what;  // what was found
  std::string mend;  // the SQL, setting or grant; empty when ok
};

// The server, our rights there, the slot. Opens its own connections (a plain and a replication
// one), never fails: what cannot be asked is a line of its own.
std::vector<CheckLine> CheckSource(const ConnectionOptions& options, const std::string& slot);

// The tables that were chosen and their publication. `published` is parallel to `tables`.
Result<std::vector<CheckLine>> CheckTables(Connection& connection, const std::string& publication,
                                           std::span<const SourceTable> tables,
                                           std::span<const PublishedTable> published);

// The parts, pure. Versions as server_version_num.
CheckLine CheckVersion(int server_version);
// Would a walsender of this name count as a synchronous standby, so that commits wait for us?
bool MatchesSynchronousStandby(const std::string& synchronous_standby_names,
                               const std::string& application_name);
CheckLine CheckSlot(const std::string& slot, const std::optional<SlotState>& state,
                    const std::string& database);
CheckLine CheckEncryption(const std::string& host, const std::string& sslmode, bool encrypted);

}  // namespace sluice::postgres
