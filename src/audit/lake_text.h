// A lake value as Postgres' COPY would print it (DateStyle ISO, TimeZone UTC, bytea_output hex,
// extra_float_digits 3). Shares nothing with the decoders of postgres/, so that one mistake cannot
// hide in both.
#pragma once

#include <arrow/type_fwd.h>

#include <string>

namespace sluice::audit {

// Appends the value at `row`, which is not null. `delimiter` separates a list's elements
// (pg_type.typdelim). SLUICE_CHECK: a type that is no lake type.
void AppendLakeText(const arrow::Array& values, int64_t row, char delimiter, std::string& out);

}  // namespace sluice::audit
