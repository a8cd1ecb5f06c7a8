// ListTables and DescribeTable: a handful of queries however many tables there are, none of which
// waits for a table's lock.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>

#include "postgres/lock_wait.h"
#include "postgres/row_reader.h"
#include "postgres/source_catalog.h"
#include "postgres/source_types.h"

namespace sluice::postgres {

namespace {

// Conditions on pg_class c, pg_namespace n.
constexpr std::string_view kEveryTable =
    "c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence <> 't' "
    "AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'";

constexpr std::string_view kTables = R"sql(
SELECT c.oid, n.nspname, c.relname, c.relkind, c.relreplident,
       EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary),
       row_security_active(c.oid), c.relpersistence = 'u', pg_get_userbyid(c.relowner),
       obj_description(c.oid, 'pg_class'),
       has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE {} ORDER BY n.nspname, c.relname)sql";

// Where the rows are: the table itself, or the leaves of a partitioned one. Not pg_partition_tree
// and pg_table_size: they take locks.
constexpr std::string_view kStorage = R"sql(
WITH RECURSIVE tree(root, relid) AS (
  SELECT c.oid, c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE {}
  UNION ALL
  SELECT tree.root, i.inhrelid
    FROM tree JOIN pg_class p ON p.oid = tree.relid AND p.relkind = 'p'
    JOIN pg_inherits i ON i.inhparent = p.oid AND NOT i.inhdetachpending)
SELECT tree.root, l.oid, l.relkind, l.relreplident, l.relpersistence = 'u',
       quote_ident(ln.nspname) || '.' || quote_ident(l.relname),
       l.reltuples::int8, pg_stat_get_live_tuples(l.oid),
       (l.relpages::int8 + coalesce(t.relpages, 0)) * current_setting('block_size')::int8
  FROM tree JOIN pg_class l ON l.oid = tree.relid AND l.relkind <> 'p'
  JOIN pg_namespace ln ON ln.oid = l.relnamespace
  LEFT JOIN pg_class t ON t.oid = l.reltoastrelid
 ORDER BY tree.root, l.oid)sql";

// The sizes now, but for tables that somebody has locked or waits to lock so that the question
// would wait. One who comes in between is waited for a second.
constexpr std::string_view kSizes = R"sql(
SET LOCAL lock_timeout = '1s';
SELECT o, pg_table_size(o) FROM unnest('{{{}}}'::oid[]) AS u(o)
 WHERE o NOT IN (
   SELECT l.relation FROM pg_locks l JOIN pg_database d ON d.oid = l.database
    WHERE l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock'
      AND d.datname = current_database()))sql";

// Key: the identity that finds a row. INCLUDE columns of its index are no part of it.
constexpr std::string_view kColumns = R"sql(
SELECT a.attrelid, a.attnum, a.attname, a.atttypid, a.atttypmod, a.attndims,
       coalesce(NOT col.collisdeterministic, false), format_type(a.atttypid, a.atttypmod),
       a.attnotnull, coalesce(a.attnum = ANY ((k.indkey::int2[])[0:k.indnkeyatts - 1]), false),
       a.attgenerated, col_description(a.attrelid, a.attnum)
  FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_collation col ON col.oid = a.attcollation
  LEFT JOIN pg_index k ON k.indrelid = c.oid AND
       CASE WHEN c.relreplident = 'i' THEN k.indisreplident ELSE k.indisprimary END
 WHERE {} AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attrelid, a.attnum)sql";

using TablesByOid = std::map<uint32_t, SourceTable*>;

Result<std::vector<SourceTable>> ReadTables(Connection& connection, const std::string& condition) {
  SLUICE_LET(const Rows rows, connection.Query(fmt::format(kTables, condition)));
  std::vector<SourceTable> out;
  for (const Row& row : rows) {
    RowReader in(row);
    SourceTable& table = out.emplace_back();
    table.oid = in.Number<uint32_t>();
    table.schema_name = in.Text();
    table.name = in.Text();
    table.kind = in.Char();
    table.replica_identity = in.Char();
    table.has_primary_key = in.Bool();
    table.row_security = in.Bool();
    table.unlogged = in.Bool();
    table.owner = in.Text();
    table.comment = in.Text();
    table.can_select = in.Bool();
  }
  return out;
}

struct Storage {
  uint32_t oid = 0;
  char kind = 'r';
  char replica_identity = 'd';
  bool unlogged = false;
  std::string name;
  int64_t rows = -1;
  int64_t bytes = 0;
};

void AddStorage(SourceTable& table, const Storage& storage) {
  const bool first = table.leaves.empty();
  if (storage.rows >= 0)
    table.row_estimate = std::max<int64_t>(table.row_estimate, 0) + storage.rows;
  table.bytes += storage.bytes;
  table.unlogged = table.unlogged || storage.unlogged;
  if (table.kind != 'p') return;
  if (storage.kind == 'f') {
    table.foreign_leaves.push_back(storage.name);
    return;
  }
  table.leaves.push_back(storage.oid);
  if (first) {
    table.replica_identity = storage.replica_identity;
  } else if (table.replica_identity != storage.replica_identity) {
    table.replica_identity = '?';
  }
}

