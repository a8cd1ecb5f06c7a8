// Constants of a run's layout, shared by its reader and its writer.
#pragma once

#include <cstdint>
#include <string_view>

namespace sluice::merge {

inline constexpr std::string_view kRunMagic = "SLKEYRUN";
inline constexpr uint32_t kRunVersion = 1;
inline constexpr size_t kFooterBytes = 64;
inline constexpr size_t kFooterHashedBytes = 48;
inline constexpr uint64_t kRunEntriesMax = UINT32_MAX;

}  // namespace sluice::merge
