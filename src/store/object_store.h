// Files of the lake as immutable objects behind one seam: a local folder, S3.
#pragma once

#include <arrow/io/type_fwd.h>
#include <arrow/type_fwd.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/file_system.h"

namespace sluice::store {

// An absolute URI with scheme, as readers see it: "file:///srv/lake/shop/orders/data/x.parquet".
using Location = std::string;

// One spelling for the places that RFC 8089 lets be spelled in two ways, as PyIceberg and Spark do:
// "file:/srv/lake" is "file:///srv/lake". Locations of different programs are compared so.
Location Canonical(Location location);

class ObjectWriter {
 public:
  // Destroyed without Finish: nothing remains.
  virtual ~ObjectWriter() = default;
  virtual Status Append(std::shared_ptr<arrow::Buffer> bytes) = 0;
  // Visible and durable (file and folder) once it returns; the object's size in bytes.
  virtual Result<uint64_t> Finish() = 0;
};

struct Object {
  Location location;
  uint64_t size = 0;
  int64_t modified_us = 0;  // Unix microseconds
};

// Thread-safe; a writer belongs to one thread. An absent object is kUnavailable, code "ENOENT".
class ObjectStore {
 public:
  virtual ~ObjectStore() = default;
  virtual Result<std::unique_ptr<ObjectWriter>> Create(const Location& at) = 0;
  // kConflict when the object exists already.
  virtual Status PutIfAbsent(const Location& at, std::shared_ptr<arrow::Buffer> bytes) = 0;
  virtual Result<uint64_t> Size(const Location& at) = 0;
  virtual Result<std::shared_ptr<arrow::Buffer>> Read(const Location& at, uint64_t from,
                                                      uint64_t size) = 0;
  // All objects below a folder, in order of location.
  virtual Result<std::vector<Object>> List(const Location& folder) = 0;
  virtual Status Delete(std::span<const Location> objects) = 0;  // absent is no error
};

// For `file:///path` locations (and what Canonical() makes one): the path follows verbatim, nothing
// is percent-decoded. Files and folders are created 0640 and 0750 less the umask, as readers run
// under other accounts. Errors as base/file_system.h maps them. `files` outlives the store and its
// writers.
std::unique_ptr<ObjectStore> MakeLocalStore(FileSystem& files = SharedFileSystem());
// Where such an object or folder is on this machine; kConfig when it is no file:/// location.
Result<std::string> LocalPath(const Location& location);

// Arrow's file interfaces on top of a store, for Parquet. `OpenOutput`'s Close() finishes the
// object; closing is refused after an error, so that nothing half written becomes visible.
std::shared_ptr<arrow::io::OutputStream> OpenOutput(std::unique_ptr<ObjectWriter> writer);
Result<std::shared_ptr<arrow::io::RandomAccessFile>> OpenInput(ObjectStore& store,
                                                               const Location& at);
// A small object, whole.
Result<std::string> ReadAll(ObjectStore& store, const Location& at, uint64_t size_max = 256 << 20);

}  // namespace sluice::store
