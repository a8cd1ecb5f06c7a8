// Any bytes as table metadata: a structure that writes and reads back as itself, or an error.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "iceberg/table_metadata.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  namespace iceberg = sluice::iceberg;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto metadata = iceberg::ParseTableMetadata(bytes);
  if (!metadata) return 0;
  (void)metadata->Ancestry();
  (void)iceberg::ToArrowSchema(metadata->current_schema());
  const std::string written = iceberg::ToJson(*metadata);
  const auto again = iceberg::ParseTableMetadata(written);
  SLUICE_CHECK(again && iceberg::ToJson(*again) == written);
  return 0;
}
