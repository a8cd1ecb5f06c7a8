// What the files of mirror_commit share with each other and with the ledger.
#pragma once

#include <map>
#include <string>

#include "iceberg/mirror_commit.h"

namespace sluice::iceberg {

// The marks as table properties, with the snapshot that they belong to.
std::map<std::string, std::string> MarkProperties(const Marks& marks, const std::string& commit_id,
                                                  const Snapshot& snapshot);
Result<Marks> MarksOf(const std::map<std::string, std::string>& summary);

}  // namespace sluice::iceberg
