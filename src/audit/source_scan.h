// The source's rows as text, through COPY's text format.
#pragma once

#include <functional>

#include "audit/audited_table.h"
#include "audit/text_row.h"
#include "postgres/connection.h"

namespace sluice::audit {

// Every row that the connection's open transaction sees.
Status ScanSource(postgres::Connection& connection, const AuditedTable& table,
                  const std::function<void(const TextRow&)>& take);

}  // namespace sluice::audit
