// What the source says of itself and its tables: identity, versions, settings, tables, columns,
// types, keys, publications, slots. Reads only. All of it describes *now*, not the moment of a
// decoded change.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "change/lsn.h"
#include "postgres/connection.h"
#include "postgres/type_mapping.h"

namespace sluice::postgres {

struct SourceIdentity {
  std::string system_id;
  uint32_t timeline = 0;
  std::string database;
  uint32_t database_oid = 0;
  Lsn wal_lsn;  // insert position
  int server_version = 0;
};

struct SourceColumn {
  int16_t attnum = 0;
  std::string name;
  SourceType type;
  std::string type_text;  // format_type()
  bool not_null = false;
  bool key = false;       // of the identity that finds a row
  char generated = '\0';  // 's' stored, 'v' virtual
  std::string comment;
};

struct SourceTable {
  uint32_t oid = 0;
  std::string schema_name;
  std::string name;
  char kind = 'r';              // r, p (partitioned root)
  char replica_identity = 'd';  // d n f i; of a partitioned root: as its leaves agree, '?' if not
  bool has_primary_key = false;
  bool row_security = false;
  bool unlogged = false;
  std::string owner;
  std::string comment;
  std::vector<SourceColumn> columns;
  std::vector<uint32_t> leaves;  // partition leaves (oids), empty for a plain table
  std::vector<std::string> foreign_leaves;
  int64_t row_estimate = -1;
  // With TOAST, over all leaves. Where ListTables could not measure, and in DescribeTable: as of
  // the last vacuum or analyze.
  int64_t bytes = 0;
  bool can_select = true;
};

// Where its rows are: the table itself, or all its leaves.
std::vector<uint32_t> RelationsOf(const SourceTable& table);

struct SlotState {
  std::string plugin;
  std::string database;
  bool active = false;
  int active_pid = 0;
  Lsn restart_lsn;
  Lsn confirmed_lsn;
  std::string wal_status;           // reserved extended unreserved lost
  std::string invalidation_reason;  // 17+, empty: none
  std::optional<int64_t> safe_wal_bytes;
  int64_t retained_bytes = 0;
};

struct PublicationState {
  std::string owner;
  bool all_tables = false;
  bool via_root = false;
  bool insert = true, update = true, delete_ = true, truncate = true;
  std::vector<uint32_t> tables;    // oids of ordinary tables and roots: named, by schema, or all
  std::vector<uint32_t> filtered;  // 15+: those with a row filter or a column list
};

// kConfig on a standby: only a primary can be mirrored.
Result<SourceIdentity> IdentifySource(Connection& connection);
// All ordinary and partitioned tables (not leaves, not system, not temporary) with their columns.
// This and DescribeTable run in a transaction of their own, and wait for nobody who has locked a
// table: they describe it as it was last committed.
Result<std::vector<SourceTable>> ListTables(Connection& connection);
// One table; nothing when it is gone.
Result<std::optional<SourceTable>> DescribeTable(Connection& connection, uint32_t oid);
Result<std::optional<SlotState>> FindSlot(Connection& connection, const std::string& slot);
// Waits for no lock either.
Result<std::optional<PublicationState>> FindPublication(Connection& connection,
                                                        const std::string& publication);

}  // namespace sluice::postgres
