// The publications that name what the source streams to us. Two of them: `<name>` for tables whose
// rows can be found again, `<name>_append` (inserts and truncates only) for tables without a key,
// because publishing updates of those would make Postgres refuse the application's UPDATEs.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "postgres/connection.h"

namespace sluice::postgres {

struct PublishedTable {
  uint32_t oid = 0;
  std::string schema_name;
  std::string name;
  bool append_only = false;
};

struct PublicationChange {
  std::vector<std::string> statements;  // SQL, in order; empty: nothing to do
  std::vector<std::string> warnings;    // what is left as it is, and the SQL that would change it
};

// What the publications, as they are, keep from us.
struct PublicationGaps {
  std::vector<std::string> missing;   // publications: the stream breaks where one was missing
  std::vector<uint32_t> unpublished;  // tables: their changes, or some of them, are not sent
};

std::string AppendPublicationName(const std::string& name);
// Both names, as StreamOptions::publication takes them.
std::string PublicationList(const std::string& name);

// What EnsurePublication would do. Reads only. kConfig: a publication of that name filters rows or
// columns of ours, which would be lost in silence.
Result<PublicationChange> PlanPublication(Connection& connection, const std::string& name,
                                          std::span<const PublishedTable> tables);

Result<PublicationGaps> FindPublicationGaps(Connection& connection, const std::string& name,
                                            std::span<const PublishedTable> tables);

// Makes both publications where they are missing and adds missing tables; never removes a table.
// In one transaction; returns what it did. 42501: the hint holds the SQL for the tables' owner.
// 55P03: a table stayed locked for the connection's lock_timeout_ms; says who holds it.
Result<PublicationChange> EnsurePublication(Connection& connection, const std::string& name,
                                            std::span<const PublishedTable> tables);

// Both; absent ones are no error.
Status DropPublications(Connection& connection, const std::string& name);

}  // namespace sluice::postgres
