// Any bytes as pgoutput messages, through parser and decoder: errors, never a crash.
// Input: pieces of [u16 length][message], little-endian; the first byte of all chooses a first
// relation or none.
#include <cstdint>
#include <cstring>
#include <string_view>

#include "postgres/replication/testing/decoder_harness.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sluice::postgres::testing;  // NOLINT: a fuzz target
  if (size == 0) return 0;
  DecoderHarness harness;
  harness.AddTable(100, "t", {"a", "b"});
  harness.options.memory_bytes = 4096;
  harness.options.spool_memory_bytes = 1024;
  if (data[0] % 2 == 0 && !harness.Feed({EncodeRelation(harness.Shape(100))})) return 0;
  std::string_view rest(reinterpret_cast<const char*>(data + 1), size - 1);
  while (rest.size() > 2) {
    uint16_t length = 0;
    std::memcpy(&length, rest.data(), sizeof(length));
    rest.remove_prefix(sizeof(length));
    const std::string message(rest.substr(0, length));
    rest.remove_prefix(message.size());
    if (!harness.Feed({message})) return 0;
  }
  if (harness.Decoder().at_boundary()) static_cast<void>(harness.Flush());
  return 0;
}
