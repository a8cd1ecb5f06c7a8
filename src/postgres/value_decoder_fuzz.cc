// Any bytes as any type, in both forms: an answer or an error, and always a valid array.
#include <arrow/array.h>
#include <arrow/memory_pool.h>
#include <arrow/type.h>

#include <cstdlib>

#include "postgres/value_decoder.h"

namespace {

using sluice::postgres::Mapping;
using sluice::postgres::SourceType;
using sluice::postgres::ValueDecoder;

constexpr uint32_t kOids[] = {16,   17,   18,   19,   20,   21,   23,   25,   26,   27,
                              650,  700,  701,  774,  790,  869,  1042, 1082, 1083, 1114,
                              1184, 1186, 1266, 1560, 1700, 2950, 3220, 3802, 5069, 600};

std::shared_ptr<arrow::DataType> Wanted(const SourceType& type, uint8_t choice) {
  if (choice % 4 == 0) return arrow::utf8();
  if (type.base_oid == 1700 && choice % 4 == 1) return arrow::decimal128(38, choice % 39);
  if (type.base_oid == 1083 && choice % 4 == 1) return arrow::time64(arrow::TimeUnit::MICRO);
  if (type.base_oid == 25 && choice % 4 == 1) return arrow::binary();
  return nullptr;
}

SourceType TypeOf(uint8_t first, uint8_t second) {
  SourceType out;
  const uint32_t oid = kOids[first % std::size(kOids)];
  out.oid = out.base_oid = oid;
  if (oid == 1700 && second % 2 == 0) out.typmod = ((10 << 16) | (second % 11)) + 4;
  if (first < 128) return out;
  SourceType array;
  array.oid = array.base_oid = 100'000;
  array.category = 'A';
  array.element_oid = oid;
  array.element_typmod = out.typmod;
  return array;
}

void Feed(ValueDecoder& decoder, std::string_view bytes, bool binary) {
  // Values are cut at 0xEE so that one input holds several of them.
  while (true) {
    const size_t end = bytes.find('\xEE');
    const std::string_view value = bytes.substr(0, end);
    const int64_t before = decoder.length();
    const auto taken = binary ? decoder.Binary(value) : decoder.Text(value);
    if (decoder.length() != before + (taken ? 1 : 0)) std::abort();
    if (end == std::string_view::npos) return;
    bytes.remove_prefix(end + 1);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 4) return 0;
  const SourceType type = TypeOf(data[0], data[1]);
  const auto mapping = sluice::postgres::MapType(type, Wanted(type, data[2]));
  if (!mapping) return 0;
  auto decoder = ValueDecoder::Make("v", type, *mapping, arrow::default_memory_pool());
  if (!decoder) std::abort();
  const std::string_view bytes(reinterpret_cast<const char*>(data + 4), size - 4);
  Feed(**decoder, bytes, data[3] % 2 == 0);
  const auto array = (*decoder)->Finish();
  if (!array || !(*array)->ValidateFull().ok()) std::abort();
  return 0;
}
