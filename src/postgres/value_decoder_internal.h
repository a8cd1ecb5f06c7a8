// Shared by the files of the decoder: how a fault becomes words, and the makers of each kind.
#pragma once

#include <memory>
#include <string>

#include "postgres/value_decoder.h"
#include "postgres/values/family.h"
#include "postgres/values/fault.h"

namespace sluice::postgres {

// Knows the column, so that parsers need not.
class Refusal {
 public:
  Refusal(std::string column, const SourceType& source, const arrow::DataType& lake, bool in_list);
  // kUnsupported with the configuration line that takes such values, kCorrupt for kMalformed.
  Error operator()(Fault fault, Form form) const;

 private:
  std::string Reason(Fault fault) const;

  std::string column_;
  std::string source_;
  std::string lake_;
  bool in_list_;
};

// `take(bytes)` for each value of a column, `take_null()` for each null, until one fails.
template <typename Take, typename TakeNull>
Fault TakeEach(const WireColumn& column, const Take& take, const TakeNull& take_null) {
  const WireField* field = column.first;
  for (size_t i = 0; i < column.rows; ++i, field += column.stride) {
    const Fault fault = field->size < 0 ? take_null() : take(field->bytes());
    if (fault != Fault::kNone) [[unlikely]]
      return fault;
  }
  return Fault::kNone;
}

struct DecoderSpec {
  const SourceType& source;
  const std::shared_ptr<arrow::DataType>& lake;
  const Refusal& refusal;
  arrow::MemoryPool* pool;
};

// Each answers null when the pair of types is not its own.
std::unique_ptr<ValueDecoder> MakeScalarDecoder(Family family, const DecoderSpec& spec);
std::unique_ptr<ValueDecoder> MakeStringDecoder(Family family, const DecoderSpec& spec);
std::unique_ptr<ValueDecoder> MakeBytesDecoder(Family family, const DecoderSpec& spec);
Result<std::unique_ptr<ValueDecoder>> MakeListDecoder(const std::string& column,
                                                      const DecoderSpec& spec);
// As ValueDecoder::Make, for an element where `in_list`.
Result<std::unique_ptr<ValueDecoder>> MakeDecoder(const std::string& column,
                                                  const SourceType& source,
                                                  const std::shared_ptr<arrow::DataType>& lake,
                                                  bool in_list, arrow::MemoryPool* pool);

}  // namespace sluice::postgres
