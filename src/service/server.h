// What a running pipeline answers: read-only HTTP (/status /metrics /healthz /readyz) on a TCP
// address, and the control socket, the same over a Unix socket (0600) plus orders (wait, pause,
// resume, resync).
#pragma once

#include <memory>
#include <string>

#include "base/error.h"
#include "pipeline/supervisor.h"

namespace sluice::service {

class Server {
 public:
  virtual ~Server() = default;  // stops listening and ends its threads
  // `address`: ParseAddress takes it, or "none". kConfig when it cannot be had. `supervisor`
  // outlives the server.
  static Result<std::unique_ptr<Server>> Start(pipeline::Supervisor& supervisor,
                                               const std::string& address,
                                               const std::string& control_socket);
};

}  // namespace sluice::service
