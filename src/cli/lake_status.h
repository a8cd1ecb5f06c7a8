// Status and table states read from the lake alone, for commands while no pipeline runs.
#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "cli/config.h"
#include "iceberg/catalog/catalog.h"
#include "pipeline/status_board.h"
#include "store/object_store.h"

namespace sluice::cli {

Result<std::unique_ptr<iceberg::Catalog>> OpenLakeCatalog(const Config& config,
                                                          store::ObjectStore& store,
                                                          const Clock& clock, bool read_only);
// A mirror table: its properties say which source table it mirrors and in which state it is.
Result<pipeline::PipelineStatus> ReadLakeStatus(const Config& config);
// Writes a table's state (resync, paused, live) into the lake; the next `run` obeys. Takes the
// pipeline's lock. kConfig: no such table, or not in that state: only a live one is paused, only a
// paused one resumed.
Status MarkTable(const Config& config, const std::string& table, const std::string& order);

}  // namespace sluice::cli
