// The Iceberg schema of a mirror table: the source's columns in its order, its key as identifier.
#pragma once

#include <string>

#include "change/table_schema.h"
#include "iceberg/table_metadata.h"

namespace sluice::iceberg {

// Fresh ids: columns 1..n in order, then the elements of lists. Only key columns are required (a
// NOT NULL of the source may be dropped any day, and the way back is not allowed). No identifier
// when a key column is a float, a double or a list, which Iceberg does not take for one.
Schema SchemaFor(const TableSchema& table);

// "<comment>", "pg: varchar(40)" or "<comment> (pg: varchar(40))": the Postgres type where the
// Iceberg type does not say it all.
std::string DocFor(const Column& column);

}  // namespace sluice::iceberg
