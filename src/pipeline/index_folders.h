// The key indexes in the state folder, one folder for each table and incarnation. A resync begins a
// new one, and a table may leave the configuration: what nobody opens any more goes.
#pragma once

#include <functional>
#include <string>

#include "base/file_system.h"
#include "change/change_batch.h"

namespace sluice::pipeline {

std::string IndexFolder(const std::string& state_folder, const TableId& id);

// Removes the indexes that `wanted` does not want. They are caches: an index that is removed in
// part is made anew. What fails stays, and is said in the log.
void RemoveIndexes(FileSystem& files, const std::string& state_folder,
                   const std::function<bool(const TableId&)>& wanted);

}  // namespace sluice::pipeline
