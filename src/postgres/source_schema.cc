#include "postgres/source_schema.h"

#include <arrow/type.h>

#include <algorithm>
#include <clocale>
#include <cstdlib>
#include <cwctype>

namespace sluice::postgres {

namespace {

constexpr int kVersion18 = 180000;

const SourceColumn* FindColumn(const SourceTable& table, const std::string& name) {
  for (const SourceColumn& column : table.columns) {
    if (column.name == name) return &column;
  }
  return nullptr;
}

Status CheckNames(const SourceTable& table, const ColumnChoice& choice) {
  const auto missing = [&](const std::string& name, std::string_view where) {
    return MakeError(ErrorKind::kConfig, "`columns: {}:` names {}, which is no column of {}.{}",
                     where, QuoteIdentifier(name), QuoteIdentifier(table.schema_name),
                     QuoteIdentifier(table.name))
        .WithHint("write the name as the table has it, upper and lower case included");
  };
  for (const std::string& name : choice.excluded) {
    if (FindColumn(table, name) == nullptr) return missing(name, "exclude");
  }
  for (const auto& [name, type] : choice.types) {
    if (FindColumn(table, name) == nullptr) return missing(name, "types");
  }
  return {};
}

// Lower case as readers that ignore case see a name (Spark, Hive, Glue).
std::string Folded(const std::string& name) {
  static const locale_t utf8_locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  const locale_t before = utf8_locale != nullptr ? uselocale(utf8_locale) : nullptr;
  std::string out;
  std::mbstate_t in_state{};
  std::mbstate_t out_state{};
  const char* at = name.data();
  const char* const end = at + name.size();
  while (at < end) {
    wchar_t wide = 0;
    const size_t used = std::mbrtowc(&wide, at, static_cast<size_t>(end - at), &in_state);
    char buffer[16];  // MB_LEN_MAX
    const size_t made =
        used == 0 || used > name.size()
            ? static_cast<size_t>(-1)
            : std::wcrtomb(buffer, static_cast<wchar_t>(std::towlower(static_cast<wint_t>(wide))),
                           &out_state);
    if (made == static_cast<size_t>(-1)) {
      out += *at++;
      in_state = {};
      continue;
    }
    out.append(buffer, made);
    at += used;
  }
  if (before != nullptr) uselocale(before);
  return out;
}

Status CheckCase(const TableSchema& schema) {
  std::map<std::string, std::string> seen;
  for (const Column& column : schema.columns) {
    const auto [other, fresh] = seen.emplace(Folded(column.name), column.name);
    if (fresh) continue;
    return MakeError(ErrorKind::kConfig, "columns {} and {} of {} differ only in case",
                     QuoteIdentifier(other->second), QuoteIdentifier(column.name),
                     schema.QualifiedName())
        .WithHint(
            "most readers of Iceberg cannot tell them apart: leave one out with `columns: { "
            "exclude: [...] }`, or rename it");
  }
  return {};
}

Result<ReplicaIdentity> IdentityOf(const SourceTable& table) {
  switch (table.replica_identity) {
    case 'd':
      return ReplicaIdentity::kDefault;
    case 'n':
      return ReplicaIdentity::kNothing;
    case 'f':
      return ReplicaIdentity::kFull;
    case 'i':
      return ReplicaIdentity::kIndex;
    default:
      return MakeError(ErrorKind::kConfig, "the partitions of {}.{} differ in REPLICA IDENTITY",
                       QuoteIdentifier(table.schema_name), QuoteIdentifier(table.name))
          .WithHint(
              "set the same one on every partition (ALTER TABLE ... REPLICA IDENTITY), or "
              "exclude the table");
  }
}

// Whether the stream names the row that an update or delete meant; else only inserts can follow.
bool FindsRows(const SourceTable& table, std::string& why_not) {
  const bool any_key = std::any_of(table.columns.begin(), table.columns.end(),
                                   [](const SourceColumn& column) { return column.key; });
  if (table.replica_identity == 'n') {
    why_not = "REPLICA IDENTITY NOTHING";
  } else if (table.replica_identity == 'f' && !table.has_primary_key) {
    why_not = "no primary key (REPLICA IDENTITY FULL names no single row)";
  } else if (!any_key) {
    why_not = "no primary key";
  } else {
    return true;
  }
  return false;
}

std::string GeneratedReason(const SourceColumn& column, int server_version) {
  if (column.generated == 'v') return "virtual generated columns are not stored";
  if (server_version < kVersion18) {
    return "generated columns never reach the stream before Postgres 18";
  }
  return "generated columns are not published";
}

Error KeyError(const SourceTable& table, const SourceColumn& column, std::string_view why) {
  return MakeError(ErrorKind::kConfig, "key column {} of {}.{}: {}", QuoteIdentifier(column.name),
                   QuoteIdentifier(table.schema_name), QuoteIdentifier(table.name), why);
}

Error NotAKeyError(const SourceTable& table, const SourceColumn& column, const Mapping& mapping) {
  std::string hint =
      "exclude the table, or give it a REPLICA IDENTITY USING INDEX over other columns";
  if (mapping.lake_type->id() == arrow::Type::LIST) {
    hint = "set `" + ColumnTypeLine(column.name, "string") + "`, or " + hint;
  }
  return KeyError(table, column, mapping.not_a_key).WithHint(std::move(hint));
}

// Why the column is not mirrored; empty: it is.
Result<std::string> LeftOut(const SourceTable& table, const SourceColumn& column, bool key,
                            const ColumnChoice& choice, int server_version) {
  const bool excluded = choice.excluded.contains(column.name);
  if (key && excluded) {
    return KeyError(table, column, "it is excluded, but rows are found by it")
        .WithHint("take it out of `columns: exclude:`, or exclude the table");
  }
  if (column.generated == '\0') return std::string(excluded ? "excluded by configuration" : "");
  const std::string reason = GeneratedReason(column, server_version);
  if (key) {
    return KeyError(table, column, reason)
        .WithHint(
            "exclude the table, or give it a REPLICA IDENTITY USING INDEX over other columns");
  }
  return reason;
}

Status AddColumn(const SourceTable& table, const SourceColumn& column, bool key,
                 const ColumnChoice& choice, MirroredTable& out) {
  const auto wanted = choice.types.find(column.name);
  SLUICE_LET(Mapping mapping,
             MapType(column.type, wanted == choice.types.end() ? nullptr : wanted->second),
             "column {} ({}) of {}", QuoteIdentifier(column.name), column.type_text,
             out.schema.QualifiedName());
  if (key && !mapping.not_a_key.empty()) return NotAKeyError(table, column, mapping);
  Column mirrored;
  mirrored.attnum = column.attnum;
  mirrored.name = column.name;
  mirrored.type_oid = column.type.oid;
  mirrored.typmod = column.type.typmod;
  mirrored.type_text = column.type_text;
  mirrored.not_null = column.not_null;
  mirrored.key = key;
  mirrored.comment = column.comment;
  mirrored.lake_type = mapping.lake_type;
  out.schema.columns.push_back(std::move(mirrored));
  out.types.push_back(column.type);
  out.mappings.push_back(std::move(mapping));
  return {};
}

}  // namespace

Result<MirroredTable> MirrorOf(const SourceTable& table, const ColumnChoice& choice,
                               int server_version) {
  SLUICE_TRY(CheckNames(table, choice));
  MirroredTable out;
  out.schema.id.oid = table.oid;
  out.schema.schema_name = table.schema_name;
  out.schema.name = table.name;
  out.schema.comment = table.comment;
  SLUICE_LET(out.schema.identity, IdentityOf(table));
  std::string why_not;
  out.append_only = !FindsRows(table, why_not);
  if (out.append_only) {
    out.notes.push_back("append-only: " + why_not +
                        "; updates and deletes are not mirrored, inserts and truncates are");
  }
  for (const SourceColumn& column : table.columns) {
    const bool key = column.key && !out.append_only;
    SLUICE_LET(std::string reason, LeftOut(table, column, key, choice, server_version));
    if (!reason.empty()) {
      out.left_out.emplace_back(column.name, std::move(reason));
      continue;
    }
    SLUICE_TRY(AddColumn(table, column, key, choice, out));
  }
  if (out.schema.columns.empty()) {
    return MakeError(ErrorKind::kConfig, "{} has no column that can be mirrored",
                     out.schema.QualifiedName())
        .WithHint("exclude the table");
  }
  SLUICE_TRY(CheckCase(out.schema));
  return out;
}

}  // namespace sluice::postgres
