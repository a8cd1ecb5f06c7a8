// "host:port", as `http:` takes it.
#pragma once

#include <optional>
#include <string>

namespace sluice::service {

struct Address {
  std::string host;
  int port = 0;
};

// "127.0.0.1:8642"; nothing: that is none.
std::optional<Address> ParseAddress(const std::string& text);

}  // namespace sluice::service
