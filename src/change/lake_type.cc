#include <arrow/type.h>

#include <charconv>

#include "change/table_schema.h"

namespace sluice {

namespace {

Error NotAType(std::string_view name) {
  return MakeError(ErrorKind::kConfig, "'{}' is not a lake type", name)
      .WithHint(
          "use boolean, int, long, float, double, decimal(P, S), date, time, timestamp, "
          "timestamptz, string, binary, uuid or list<TYPE>");
}

std::shared_ptr<arrow::DataType> PlainType(std::string_view name) {
  if (name == "boolean") return arrow::boolean();
  if (name == "int") return arrow::int32();
  if (name == "long") return arrow::int64();
  if (name == "float") return arrow::float32();
  if (name == "double") return arrow::float64();
  if (name == "date") return arrow::date32();
  if (name == "time") return arrow::time64(arrow::TimeUnit::MICRO);
  if (name == "timestamp") return arrow::timestamp(arrow::TimeUnit::MICRO);
  if (name == "timestamptz") return arrow::timestamp(arrow::TimeUnit::MICRO, "UTC");
  if (name == "string") return arrow::utf8();
  if (name == "binary") return arrow::binary();
  if (name == "uuid") return arrow::fixed_size_binary(16);
  return nullptr;
}

bool TakeNumber(std::string_view& text, int& out) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (failed != std::errc()) return false;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return true;
}

Result<std::shared_ptr<arrow::DataType>> ParseDecimal(std::string_view name) {
  std::string_view rest = name.substr(std::string_view("decimal(").size());
  int precision = 0;
  int scale = 0;
  if (!TakeNumber(rest, precision) || !rest.starts_with(",")) return NotAType(name);
  rest.remove_prefix(1);
  if (!TakeNumber(rest, scale) || rest != ")") return NotAType(name);
  if (precision < 1 || precision > 38 || scale < 0 || scale > precision) return NotAType(name);
  return arrow::decimal128(precision, scale);
}

}  // namespace

std::string LakeTypeName(const arrow::DataType& type) {
  switch (type.id()) {
    case arrow::Type::BOOL:
      return "boolean";
    case arrow::Type::INT32:
      return "int";
    case arrow::Type::INT64:
      return "long";
    case arrow::Type::FLOAT:
      return "float";
    case arrow::Type::DOUBLE:
      return "double";
    case arrow::Type::DATE32:
      return "date";
    case arrow::Type::TIME64:
      return "time";
    case arrow::Type::TIMESTAMP:
      return static_cast<const arrow::TimestampType&>(type).timezone().empty() ? "timestamp"
                                                                               : "timestamptz";
    case arrow::Type::STRING:
      return "string";
    case arrow::Type::BINARY:
      return "binary";
    case arrow::Type::FIXED_SIZE_BINARY:
      return "uuid";
    case arrow::Type::DECIMAL128: {
      const auto& decimal = static_cast<const arrow::Decimal128Type&>(type);
      return fmt::format("decimal({}, {})", decimal.precision(), decimal.scale());
    }
    case arrow::Type::LIST:
      return "list<" + LakeTypeName(*static_cast<const arrow::ListType&>(type).value_type()) + ">";
    default:
      SLUICE_CHECK(false, "{} is no lake type", type.ToString());
  }
  return {};
}

Result<std::shared_ptr<arrow::DataType>> ParseLakeType(std::string_view name) {
  if (auto plain = PlainType(name)) return plain;
  if (name.starts_with("decimal(")) return ParseDecimal(name);
  if (name.starts_with("list<") && name.ends_with(">")) {
    SLUICE_LET(auto element, ParseLakeType(name.substr(5, name.size() - 6)));
    return arrow::list(arrow::field("element", std::move(element)));
  }
  return NotAType(name);
}

}  // namespace sluice
