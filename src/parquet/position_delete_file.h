// Position delete files of format v2: (file_path, pos), sorted, no duplicates
// (Iceberg spec, "Position Delete Files").
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <roaring/roaring64map.hh>
#include <string>

#include "base/error.h"
#include "parquet/data_file.h"
#include "store/object_store.h"

// CRoaring has its namespace only from 1.0 on; Debian 12 carries 0.2.66.
namespace roaring {
using ::Roaring;
using ::Roaring64Map;
}  // namespace roaring

namespace sluice::parquet {

// Data file location -> deleted row ordinals. Ordered by bytes, as the file must be.
using PositionDeletes = std::map<store::Location, roaring::Roaring64Map>;

struct PositionDeleteFile {
  DataFile file;
  // The one data file that it covers, or empty. Statistics of both columns (full, untruncated) are
  // set only then.
  store::Location referenced_data_file;
};

// `deletes` must hold at least one position. kInternal otherwise.
Result<PositionDeleteFile> WritePositionDeletes(store::ObjectStore& store,
                                                const store::Location& at,
                                                const PositionDeletes& deletes);
// Adds what the file holds to `into`; only data files for which `wanted` is true.
Status ReadPositionDeletes(store::ObjectStore& store, const store::Location& at,
                           const std::function<bool(const store::Location&)>& wanted,
                           PositionDeletes& into);

}  // namespace sluice::parquet
