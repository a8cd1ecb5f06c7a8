// Reads the keys of a finished data file for the index.
#pragma once

#include <arrow/type_fwd.h>

#include <functional>
#include <span>

#include "merge/file_set.h"
#include "merge/key_encoding.h"
#include "merge/key_index.h"
#include "store/object_store.h"

namespace sluice::merge {

// Hands the entries of all live rows of `file` to `take`, some thousands at a time.
Status ReadFileKeys(const KeyEncoder& encoder, const arrow::Schema& key_fields,
                    store::ObjectStore& store, const FileSet& files, FileId file,
                    const std::function<Status(std::span<const IndexEntry>)>& take);

}  // namespace sluice::merge
