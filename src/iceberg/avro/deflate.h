// Raw deflate (RFC 1951, without zlib's header), as Avro's codec of that name wants it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/error.h"

namespace sluice::iceberg::avro {

// Appends to `out`.
Status Deflate(std::string_view bytes, std::string& out);
// Replaces `out`. kCorrupt: not deflate, more than a checksum left over, or more than `size_max`
// bytes.
Status Inflate(std::string_view bytes, size_t size_max, std::string& out);

}  // namespace sluice::iceberg::avro
