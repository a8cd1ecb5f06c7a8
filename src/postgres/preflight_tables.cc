// What the chosen tables need of the source.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "postgres/preflight.h"
#include "postgres/row_reader.h"

namespace sluice::postgres {

namespace {

using Outcome = CheckLine::Outcome;

std::string Name(const SourceTable& table) { return SqlIdentifier(table.schema_name, table.name); }

bool HasKey(const SourceTable& table) {
  return std::any_of(table.columns.begin(), table.columns.end(),
                     [](const SourceColumn& column) { return column.key; });
}

void CheckRights(const SourceTable& table, const std::string& user, std::vector<CheckLine>& out) {
  const std::string name = Name(table);
  if (!table.can_select) {
    out.push_back({Outcome::kFail, "select", fmt::format("{} may not read {}", user, name),
                   fmt::format("GRANT USAGE ON SCHEMA {} TO {}; GRANT SELECT ON {} TO {}",
                               SqlIdentifier(table.schema_name), SqlIdentifier(user), name,
                               SqlIdentifier(user))});
  }
  if (table.row_security) {
    out.push_back({Outcome::kFail, "row security",
                   fmt::format("policies hide rows of {} from {}", name, user),
                   fmt::format("ALTER ROLE {} BYPASSRLS", SqlIdentifier(user))});
  }
}

void CheckStorage(const SourceTable& table, std::vector<CheckLine>& out) {
  const std::string name = Name(table);
  if (table.unlogged) {
    out.push_back({Outcome::kFail, "unlogged",
                   fmt::format("changes of {} leave no trace in the WAL", name),
                   fmt::format("ALTER TABLE {} SET LOGGED, or exclude it", name)});
  }
  if (!table.foreign_leaves.empty()) {
    out.push_back({Outcome::kFail, "foreign partitions",
                   fmt::format("{} has partitions on another server: {}", name,
                               fmt::join(table.foreign_leaves, ", ")),
                   "detach them, or exclude the table"});
  }
}

void CheckIdentity(const SourceTable& table, std::vector<CheckLine>& out) {
  const std::string name = Name(table);
  if (table.replica_identity == '?') {
    out.push_back({Outcome::kFail, "replica identity",
                   fmt::format("the partitions of {} differ in replica identity", name),
                   "ALTER TABLE <partition> REPLICA IDENTITY DEFAULT on each that differs"});
  } else if (!HasKey(table)) {
    out.push_back({Outcome::kWarn, "key",
                   fmt::format("{} has no key: only its inserts and truncates are mirrored", name),
                   fmt::format("ALTER TABLE {} ADD PRIMARY KEY (...)", name)});
  } else if (table.replica_identity == 'n') {
    out.push_back(
        {Outcome::kWarn, "replica identity",
         fmt::format("{} announces no old keys: only its inserts and truncates are mirrored", name),
         fmt::format("ALTER TABLE {} REPLICA IDENTITY DEFAULT", name)});
  }
}

// Whether we may make the publication: CREATE on the database, and every table ours.
Result<bool> MayPublish(Connection& connection, std::span<const SourceTable> tables) {
  SLUICE_LET(const Rows rows, connection.Query(R"sql(
      SELECT has_database_privilege(current_database(), 'CREATE'), rolname
        FROM pg_roles WHERE pg_has_role(current_user, oid, 'USAGE'))sql"));
  bool may_create = false;
  std::vector<std::string> roles;
  for (const Row& row : rows) {
    RowReader in(row);
    may_create = in.Bool();
    roles.push_back(in.Text());
  }
  return may_create && std::all_of(tables.begin(), tables.end(), [&](const SourceTable& table) {
           return std::find(roles.begin(), roles.end(), table.owner) != roles.end();
         });
}

Status CheckPublication(Connection& connection, const std::string& publication,
                        std::span<const SourceTable> tables,
                        std::span<const PublishedTable> published, std::vector<CheckLine>& out) {
  const auto plan = PlanPublication(connection, publication, published);
  if (!plan && plan.error().kind() == ErrorKind::kConfig) {
    out.push_back({Outcome::kFail, "publication", plan.error().message(), plan.error().hint()});
    return {};
  }
  SLUICE_TRY(plan);
  for (const std::string& warning : plan->warnings) {
    out.push_back({Outcome::kWarn, "publication", warning, ""});
  }
  if (plan->statements.empty()) {
    out.push_back({Outcome::kOk, "publication", fmt::format("{} is complete", publication), ""});
    return {};
  }
  const std::string sql = fmt::format("{}", fmt::join(plan->statements, "; "));
  SLUICE_LET(const bool may, MayPublish(connection, tables));
  if (may) {
    out.push_back({Outcome::kOk, "publication", fmt::format("`run` will do: {}", sql), ""});
  } else {
    out.push_back({Outcome::kFail, "publication",
                   fmt::format("{} is not complete, and we may not change it", publication),
                   "as the tables' owner, with CREATE on the database: " + sql});
  }
  return {};
}

}  // namespace

Result<std::vector<CheckLine>> CheckTables(Connection& connection, const std::string& publication,
                                           std::span<const SourceTable> tables,
                                           std::span<const PublishedTable> published) {
  std::vector<CheckLine> out;
  const std::string user = connection.keyword("user");
  for (const SourceTable& table : tables) {
    CheckRights(table, user, out);
    CheckStorage(table, out);
    CheckIdentity(table, out);
  }
  if (out.empty()) {
    out.push_back(
        {Outcome::kOk, "tables", fmt::format("{} tables can be mirrored", tables.size()), ""});
  }
  SLUICE_TRY(CheckPublication(connection, publication, tables, published, out),
             "checking publication {}", publication);
  return out;
}

}  // namespace sluice::postgres
