// COPY's text format (postgresql.org, "COPY", File Formats): one line to its cells.
#pragma once

#include <string_view>

#include "audit/text_row.h"
#include "base/error.h"

namespace sluice::audit {

// `line` with or without its newline. kCorrupt: a backslash at the end.
Status ParseCopyLine(std::string_view line, TextRow& out);

}  // namespace sluice::audit
