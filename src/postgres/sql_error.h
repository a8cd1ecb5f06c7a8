// What a failure at the server or on the way to it means for us: SQLSTATE and libpq's words to an
// Error's kind and hint. Pure. Detail lines and the words of data errors are left out: they hold
// row values.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace sluice::postgres {

// An ErrorResponse: its SQLSTATE and primary message.
Error SqlError(std::string_view sqlstate, std::string_view primary_message);

// A connection that did not come to be: libpq's message, written under PQERRORS_VERBOSE so that the
// server's SQLSTATE is in it when the server answered at all.
Error ConnectError(std::string_view libpq_message);

}  // namespace sluice::postgres
