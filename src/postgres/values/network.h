// Network addresses to the text Postgres prints (src/port/inet_net_ntop.c, network.c, mac.c).
#pragma once

#include <string>
#include <string_view>

#include "postgres/values/fault.h"

namespace sluice::postgres {

Fault InetToText(std::string_view bytes, std::string& out);     // inet and cidr
Fault MacaddrToText(std::string_view bytes, std::string& out);  // 6 or 8 bytes

}  // namespace sluice::postgres
