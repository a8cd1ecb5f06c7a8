#include "postgres/publication.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "postgres/lock_wait.h"
#include "postgres/source_catalog.h"

namespace sluice::postgres {

namespace {

// NAMEDATALEN - 1
constexpr size_t kNameBytesMax = 63;
constexpr std::string_view kAppendSuffix = "_append";

struct Wanted {
  std::string name;
  std::string_view publish;
  bool updates = false;
  std::vector<const PublishedTable*> tables;
};

bool Contains(const std::vector<uint32_t>& oids, uint32_t oid) {
  return std::find(oids.begin(), oids.end(), oid) != oids.end();
}

std::string Name(const PublishedTable& table) {
  return SqlIdentifier(table.schema_name, table.name);
}

// ONLY: children by plain inheritance are tables of their own.
std::string TableList(const std::vector<const PublishedTable*>& tables) {
  std::vector<std::string> names;
  for (const PublishedTable* table : tables) names.push_back("ONLY " + Name(*table));
  return fmt::format("{}", fmt::join(names, ", "));
}

std::string CreateStatement(const Wanted& wanted) {
  const std::string tables = wanted.tables.empty() ? "" : " FOR TABLE " + TableList(wanted.tables);
  return fmt::format(
      "CREATE PUBLICATION {}{} WITH (publish = '{}', publish_via_partition_root = true)",
      SqlIdentifier(wanted.name), tables, wanted.publish);
}

bool HasProperties(const PublicationState& state, const Wanted& wanted) {
  return state.via_root && state.insert && state.truncate &&
         (!wanted.updates || (state.update && state.delete_));
}

Status CheckFilters(const PublicationState& state, const Wanted& wanted) {
  for (const PublishedTable* table : wanted.tables) {
    if (!Contains(state.filtered, table->oid)) continue;
    return MakeError(ErrorKind::kConfig, "publication {} has a row filter or column list on {}",
                     wanted.name, Name(*table))
        .WithHint(fmt::format("ALTER PUBLICATION {0} DROP TABLE {1}; ALTER PUBLICATION {0} ADD "
                              "TABLE ONLY {1}",
                              SqlIdentifier(wanted.name), Name(*table)));
  }
  return {};
}

// Keyless tables that updates are published of: their UPDATEs fail at the source.
void WarnOfKeyless(const PublicationState& state, const std::string& name,
                   std::span<const PublishedTable> tables, PublicationChange& out) {
  if (!state.update && !state.delete_) return;
  for (const PublishedTable& table : tables) {
    if (!table.append_only || !Contains(state.tables, table.oid)) continue;
    out.warnings.push_back(fmt::format(
        "{} has no usable key but publication {} publishes its updates, so Postgres refuses them; "
        "{}",
        Name(table), name,
        state.all_tables
            ? fmt::format("drop that publication (FOR ALL TABLES): DROP PUBLICATION {}",
                          SqlIdentifier(name))
            : fmt::format("ALTER PUBLICATION {} DROP TABLE {}", SqlIdentifier(name), Name(table))));
  }
}

Status PlanOne(Connection& connection, Wanted wanted, std::span<const PublishedTable> tables,
               PublicationChange& out) {
  SLUICE_LET(const auto state, FindPublication(connection, wanted.name));
  if (!state) {
    out.statements.push_back(CreateStatement(wanted));
    return {};
  }
  SLUICE_TRY(CheckFilters(*state, wanted));
  if (wanted.updates) WarnOfKeyless(*state, wanted.name, tables, out);
  if (!HasProperties(*state, wanted)) {
    out.statements.push_back(
        fmt::format("ALTER PUBLICATION {} SET (publish = '{}', publish_via_partition_root = true)",
                    SqlIdentifier(wanted.name), wanted.publish));
  }
  std::erase_if(wanted.tables,
                [&](const PublishedTable* table) { return Contains(state->tables, table->oid); });
  if (wanted.tables.empty() || state->all_tables) return {};
  out.statements.push_back(fmt::format("ALTER PUBLICATION {} ADD TABLE {}",
                                       SqlIdentifier(wanted.name), TableList(wanted.tables)));
  return {};
}

std::array<Wanted, 2> WantedFor(const std::string& name, std::span<const PublishedTable> tables) {
  std::array<Wanted, 2> out = {Wanted{name, "insert, update, delete, truncate", true, {}},
                               Wanted{AppendPublicationName(name), "insert, truncate", false, {}}};
  for (const PublishedTable& table : tables) {
    out[table.append_only ? 1 : 0].tables.push_back(&table);
  }
  return out;
}

Status RunAll(Connection& connection, const std::vector<std::string>& statements) {
  SLUICE_TRY(connection.Execute("BEGIN"));
  for (const std::string& statement : statements) {
    const Status done = connection.Execute(statement);
    if (done) continue;
    // The first failure is the one to tell.
    static_cast<void>(connection.Execute("ROLLBACK"));
    return done;
  }
  return connection.Execute("COMMIT");
}

}  // namespace

std::string AppendPublicationName(const std::string& name) {
  return name.substr(0, kNameBytesMax - kAppendSuffix.size()) + std::string(kAppendSuffix);
}

std::string PublicationList(const std::string& name) {
  return name + "," + AppendPublicationName(name);
}

Result<PublicationChange> PlanPublication(Connection& connection, const std::string& name,
                                          std::span<const PublishedTable> tables) {
  PublicationChange out;
  for (Wanted& wanted : WantedFor(name, tables)) {
    SLUICE_TRY(PlanOne(connection, std::move(wanted), tables, out), "planning publication {}",
               name);
  }
  return out;
}

Result<PublicationGaps> FindPublicationGaps(Connection& connection, const std::string& name,
                                            std::span<const PublishedTable> tables) {
  PublicationGaps out;
  for (const Wanted& wanted : WantedFor(name, tables)) {
    SLUICE_LET(const auto state, FindPublication(connection, wanted.name));
    if (!state) out.missing.push_back(wanted.name);
    for (const PublishedTable* table : wanted.tables) {
      const bool whole = state && HasProperties(*state, wanted) &&
                         Contains(state->tables, table->oid) &&
                         !Contains(state->filtered, table->oid);
      if (!whole) out.unpublished.push_back(table->oid);
    }
  }
  return out;
}

Result<PublicationChange> EnsurePublication(Connection& connection, const std::string& name,
                                            std::span<const PublishedTable> tables) {
  SLUICE_LET(PublicationChange change, PlanPublication(connection, name, tables));
  if (change.statements.empty()) return change;
  Status done = RunAll(connection, change.statements);
  if (done) return change;
  std::vector<uint32_t> relations;
  for (const PublishedTable& table : tables) relations.push_back(table.oid);
  Error error = ExplainLockWait(connection, relations, WantedLock::kAlter, std::move(done).error());
  if (error.code() == "42501") {
    error = std::move(error).WithHint(
        fmt::format("run as the tables' owner: {};", fmt::join(change.statements, "; ")));
  }
  error.AddContext(fmt::format("making publication {}", name));
  return error;
}

Status DropPublications(Connection& connection, const std::string& name) {
  return connection.Execute(fmt::format("DROP PUBLICATION IF EXISTS {}, {}", SqlIdentifier(name),
                                        SqlIdentifier(AppendPublicationName(name))));
}

}  // namespace sluice::postgres
