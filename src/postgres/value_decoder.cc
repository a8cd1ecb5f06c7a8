#include "postgres/value_decoder.h"

#include <arrow/type.h>

#include "change/table_schema.h"
#include "postgres/type_mapping.h"
#include "postgres/value_decoder_internal.h"

namespace sluice::postgres {

Refusal::Refusal(std::string column, const SourceType& source, const arrow::DataType& lake,
                 bool in_list)
    : column_(std::move(column)),
      source_(source.name.empty() ? fmt::format("type {}", source.base_oid) : source.name),
      lake_(LakeTypeName(lake)),
      in_list_(in_list) {}

std::string Refusal::Reason(Fault fault) const {
  switch (fault) {
    case Fault::kNan:
      return "NaN does not fit " + lake_;
    case Fault::kInfinity:
      return "infinity does not fit " + lake_;
    case Fault::kOutOfRange:
      return "a value is out of the range of " + lake_;
    case Fault::kPrecision:
      return "a value has more digits after the point than " + lake_;
    case Fault::kEndOfDay:
      return "24:00:00 does not fit " + lake_;
    case Fault::kDimensions:
      return "an array with several dimensions, or with a lower bound other than 1, does not fit " +
             lake_;
    case Fault::kInvalidUtf8:
      return "bytes that are not UTF-8 do not fit " + lake_;
    default:
      return "a value does not fit " + lake_;
  }
}

Error Refusal::operator()(Fault fault, Form form) const {
  if (fault == Fault::kMalformed) {
    return MakeError(ErrorKind::kCorrupt, "column {}: bytes are no {} form of {}",
                     QuoteIdentifier(column_), form == Form::kBinary ? "binary" : "text", source_);
  }
  if (fault == Fault::kTooLarge || fault == Fault::kMemory) {
    return MakeError(ErrorKind::kExhausted, "column {}: {}", QuoteIdentifier(column_),
                     fault == Fault::kMemory ? "no memory for its values"
                                             : "a batch holds more than 2 GiB of it");
  }
  std::string takes = "string";
  if (fault == Fault::kInvalidUtf8) takes = in_list_ ? "list<binary>" : "binary";
  return MakeError(ErrorKind::kUnsupported, "column {}: {}", QuoteIdentifier(column_),
                   Reason(fault))
      .WithHint(
          fmt::format("set `{}` for this table, then resync it", ColumnTypeLine(column_, takes)));
}

Result<std::unique_ptr<ValueDecoder>> MakeDecoder(const std::string& column,
                                                  const SourceType& source,
                                                  const std::shared_ptr<arrow::DataType>& lake,
                                                  bool in_list, arrow::MemoryPool* pool) {
  const Refusal refusal(column, source, *lake, in_list);
  const DecoderSpec spec{source, lake, refusal, pool};
  const Family family = FamilyOf(source);
  std::unique_ptr<ValueDecoder> out;
  if (lake->id() == arrow::Type::STRING) {
    out = MakeStringDecoder(family, spec);
  } else if (lake->id() == arrow::Type::BINARY) {
    out = MakeBytesDecoder(family, spec);
  } else if (lake->id() == arrow::Type::LIST && family == Family::kArray) {
    return MakeListDecoder(column, spec);
  } else {
    out = MakeScalarDecoder(family, spec);
  }
  if (out == nullptr) {
    return MakeError(ErrorKind::kInternal, "column {}: no decoder to {}", QuoteIdentifier(column),
                     LakeTypeName(*lake));
  }
  return out;
}

Fault ValueDecoder::TakeBinaryColumn(const WireColumn& column) {
  return TakeEach(
      column, [&](std::string_view bytes) { return TakeBinary(bytes); },
      [&] { return TakeNull(); });
}

Fault ValueDecoder::TakeTextColumn(const WireColumn& column) {
  return TakeEach(
      column, [&](std::string_view text) { return TakeText(text); }, [&] { return TakeNull(); });
}

Result<std::unique_ptr<ValueDecoder>> ValueDecoder::Make(const std::string& column_name,
                                                         const SourceType& type,
                                                         const Mapping& mapping,
                                                         arrow::MemoryPool* pool) {
  return MakeDecoder(column_name, type, mapping.lake_type, false, pool);
}

}  // namespace sluice::postgres
