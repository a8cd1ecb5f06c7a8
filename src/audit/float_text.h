// Floats as float4out and float8out print them with extra_float_digits above 0.
#pragma once

#include <string>

namespace sluice::audit {

void AppendFloat(double value, std::string& out);
void AppendFloat(float value, std::string& out);

}  // namespace sluice::audit
