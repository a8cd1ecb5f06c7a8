#include "audit/source_scan.h"

#include <arrow/type.h>

#include "audit/copy_text.h"
#include "base/error.h"

namespace sluice::audit {

namespace {

// pg_type.dat
constexpr uint32_t kBytea = 17;
constexpr uint32_t kFloat4 = 700;
constexpr uint32_t kMoney = 790;
constexpr uint32_t kBit = 1560;

// The column as its lake type holds it, where another type was chosen for it; else itself.
std::string Expression(const Column& column, const postgres::SourceType& type) {
  std::string name = postgres::SqlIdentifier(column.name);
  const bool list = column.lake_type->id() == arrow::Type::LIST;
  const arrow::DataType& lake =
      list ? *static_cast<const arrow::ListType&>(*column.lake_type).value_type()
           : *column.lake_type;
  const uint32_t source = list ? type.element_oid : type.base_oid;
  const char* array = list ? "[]" : "";
  if (lake.id() == arrow::Type::DECIMAL128 && list) {
    const auto& decimal = static_cast<const arrow::Decimal128Type&>(lake);
    return fmt::format("{}::numeric({},{})[]", name, decimal.precision(), decimal.scale());
  }
  if (lake.id() == arrow::Type::DECIMAL128 && source == kMoney) return name + "::numeric";
  if (lake.id() == arrow::Type::DOUBLE && source == kFloat4) return name + "::float8" + array;
  if (lake.id() == arrow::Type::BOOL && source == kBit && !list) return name + "::int::boolean";
  if (lake.id() == arrow::Type::BINARY && source != kBytea && !list) {
    return fmt::format("CASE WHEN {0} IS NOT NULL THEN convert_to(format('%s', {0}), 'UTF8') END",
                       name);
  }
  return name;
}

}  // namespace

AuditedTable MakeAuditedTable(const pipeline::ChosenTable& chosen, iceberg::LoadedTable lake,
                              iceberg::SnapshotId snapshot) {
  AuditedTable out;
  out.schema = chosen.mirror.schema;
  out.name = out.schema.QualifiedName();
  out.append_only = chosen.mirror.append_only;
  if (!out.append_only) out.keys = out.schema.KeyColumns();
  out.lake = std::move(lake);
  out.lake.metadata.current_snapshot_id = snapshot;
  for (size_t i = 0; i < out.schema.columns.size(); ++i) {
    const Column& column = out.schema.columns[i];
    const postgres::SourceType& type = chosen.mirror.types[i];
    out.delimiters.push_back(type.element_delimiter);
    out.decimal.push_back(column.lake_type->id() == arrow::Type::DECIMAL128);
    out.select += (i == 0 ? "SELECT " : ", ") + Expression(column, type);
  }
  out.select += fmt::format(" FROM {}{}", chosen.source.kind == 'p' ? "" : "ONLY ",
                            postgres::SqlIdentifier(out.schema.schema_name, out.schema.name));
  return out;
}

Status ScanSource(postgres::Connection& connection, const AuditedTable& table,
                  const std::function<void(const TextRow&)>& take) {
  SLUICE_TRY(connection.StartCopyOut("COPY (" + table.select + ") TO STDOUT"), "reading {}",
             table.name);
  TextRow row;
  for (;;) {
    SLUICE_LET(const auto lines, connection.ReadCopy(), "reading {}", table.name);
    if (lines.empty()) return {};
    for (const std::string_view line : lines) {
      SLUICE_TRY(ParseCopyLine(line, row), "reading {}", table.name);
      SLUICE_CHECK(row.size() == table.schema.columns.size());
      for (size_t i = 0; i < row.size(); ++i) {
        if (table.decimal[i] && row[i]) TrimFraction(*row[i]);
      }
      take(row);
    }
  }
}

}  // namespace sluice::audit
