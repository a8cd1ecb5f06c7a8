#include "simulate/schema.h"

#include <string>

namespace sluice::simulate {

namespace {

constexpr uint32_t kFirstOid = 16384;  // transam.h: FirstNormalObjectId

struct ColumnShape {
  const char* name;
  uint32_t type;
};

Table Make(uint32_t number, const char* name, char identity, bool key,
           const std::vector<ColumnShape>& columns) {
  Table out;
  out.keyless = !key;
  postgres::SourceTable& table = out.source;
  table.oid = kFirstOid + number;
  table.schema_name = "public";
  table.name = name;
  table.replica_identity = identity;
  table.has_primary_key = key;
  for (const ColumnShape& shape : columns) {
    postgres::SourceColumn column;
    column.attnum = static_cast<int16_t>(table.columns.size() + 1);
    column.name = shape.name;
    column.type.oid = column.type.base_oid = shape.type;
    column.type.category = shape.type == kTextOid ? 'S' : 'N';
    column.type_text = shape.type == kTextOid ? "text" : "bigint";
    column.key = column.not_null = key && table.columns.empty();
    table.columns.push_back(std::move(column));
  }
  return out;
}

}  // namespace

std::vector<Table> MakeTables() {
  std::vector<Table> out;
  out.push_back(Make(0, "accounts", 'd', true,
                     {{"id", kInt8Oid}, {"balance", kInt8Oid}, {"note", kTextOid}}));
  out.back().money_column = 1;
  out.push_back(Make(1, "Purses", 'd', true, {{"name", kTextOid}, {"coins", kInt8Oid}}));
  out.back().money_column = 1;
  out.push_back(
      Make(2, "documents", 'd', true, {{"id", kInt8Oid}, {"title", kTextOid}, {"body", kTextOid}}));
  out.back().wide_column = 2;
  out.push_back(
      Make(3, "letters", 'f', true, {{"id", kTextOid}, {"body", kTextOid}, {"weight", kInt8Oid}}));
  out.back().wide_column = 1;
  out.push_back(Make(4, "events", 'd', false, {{"kind", kInt8Oid}, {"what", kTextOid}}));
  return out;
}

}  // namespace sluice::simulate
