// The bytes of a session that libpq opened, past libpq: those of its socket, or those inside the
// TLS session on it. Never blocks. One thread at a time.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "base/error.h"

struct ssl_st;  // OpenSSL's SSL

namespace sluice::postgres {

// Errors: kUnavailable, the connection is lost, and stays so.
class WireSocket {
 public:
  virtual ~WireSocket() = default;
  // How much of what is here came to `to`, as much as fits; 0: nothing is here, so that it pays to
  // wait until handle() is readable.
  virtual Result<size_t> Receive(char* to, size_t size) = 0;
  // How much was taken of `bytes`, which may not be empty; 0: there is no room before handle() is
  // writable, and the same bytes must come again.
  virtual Result<size_t> Send(std::string_view bytes) = 0;
  virtual int handle() const = 0;
};

std::unique_ptr<WireSocket> PlainSocket(int socket);

// `session`: libpq's, on `socket`, non-blocking. It belongs to this object until that is destroyed,
// by when all that is here must have been received: libpq would find none of it.
std::unique_ptr<WireSocket> TlsSocket(ssl_st* session, int socket);

bool IsTcp(int socket);

Error LostError(std::string_view why);

}  // namespace sluice::postgres
