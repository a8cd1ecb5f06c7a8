// Talks to a running pipeline through its control socket.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "base/error.h"
#include "service/status_json.h"

namespace sluice::service {

class ControlClient {
 public:
  explicit ControlClient(std::string socket) : socket_(std::move(socket)) {}
  // Nothing: no pipeline runs here.
  Result<std::optional<Json>> Status() const;
  // kUnavailable, code "no_run": no pipeline runs here. Other errors are the pipeline's own.
  Result<Json> Order(const std::string& order,
                     const std::map<std::string, std::string>& parameters) const;

 private:
  std::string socket_;
};

}  // namespace sluice::service
