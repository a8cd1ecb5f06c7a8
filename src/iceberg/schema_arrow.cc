// A schema as Arrow's, with the field ids as Parquet files carry them.
#include <arrow/type.h>
#include <arrow/util/key_value_metadata.h>

#include "iceberg/table_metadata.h"

namespace sluice::iceberg {

namespace {

std::shared_ptr<arrow::Field> WithId(const std::shared_ptr<arrow::Field>& field, int id) {
  return field->WithMetadata(arrow::key_value_metadata({"PARQUET:field_id"}, {std::to_string(id)}));
}

std::shared_ptr<arrow::DataType> TypeWithIds(const Field& field) {
  if (field.type->id() == arrow::Type::LIST) {
    const auto& list = static_cast<const arrow::ListType&>(*field.type);
    return arrow::list(WithId(list.value_field(), field.element_id));
  }
  if (field.type->id() == arrow::Type::MAP) {
    const auto& map = static_cast<const arrow::MapType&>(*field.type);
    return std::make_shared<arrow::MapType>(WithId(map.key_field(), field.element_id),
                                            WithId(map.item_field(), field.value_id));
  }
  return field.type;
}

}  // namespace

std::shared_ptr<arrow::Schema> ToArrowSchema(const Schema& schema) {
  arrow::FieldVector fields;
  for (const Field& field : schema.fields) {
    fields.push_back(
        WithId(arrow::field(field.name, TypeWithIds(field), !field.required), field.id));
  }
  return arrow::schema(std::move(fields));
}

}  // namespace sluice::iceberg
