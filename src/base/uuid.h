// Random (version 4) UUIDs, lower case with dashes; from the system's random source.
#pragma once

#include <string>

namespace sluice {

std::string MakeUuid();

}  // namespace sluice
