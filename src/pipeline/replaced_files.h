// The files of lake tables that a resync replaced, removed when nobody can need them any more.
#pragma once

#include "base/error.h"
#include "pipeline/lake.h"

namespace sluice::pipeline {

// Removes what is due of the tables that `name` replaced, and forgets them. Due: as long after the
// replacement as history keeps every snapshot, and never within options.replaced_keep_us. Files
// that any table of the catalog refers to stay. An error: something could not be read, so nothing
// was removed; the same call may be made again.
Status RemoveReplaced(const Lake& lake, const iceberg::TableIdentifier& name);

}  // namespace sluice::pipeline
