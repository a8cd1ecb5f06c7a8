#include "postgres/type_mapping.h"

#include <arrow/type.h>
#include <fmt/ranges.h>

#include <optional>
#include <vector>

#include "change/table_schema.h"
#include "postgres/values/family.h"
#include "postgres/values/to_text.h"

namespace sluice::postgres {

namespace {

using DataType = std::shared_ptr<arrow::DataType>;

constexpr int kPrecisionMax = 38;     // Iceberg's, and 128 bits
constexpr int32_t kTypmodHeader = 4;  // VARHDRSZ
constexpr int kMoneyPrecision = 19;   // int64 in minor units

struct NumericSize {
  int precision;
  int scale;  // may be negative, or above the precision, since 15
};

// numeric_typmod_precision, numeric_typmod_scale (src/backend/utils/adt/numeric.c).
std::optional<NumericSize> SizeOf(int32_t typmod) {
  if (typmod < kTypmodHeader) return std::nullopt;
  const int32_t packed = typmod - kTypmodHeader;
  return NumericSize{packed >> 16 & 0xFFFF, ((packed & 0x7FF) ^ 1024) - 1024};
}

// The decimal that holds every finite value of numeric(p, s); null when none does.
DataType DecimalFor(int32_t typmod) {
  const auto size = SizeOf(typmod);
  if (!size) return nullptr;
  int precision = size->precision;
  int scale = size->scale;
  if (scale < 0) {
    precision -= scale;
    scale = 0;
  } else if (scale > precision) {
    precision = scale;
  }
  if (precision < 1 || precision > kPrecisionMax) return nullptr;
  return arrow::decimal128(precision, scale);
}

DataType ListOf(DataType element) {
  return arrow::list(arrow::field("element", std::move(element)));
}

DataType DefaultType(const SourceType& type) {
  switch (FamilyOf(type)) {
    case Family::kBool:
      return arrow::boolean();
    case Family::kInt2:
    case Family::kInt4:
      return arrow::int32();
    case Family::kInt8:
    case Family::kUint32:
      return arrow::int64();
    case Family::kFloat4:
      return arrow::float32();
    case Family::kFloat8:
      return arrow::float64();
    case Family::kNumeric:
      if (DataType decimal = DecimalFor(type.typmod)) return decimal;
      return arrow::utf8();
    case Family::kMoney:
      if (type.money_digits < 0 || type.money_digits > kMoneyPrecision) return arrow::utf8();
      return arrow::decimal128(kMoneyPrecision, type.money_digits);
    case Family::kBytea:
      return arrow::binary();
    case Family::kDate:
      return arrow::date32();
    case Family::kTimestamp:
      return arrow::timestamp(arrow::TimeUnit::MICRO);
    case Family::kTimestampTz:
      return arrow::timestamp(arrow::TimeUnit::MICRO, "UTC");
    case Family::kUuid:
      return arrow::fixed_size_binary(16);
    case Family::kArray:
      return type.array_dimensions <= 1 ? ListOf(DefaultType(ElementOf(type))) : arrow::utf8();
    default:
      return arrow::utf8();
  }
}

// Whether a lake type other than string carries values of the family (those that fit).
bool Carries(const SourceType& type, const arrow::DataType& lake) {
  const Family family = FamilyOf(type);
  switch (lake.id()) {
    case arrow::Type::BOOL:
      return family == Family::kBool || (type.base_oid == 1560 && type.typmod == 1);  // bit(1)
    case arrow::Type::INT32:
      return family == Family::kInt2 || family == Family::kInt4;
    case arrow::Type::INT64:
      return family == Family::kInt2 || family == Family::kInt4 || family == Family::kInt8 ||
             family == Family::kUint32;
    case arrow::Type::FLOAT:
      return family == Family::kFloat4;
    case arrow::Type::DOUBLE:
      return family == Family::kFloat4 || family == Family::kFloat8;
    case arrow::Type::DECIMAL128:
      return family == Family::kNumeric || family == Family::kMoney;
    case arrow::Type::DATE32:
      return family == Family::kDate;
    case arrow::Type::TIME64:
      return family == Family::kTime;
    case arrow::Type::TIMESTAMP:
      return family == (static_cast<const arrow::TimestampType&>(lake).timezone().empty()
                            ? Family::kTimestamp
                            : Family::kTimestampTz);
    case arrow::Type::STRING:
      return true;
    case arrow::Type::BINARY:
      return family == Family::kBytea || family == Family::kText;
    case arrow::Type::FIXED_SIZE_BINARY:
      return family == Family::kUuid;
    case arrow::Type::LIST:
      return family == Family::kArray &&
             Carries(ElementOf(type), *static_cast<const arrow::ListType&>(lake).value_type());
    default:
      return false;
  }
}

bool TakesBinary(const SourceType& type, const arrow::DataType& lake) {
  const Family family = FamilyOf(type);
  if (lake.id() == arrow::Type::LIST) {
    return TakesBinary(ElementOf(type), *static_cast<const arrow::ListType&>(lake).value_type());
  }
  if (lake.id() != arrow::Type::STRING) return true;
  return ToTextOf(family == Family::kArray ? FamilyOf(ElementOf(type)) : family) != nullptr;
}

// What a finite value of the type may have that the decimal has not.
bool MayExceed(const SourceType& type, const arrow::DataType& lake) {
  const auto& decimal = static_cast<const arrow::Decimal128Type&>(lake);
  if (FamilyOf(type) == Family::kMoney) {
    return decimal.scale() < type.money_digits ||
           decimal.precision() - decimal.scale() < kMoneyPrecision - type.money_digits;
  }
  const DataType natural = DecimalFor(type.typmod);
  if (natural == nullptr) return true;
  const auto& fits = static_cast<const arrow::Decimal128Type&>(*natural);
  return decimal.scale() < fits.scale() ||
         decimal.precision() - decimal.scale() < fits.precision() - fits.scale();
}

std::string CannotHold(const SourceType& type, const arrow::DataType& lake) {
  switch (lake.id()) {
    case arrow::Type::DECIMAL128: {
      std::string out = FamilyOf(type) == Family::kMoney ? "" : "NaN";
      if (FamilyOf(type) == Family::kNumeric && type.typmod < 0) out += ", infinity";
      if (MayExceed(type, lake)) {
        out += (out.empty() ? "" : ", ") + ("values beyond " + LakeTypeName(lake));
      }
      return out;
    }
    case arrow::Type::DATE32:
      return "infinity";
    case arrow::Type::TIMESTAMP:
      return "infinity, years after 294246";
    case arrow::Type::TIME64:
      return "24:00:00";
    case arrow::Type::LIST: {
      const auto& list = static_cast<const arrow::ListType&>(lake);
      const std::string inner = CannotHold(ElementOf(type), *list.value_type());
      return "several dimensions, a lower bound other than 1" + (inner.empty() ? "" : ", " + inner);
    }
    default:
      return "";
  }
}

std::string NotAKey(const SourceType& type, const arrow::DataType& lake) {
  if (lake.id() == arrow::Type::LIST) return "a list may not be a key of an Iceberg table";
  if (type.nondeterministic_collation) {
    return "its collation calls values equal that differ in their bytes";
  }
  if (type.name.ends_with(".citext")) {
    return "citext calls values equal that differ in their bytes";
  }
  return "";
}

// "boolean or string": what else the configuration may say.
std::string Choices(const SourceType& type) {
  std::vector<std::string> names{LakeTypeName(*DefaultType(type))};
  const Family family = FamilyOf(type);
  if (family == Family::kNumeric || family == Family::kMoney) names.emplace_back("decimal(P, S)");
  if (family == Family::kInt2 || family == Family::kInt4) names.emplace_back("long");
  if (family == Family::kFloat4) names.emplace_back("double");
  if (family == Family::kTime) names.emplace_back("time");
  if (family == Family::kText) names.emplace_back("binary");
  if (type.base_oid == 1560 && type.typmod == 1) names.emplace_back("boolean");
  if (names.front() != "string") names.emplace_back("string");
  return fmt::format("{}", fmt::join(names, " or "));
}

bool IsPlain(std::string_view name) {
  return !name.empty() &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string_view::npos;
}

}  // namespace

Result<Mapping> MapType(const SourceType& type, const std::shared_ptr<arrow::DataType>& wanted) {
  Mapping out;
  out.lake_type = wanted != nullptr ? wanted : DefaultType(type);
  if (!Carries(type, *out.lake_type)) {
    return MakeError(ErrorKind::kConfig, "the type cannot be carried as {}",
                     LakeTypeName(*out.lake_type))
        .WithHint("it can be " + Choices(type));
  }
  out.binary = type.has_send && TakesBinary(type, *out.lake_type);
  out.cannot_hold = CannotHold(type, *out.lake_type);
  out.not_a_key = NotAKey(type, *out.lake_type);
  return out;
}

std::string ColumnTypeLine(std::string_view column, std::string_view lake_type) {
  std::string key(column);
  if (!IsPlain(column)) {
    key = "\"";
    for (const char c : column) {
      if (c == '"' || c == '\\') key += '\\';
      key += c;
    }
    key += '"';
  }
  // Inside { } a comma would end the value.
  const bool quoted = lake_type.find(',') != std::string_view::npos;
  const std::string_view quote = quoted ? "\"" : "";
  return fmt::format("columns: {{ types: {{ {}: {}{}{} }} }}", key, quote, lake_type, quote);
}

}  // namespace sluice::postgres
