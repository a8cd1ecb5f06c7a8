// Any bytes either parse to a batch that serializes and parses again, or are refused.
#include <arrow/buffer.h>

#include "change/change_batch.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using sluice::ChangeBatch;
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto parsed = sluice::ParseChangeBatch(arrow::Buffer::FromString(text));
  if (!parsed) return 0;
  const auto bytes = sluice::SerializeChangeBatch(*parsed);
  SLUICE_CHECK(bytes.has_value(), "a parsed batch does not serialize");
  SLUICE_CHECK(sluice::ParseChangeBatch(*bytes).has_value(), "its bytes do not parse");
  return 0;
}
