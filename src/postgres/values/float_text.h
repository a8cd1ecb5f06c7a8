// Floats as Postgres prints them with extra_float_digits >= 1: the shortest digits that read back
// as the same value, strictly inside its rounding interval (src/common/d2s.c, f2s.c).
#pragma once

#include <string>

namespace sluice::postgres {

void AppendFloat4(float value, std::string& out);
void AppendFloat8(double value, std::string& out);

}  // namespace sluice::postgres
