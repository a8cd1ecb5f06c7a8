// Any bytes as a bus' only segment: readers, the scan and a writer that opens take them or refuse
// them, and what a writer took, a reader reads.
#include "base/file_system_fake.h"
#include "bus/embedded/bus_scan.h"
#include "bus/embedded/embedded_bus.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sluice;  // NOLINT: one function
  constexpr size_t kPollBytes = 1 << 20;
  FakeFileSystem files;
  const FakeClock clock;
  bus::EmbeddedBusOptions options;
  options.folder = "/bus";
  options.disk_reserve_bytes = 0;
  SLUICE_CHECK(files.CreateFolders("/bus/p0").has_value());
  files.SetContent("/bus/p0/0000000000000032.seg",
                   std::string(reinterpret_cast<const char*>(data), size));
  const auto read = [&] {
    const auto reader = bus::OpenEmbeddedReader(files, options);
    return reader && (*reader)->Poll(0, kPollBytes);
  };
  (void)read();
  (void)bus::ReadBusInfo(files, options);
  (void)bus::ScanTransactions(files, options, Lsn{0x32}, Lsn{UINT64_MAX},
                              [](Lsn, uint64_t, TableId) {});
  options.source_identity = "1/2/s";
  const auto writer = bus::EmbeddedBusWriter::Open(files, clock, options, 1, Lsn{0x32});
  if (writer) (void)read();
  return 0;
}
