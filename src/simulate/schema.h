// The tables of the simulated database: each a shape that the pipeline treats in its own way.
#pragma once

#include <vector>

#include "simulate/database.h"

namespace sluice::simulate {

inline constexpr uint32_t kInt8Oid = 20;  // pg_type.dat
inline constexpr uint32_t kTextOid = 25;

std::vector<Table> MakeTables();

}  // namespace sluice::simulate
