// Any bytes as an Avro file: records or an error, never a crash, a hang or much memory.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "iceberg/avro/container.h"
#include "iceberg/manifest_internal.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  namespace iceberg = sluice::iceberg;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  auto reader = iceberg::avro::ContainerReader::Open(bytes);
  if (reader) {
    const auto skip = [&](iceberg::avro::Decoder& in) {
      in.Skip(reader->schema());
      return in.status();
    };
    (void)reader->ForEach(skip);
  }
  (void)iceberg::DecodeManifest(bytes, {});
  (void)iceberg::DecodeManifestList(bytes);
  return 0;
}
