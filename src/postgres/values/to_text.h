// From the binary form of a type to the text that its output function prints, appended to `out`.
// A failed call may leave a part behind: the caller cuts back.
#pragma once

#include <string>
#include <string_view>

#include "postgres/values/family.h"
#include "postgres/values/fault.h"

namespace sluice::postgres {

using ToText = Fault (*)(std::string_view bytes, std::string& out);

// Null: the family's text comes from the server only.
ToText ToTextOf(Family family);

// charout of Postgres 16 and later for one byte: octal from 0x80 on. Earlier servers print the bare
// byte, which no UTF-8 text holds.
Fault CharByteToText(std::string_view bytes, std::string& out);

// The uuid's 16 bytes from its text; kMalformed otherwise.
Fault UuidFromText(std::string_view text, char (&out)[16]);
// bytea_output=hex: "\x01ff".
Fault ByteaFromText(std::string_view text, std::string& out);

}  // namespace sluice::postgres
