#include "parquet/testing.h"

#include <arrow/array.h>
#include <arrow/builder.h>
#include <arrow/record_batch.h>
#include <arrow/util/decimal.h>
#include <arrow/util/key_value_metadata.h>

#include <limits>
#include <random>

namespace sluice::parquet::testing {

namespace {

using Random = std::mt19937_64;

void Must(const arrow::Status& status) { SLUICE_CHECK(status.ok(), "{}", status.ToString()); }

template <typename T>
T Pick(Random& random, std::initializer_list<T> edges, T otherwise) {
  if (random() % 4 != 0) return otherwise;
  return *(edges.begin() + random() % edges.size());
}

template <typename T>
T PickInteger(Random& random) {
  using Limits = std::numeric_limits<T>;
  return Pick<T>(random, {0, 1, -1, Limits::min(), Limits::max()}, static_cast<T>(random()));
}

template <typename T>
T PickFloat(Random& random) {
  using Limits = std::numeric_limits<T>;
  const T usual = static_cast<T>(static_cast<double>(random() % 20001) / 7.0 - 1000.0);
  return Pick<T>(random,
                 {T{0}, -T{0}, Limits::infinity(), -Limits::infinity(), Limits::quiet_NaN(),
                  Limits::min(), Limits::max(), Limits::lowest(), Limits::denorm_min()},
                 usual);
}

std::string PickString(Random& random) {
  std::string text = "row " + std::to_string(random() % 5000) + " \u00e9\U0001F41D";
  return Pick<std::string>(random,
                           {"", "a", std::string(17, 'z'), "\U0010FFFF\U0010FFFF", "\uD7FFx",
                            std::string("nul\0inside", 10), std::string(300, 'q')},
                           text);
}

std::string PickBytes(Random& random, size_t size) {
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  return Pick<std::string>(random, {std::string(size, '\0'), std::string(size, '\xFF')}, bytes);
}

arrow::Decimal128 PickDecimal(Random& random, int precision) {
  const arrow::Decimal128 max =
      arrow::Decimal128::GetMaxValue(precision);  // 10^p - 1, which Iceberg allows
  arrow::Decimal128 usual(static_cast<int64_t>(random()), random());
  usual = arrow::Decimal128(usual % (max + 1));
  return Pick<arrow::Decimal128>(random, {0, 1, -1, max, -max, usual > 0 ? 127 : -128}, usual);
}

template <typename Builder, typename T>
void Add(arrow::ArrayBuilder& builder, const T& value) {
  Must(static_cast<Builder&>(builder).Append(value));
}

void AppendRandom(const arrow::Field& field, arrow::ArrayBuilder& builder, Random& random);

void AppendList(const arrow::ListType& type, arrow::ListBuilder& list, Random& random) {
  Must(list.Append());
  const uint64_t length = random() % 5;
  for (uint64_t i = 0; i < length; ++i) {
    AppendRandom(*type.value_field(), *list.value_builder(), random);
  }
}

void AppendRandom(const arrow::Field& field, arrow::ArrayBuilder& builder, Random& random) {
  if (field.nullable() && random() % 6 == 0) return Must(builder.AppendNull());
  const arrow::DataType& type = *field.type();
  switch (type.id()) {
    case arrow::Type::BOOL:
      return Add<arrow::BooleanBuilder>(builder, random() % 2 == 0);
    case arrow::Type::INT32:
      return Add<arrow::Int32Builder>(builder, PickInteger<int32_t>(random));
    case arrow::Type::INT64:
      return Add<arrow::Int64Builder>(builder, PickInteger<int64_t>(random));
    case arrow::Type::FLOAT:
      return Add<arrow::FloatBuilder>(builder, PickFloat<float>(random));
    case arrow::Type::DOUBLE:
      return Add<arrow::DoubleBuilder>(builder, PickFloat<double>(random));
    case arrow::Type::DATE32:
      return Add<arrow::Date32Builder>(builder, PickInteger<int32_t>(random));
    case arrow::Type::TIME64:
      return Add<arrow::Time64Builder>(builder, static_cast<int64_t>(random() % 86'400'000'000));
    case arrow::Type::TIMESTAMP:
      return Add<arrow::TimestampBuilder>(builder, PickInteger<int64_t>(random));
    case arrow::Type::STRING:
      return Add<arrow::StringBuilder>(builder, PickString(random));
    case arrow::Type::BINARY:
      return Add<arrow::BinaryBuilder>(builder, PickBytes(random, random() % 40));
    case arrow::Type::FIXED_SIZE_BINARY:
      return Add<arrow::FixedSizeBinaryBuilder>(builder, PickBytes(random, 16));
    case arrow::Type::DECIMAL128:
      return Add<arrow::Decimal128Builder>(
          builder,
          PickDecimal(random, static_cast<const arrow::Decimal128Type&>(type).precision()));
    case arrow::Type::LIST:
      return AppendList(static_cast<const arrow::ListType&>(type),
                        static_cast<arrow::ListBuilder&>(builder), random);
    default:
      SLUICE_CHECK(false, "{} is no lake type", type.ToString());
  }
}

std::shared_ptr<arrow::KeyValueMetadata> FieldId(int id) {
  return arrow::key_value_metadata({"PARQUET:field_id"}, {std::to_string(id)});
}

std::shared_ptr<arrow::DataType> WithElementIds(const std::shared_ptr<arrow::DataType>& type,
                                                int id) {
  if (type->id() != arrow::Type::LIST) return type;
  const auto& element = static_cast<const arrow::ListType&>(*type).value_field();
  return arrow::list(arrow::field("element", WithElementIds(element->type(), id + 100),
                                  element->nullable(), FieldId(id + 100)));
}

}  // namespace

std::shared_ptr<arrow::Field> LakeField(const std::string& name,
                                        const std::shared_ptr<arrow::DataType>& type, int id,
                                        bool nullable) {
  return arrow::field(name, WithElementIds(type, id), nullable, FieldId(id));
}

std::shared_ptr<arrow::Schema> AllTypes() {
  const auto micro = arrow::TimeUnit::MICRO;
  const arrow::FieldVector types = {
      arrow::field("boolean", arrow::boolean()),
      arrow::field("int", arrow::int32()),
      arrow::field("long", arrow::int64()),
      arrow::field("float", arrow::float32()),
      arrow::field("double", arrow::float64()),
      arrow::field("decimal_9", arrow::decimal128(9, 2)),
      arrow::field("decimal_18", arrow::decimal128(18, 0)),
      arrow::field("decimal_19", arrow::decimal128(19, 5)),
      arrow::field("decimal_38", arrow::decimal128(38, 10)),
      arrow::field("date", arrow::date32()),
      arrow::field("time", arrow::time64(micro)),
      arrow::field("timestamp", arrow::timestamp(micro)),
      arrow::field("timestamptz", arrow::timestamp(micro, "UTC")),
      arrow::field("string", arrow::utf8()),
      arrow::field("binary", arrow::binary()),
      arrow::field("uuid", arrow::fixed_size_binary(16)),
      arrow::field("list", arrow::list(arrow::int32())),
      arrow::field("list_of_required", arrow::list(arrow::field("x", arrow::utf8(), false))),
      arrow::field("list_of_lists", arrow::list(arrow::list(arrow::decimal128(12, 3)))),
  };
  arrow::FieldVector fields = {LakeField("id", arrow::int64(), 1, false)};
  for (const auto& type : types) {
    const int id = static_cast<int>(fields.size()) + 1;
    fields.push_back(LakeField(type->name(), type->type(), id));
    fields.push_back(LakeField("r_" + type->name(), type->type(), id + 1, false));
  }
  return arrow::schema(fields);
}

std::shared_ptr<arrow::RecordBatch> RandomRows(const std::shared_ptr<arrow::Schema>& schema,
                                               int64_t rows, uint64_t seed) {
  arrow::ArrayVector arrays;
  for (const auto& field : schema->fields()) {
    Random random(seed * 1000 + arrays.size());
    std::unique_ptr<arrow::ArrayBuilder> builder;
    Must(arrow::MakeBuilder(arrow::default_memory_pool(), field->type(), &builder));
    for (int64_t i = 0; i < rows; ++i) AppendRandom(*field, *builder, random);
    arrays.push_back(builder->Finish().ValueOrDie());
  }
  return arrow::RecordBatch::Make(schema, rows, std::move(arrays));
}

Result<DataFile> WriteFile(store::ObjectStore& store, const store::Location& at,
                           const std::vector<std::shared_ptr<arrow::RecordBatch>>& batches,
                           const WriterOptions& options) {
  SLUICE_LET(const auto writer, DataFileWriter::Open(store, at, batches.at(0)->schema(), options));
  for (const auto& batch : batches) SLUICE_TRY(writer->Write(*batch));
  return writer->Finish();
}

}  // namespace sluice::parquet::testing
