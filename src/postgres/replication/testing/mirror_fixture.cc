#include "postgres/replication/testing/mirror_fixture.h"

#include <arrow/array.h>
#include <arrow/record_batch.h>
#include <arrow/scalar.h>
#include <arrow/type.h>
#include <fmt/format.h>

namespace sluice::postgres::testing {

namespace {

constexpr uint32_t kInt4 = 23;  // pg_type.dat
constexpr uint32_t kText = 25;

void AddColumn(MirroredTable& table, const std::string& name, uint32_t type_oid, bool key) {
  SourceType type;
  type.oid = type.base_oid = type_oid;
  type.category = type_oid == kInt4 ? 'N' : 'S';
  const auto mapping = MapType(type, nullptr);
  SLUICE_CHECK(mapping.has_value());
  Column column;
  column.attnum = static_cast<int16_t>(table.schema.columns.size() + 1);
  column.name = name;
  column.type_oid = type_oid;
  column.key = key;
  column.not_null = key;
  column.lake_type = mapping->lake_type;
  table.schema.columns.push_back(std::move(column));
  table.types.push_back(type);
  table.mappings.push_back(*mapping);
}

std::string Cell(const arrow::RecordBatch& rows, int column, int64_t row) {
  const auto scalar = rows.column(column)->GetScalar(row);
  if (!scalar.ok()) return scalar.status().ToString();
  return (*scalar)->is_valid ? (*scalar)->ToString() : "-";
}

std::string OldKey(const ChangeBatch& batch, int64_t row) {
  if (batch.old_keys == nullptr || batch.old_keys->column(0)->IsNull(row)) return "";
  return fmt::format("({}={})", batch.old_keys->column_name(0), Cell(*batch.old_keys, 0, row));
}

std::string RowLine(const ChangeBatch& batch, int64_t row) {
  const Op op = batch.operations[static_cast<size_t>(row)];
  std::string out(1, "IUDT"[static_cast<int>(op)]);
  if (op == Op::kTruncate) return out;
  out += OldKey(batch, row);
  for (int column = 0; column < batch.rows->num_columns(); ++column) {
    const std::string value = batch.IsUnsent(row, column) ? "?" : Cell(*batch.rows, column, row);
    if (op == Op::kDelete && value == "-") continue;
    out += fmt::format(" {}={}", batch.rows->column_name(column), value);
  }
  return out;
}

}  // namespace

MirroredTable MakeMirror(uint32_t oid, const std::string& name,
                         const std::vector<std::string>& columns, char identity) {
  MirroredTable table;
  table.schema.id = {oid, 1};
  table.schema.version = {1};
  table.schema.schema_name = "public";
  table.schema.name = name;
  table.schema.identity = identity == 'f' ? ReplicaIdentity::kFull : ReplicaIdentity::kDefault;
  AddColumn(table, "id", kInt4, true);
  for (const std::string& column : columns) AddColumn(table, column, kText, false);
  return table;
}

RelationMessage DescribeMirror(const MirroredTable& table) {
  RelationMessage out;
  out.oid = table.schema.id.oid;
  out.schema_name = table.schema.schema_name;
  out.name = table.schema.name;
  out.replica_identity = table.schema.identity == ReplicaIdentity::kFull ? 'f' : 'd';
  for (const Column& column : table.schema.columns) {
    out.attributes.push_back(
        {column.key || out.replica_identity == 'f', column.name, column.type_oid, column.typmod});
  }
  return out;
}

std::vector<std::string> Lines(const std::vector<ChangeDecoder::Record>& records,
                               const std::map<uint32_t, MirroredTable>& tables) {
  std::vector<std::string> out;
  const auto name = [&](uint32_t oid) { return tables.at(oid).schema.name; };
  for (const ChangeDecoder::Record& record : records) {
    if (const auto* schema = std::get_if<TableSchema>(&record)) {
      out.push_back(fmt::format("{} v{}", schema->name, schema->version.value));
    } else if (const auto* stop = std::get_if<TableStop>(&record)) {
      out.push_back(fmt::format("{} stop: {}", name(stop->table.oid), stop->reason));
    } else if (const auto* batch = std::get_if<ChangeBatch>(&record)) {
      if (batch->table == TableId{}) continue;  // names of transactions
      for (int64_t row = 0; row < batch->row_count(); ++row) {
        out.push_back(name(batch->table.oid) + " " + RowLine(*batch, row));
      }
    }
  }
  return out;
}

}  // namespace sluice::postgres::testing
