// Random (version 4) UUIDs, lower case with dashes; from the system's random source.
#pragma once

#include <cstdint>
#include <string>

namespace sluice {

std::string MakeUuid();
// From now on this thread's UUIDs follow from `seed`: for the simulation, which must repeat itself.
void SeedUuids(uint64_t seed);

}  // namespace sluice
