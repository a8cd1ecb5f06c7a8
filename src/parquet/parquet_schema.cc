#include "parquet/parquet_schema.h"

#include <arrow/type.h>
#include <arrow/util/key_value_metadata.h>
#include <parquet/exception.h>

#include <charconv>

namespace sluice::parquet {

namespace {

using ::parquet::LogicalType;
using ::parquet::Repetition;
using ::parquet::schema::GroupNode;
using ::parquet::schema::NodePtr;
using ::parquet::schema::PrimitiveNode;
using Physical = ::parquet::Type;

struct LeafType {
  std::shared_ptr<const LogicalType> logical = LogicalType::None();
  Physical::type physical = Physical::UNDEFINED;
  int length = -1;  // of a fixed-size value
};

LeafType DecimalLeaf(const arrow::Decimal128Type& type) {
  LeafType leaf{LogicalType::Decimal(type.precision(), type.scale())};
  if (type.precision() <= 9) {
    leaf.physical = Physical::INT32;
  } else if (type.precision() <= 18) {
    leaf.physical = Physical::INT64;
  } else {
    leaf.physical = Physical::FIXED_LEN_BYTE_ARRAY;
    leaf.length = arrow::DecimalType::DecimalSize(type.precision());
  }
  return leaf;
}

Result<LeafType> TimestampLeaf(const arrow::TimestampType& type) {
  if (type.unit() != arrow::TimeUnit::MICRO) {
    return MakeError(ErrorKind::kInternal, "{} is no lake type", type.ToString());
  }
  return LeafType{LogicalType::Timestamp(/*is_adjusted_to_utc=*/!type.timezone().empty(),
                                         LogicalType::TimeUnit::MICROS),
                  Physical::INT64};
}

Result<LeafType> LeafTypeOf(const arrow::DataType& type) {
  switch (type.id()) {
    case arrow::Type::BOOL:
      return LeafType{LogicalType::None(), Physical::BOOLEAN};
    case arrow::Type::INT32:
      return LeafType{LogicalType::None(), Physical::INT32};
    case arrow::Type::INT64:
      return LeafType{LogicalType::None(), Physical::INT64};
    case arrow::Type::FLOAT:
      return LeafType{LogicalType::None(), Physical::FLOAT};
    case arrow::Type::DOUBLE:
      return LeafType{LogicalType::None(), Physical::DOUBLE};
    case arrow::Type::DATE32:
      return LeafType{LogicalType::Date(), Physical::INT32};
    case arrow::Type::TIME64:
      if (static_cast<const arrow::Time64Type&>(type).unit() != arrow::TimeUnit::MICRO) break;
      return LeafType{LogicalType::Time(false, LogicalType::TimeUnit::MICROS), Physical::INT64};
    case arrow::Type::TIMESTAMP:
      return TimestampLeaf(static_cast<const arrow::TimestampType&>(type));
    case arrow::Type::STRING:
      return LeafType{LogicalType::String(), Physical::BYTE_ARRAY};
    case arrow::Type::BINARY:
      return LeafType{LogicalType::None(), Physical::BYTE_ARRAY};
    case arrow::Type::FIXED_SIZE_BINARY:
      if (static_cast<const arrow::FixedSizeBinaryType&>(type).byte_width() != 16) break;
      return LeafType{LogicalType::UUID(), Physical::FIXED_LEN_BYTE_ARRAY, 16};
    case arrow::Type::DECIMAL128:
      return DecimalLeaf(static_cast<const arrow::Decimal128Type&>(type));
    default:
      break;
  }
  return MakeError(ErrorKind::kInternal, "{} is no lake type", type.ToString());
}

// `name` is the node's: below a list it is always "element", whatever Arrow calls the field.
Result<NodePtr> MakeNode(const std::string& name, const arrow::Field& field, Leaf& leaf) {
  SLUICE_LET(const int id, FieldIdOf(field));
  const auto repetition = field.nullable() ? Repetition::OPTIONAL : Repetition::REQUIRED;
  leaf.nullable.push_back(field.nullable());
  if (field.type()->id() == arrow::Type::LIST) {
    const auto& list = static_cast<const arrow::ListType&>(*field.type());
    SLUICE_LET(NodePtr element, MakeNode("element", *list.value_field(), leaf));
    NodePtr repeated = GroupNode::Make("list", Repetition::REPEATED, {std::move(element)});
    return GroupNode::Make(name, repetition, {std::move(repeated)}, LogicalType::List(), id);
  }
  SLUICE_LET(const LeafType type, LeafTypeOf(*field.type()));
  leaf.type = field.type();
  return PrimitiveNode::Make(name, repetition, type.logical, type.physical, type.length, id);
}

}  // namespace

Result<int> FieldIdOf(const arrow::Field& field) {
  if (field.HasMetadata()) {
    const auto text = field.metadata()->Get("PARQUET:field_id");
    int id = 0;
    if (text.ok()) {
      const auto [end, failed] = std::from_chars(text->data(), text->data() + text->size(), id);
      if (failed == std::errc() && end == text->data() + text->size()) return id;
    }
  }
  return MakeError(ErrorKind::kInternal, "field {} has no PARQUET:field_id", field.name());
}

Result<ParquetSchema> MakeParquetSchema(const arrow::Schema& schema) {
  ParquetSchema made;
  ::parquet::schema::NodeVector nodes;
  try {
    for (const auto& field : schema.fields()) {
      Leaf leaf;
      SLUICE_LET(NodePtr node, MakeNode(field->name(), *field, leaf));
      leaf.field_id = node->field_id();
      made.leaves.push_back(std::move(leaf));
      nodes.push_back(std::move(node));
    }
    made.root =
        std::static_pointer_cast<GroupNode>(GroupNode::Make("table", Repetition::REQUIRED, nodes));
  } catch (const ::parquet::ParquetException& e) {
    return MakeError(ErrorKind::kInternal, "making a Parquet schema: {}", e.what());
  }
  return made;
}

}  // namespace sluice::parquet
