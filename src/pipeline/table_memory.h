// What the lake remembers of a table's state, so that losing the state folder loses nothing: a
// failed or paused table stays so until an order, and an order to copy a table again is carried out
// by whichever process comes next.
#pragma once

#include <string>

#include "base/error.h"
#include "iceberg/catalog/catalog.h"
#include "pipeline/status_board.h"

namespace sluice::pipeline {

// Into the table's properties; a table that the lake does not hold is passed over.
Status RememberState(iceberg::Catalog& catalog, const iceberg::TableIdentifier& table,
                     TableState state, const std::string& reason, const std::string& hint);

// The order to copy the table again: it holds until the copy's first commit replaces the table.
Status RememberResync(iceberg::Catalog& catalog, const iceberg::TableIdentifier& table);
bool ResyncWanted(const iceberg::LoadedTable& table);

// What to do about most failed tables. `name` is the source's.
std::string ResyncHint(const std::string& name);

}  // namespace sluice::pipeline