Status ReadStorage(Connection& connection, const std::string& condition,
                   const TablesByOid& tables) {
  SLUICE_LET(const Rows rows, connection.Query(fmt::format(kStorage, condition)));
  for (const Row& row : rows) {
    RowReader in(row);
    const auto table = tables.find(in.Number<uint32_t>());
    Storage storage;
    storage.oid = in.Number<uint32_t>();
    storage.kind = in.Char();
    storage.replica_identity = in.Char();
    storage.unlogged = in.Bool();
    storage.name = in.Text();
    storage.rows = in.Number<int64_t>();  // -1: never analyzed
    const auto live = in.Number<int64_t>();
    if (storage.rows < 0 && live > 0) storage.rows = live;
    storage.bytes = in.Number<int64_t>();
    if (table != tables.end()) AddStorage(*table->second, storage);
  }
  return {};
}

Status ReadColumns(Connection& connection, const std::string& condition,
                   const TablesByOid& tables) {
  SLUICE_LET(const SourceTypes types, SourceTypes::Read(connection, condition));
  SLUICE_LET(const Rows rows, connection.Query(fmt::format(kColumns, condition)));
  for (const Row& row : rows) {
    RowReader in(row);
    const auto table = tables.find(in.Number<uint32_t>());
    if (table == tables.end()) continue;
    SourceColumn& column = table->second->columns.emplace_back();
    column.attnum = in.Number<int16_t>();
    column.name = in.Text();
    DeclaredType declared;
    declared.oid = in.Number<uint32_t>();
    declared.typmod = in.Number<int32_t>();
    declared.dimensions = in.Number<int>();
    declared.nondeterministic_collation = in.Bool();
    column.type = types.Resolve(declared);
    column.type_text = in.Text();
    column.not_null = in.Bool();
    column.key = in.Bool();
    column.generated = in.Char();
    column.comment = in.Text();
  }
  return {};
}

Result<std::vector<SourceTable>> Read(Connection& connection, const std::string& condition) {
  SLUICE_LET(std::vector<SourceTable> out, ReadTables(connection, condition));
  TablesByOid by_oid;
  for (SourceTable& table : out) by_oid.emplace(table.oid, &table);
  SLUICE_TRY(ReadStorage(connection, condition, by_oid));
  SLUICE_TRY(ReadColumns(connection, condition, by_oid));
  return out;
}

// One snapshot, so that the queries agree whatever DDL runs meanwhile.
Result<std::vector<SourceTable>> ReadAtOnce(Connection& connection, const std::string& condition) {
  SLUICE_TRY(connection.Execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"));
  auto out = Read(connection, condition);
  const Status ended = connection.Execute(out ? "COMMIT" : "ROLLBACK");
  if (out) SLUICE_TRY(ended);
  return out;
}

// A table that is not measured keeps its estimate.
Status Measure(Connection& connection, std::vector<SourceTable>& tables) {
  std::vector<uint32_t> relations;
  for (const SourceTable& table : tables) {
    for (const uint32_t oid : RelationsOf(table)) relations.push_back(oid);
  }
  const auto rows = connection.Query(fmt::format(kSizes, fmt::join(relations, ",")));
  if (!rows && rows.error().code() == kLockNotAvailable) return {};
  SLUICE_TRY(rows, "measuring tables");
  std::map<uint32_t, int64_t> sizes;
  for (const Row& row : *rows) {
    RowReader in(row);
    const auto oid = in.Number<uint32_t>();
    if (!in.IsNull()) sizes[oid] = in.Number<int64_t>();
  }
  for (SourceTable& table : tables) {
    int64_t bytes = 0;
    const std::vector<uint32_t> own = RelationsOf(table);
    const bool all = std::all_of(own.begin(), own.end(), [&](uint32_t oid) {
      const auto size = sizes.find(oid);
      if (size != sizes.end()) bytes += size->second;
      return size != sizes.end();
    });
    if (all) table.bytes = bytes;
  }
  return {};
}

}  // namespace

std::vector<uint32_t> RelationsOf(const SourceTable& table) {
  return table.kind == 'p' ? table.leaves : std::vector<uint32_t>{table.oid};
}

Result<std::vector<SourceTable>> ListTables(Connection& connection) {
  SLUICE_LET(auto out, ReadAtOnce(connection, std::string(kEveryTable)), "listing tables");
  SLUICE_TRY(Measure(connection, out));
  return out;
}

Result<std::optional<SourceTable>> DescribeTable(Connection& connection, uint32_t oid) {
  const std::string condition = fmt::format("c.oid = {} AND c.relkind IN ('r', 'p')", oid);
  SLUICE_LET(std::vector<SourceTable> out, ReadAtOnce(connection, condition),
             "describing relation {}", oid);
  if (out.empty()) return std::optional<SourceTable>();
  return std::optional(std::move(out.front()));
}

}  // namespace sluice::postgres
