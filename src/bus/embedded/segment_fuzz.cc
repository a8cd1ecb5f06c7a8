// Any bytes as a bus' only segment, and any records in a segment that is otherwise whole: readers,
// the scan and a writer that opens take them or refuse them.
#include "base/byte_reader.h"
#include "base/file_system_fake.h"
#include "bus/embedded/bus_scan.h"
#include "bus/embedded/embedded_bus.h"
#include "bus/embedded/segment_format.h"

namespace {

using namespace sluice;       // NOLINT: a program of its own
using namespace sluice::bus;  // NOLINT

constexpr Cut kBase{.lsn = {0x32}, .time_us = 0};
constexpr char kIdentity[] = "1/2/s";

// Reads kind, LSN, prelude and body of records out of the input and gives them valid checksums,
// which no fuzzer finds by itself.
std::string SegmentOf(std::string_view input) {
  std::string out =
      EncodeHeader({.base = kBase, .created_us = 0, .partition = 0, .source_identity = kIdentity});
  ByteReader reader(input);
  while (reader.remaining() > 0) {
    RecordHead head;
    head.kind = static_cast<RecordKind>(reader.U8());
    head.lsn = {reader.U8()};
    const std::string_view prelude = reader.Bytes(reader.U8());
    const std::string_view body = reader.Bytes(reader.U16());
    out += EncodeHead(head, prelude, body, kBase.lsn, out.size());
    out += body;
    out.append(Padding(body.size()), '\0');
  }
  return out;
}

void Use(const std::string& segment) {
  constexpr size_t kPollBytes = 1 << 20;
  FakeFileSystem files;
  const FakeClock clock;
  EmbeddedBusOptions options;
  options.folder = "/bus";
  options.source_identity = kIdentity;
  options.disk_reserve_bytes = 0;
  SLUICE_CHECK(files.CreateFolders("/bus/p0").has_value());
  files.SetContent("/bus/p0/0000000000000032.seg", segment);
  const auto read = [&] {
    const auto reader = OpenEmbeddedReader(files, options);
    if (reader) (void)(*reader)->Poll(0, kPollBytes);
  };
  read();
  (void)ReadBusInfo(files, options);
  (void)ScanTransactions(files, options, kBase.lsn, Lsn{UINT64_MAX}, [](Lsn, uint64_t, TableId) {});
  const auto writer = EmbeddedBusWriter::Open(files, clock, options, 1, kBase.lsn);
  if (!writer) return;
  read();
  SLUICE_CHECK((*writer)->Info().has_value());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  Use(std::string(input));
  Use(SegmentOf(input));
  return 0;
}
