#include "postgres/wire_socket.h"

#include <netinet/in.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace sluice::postgres {

namespace {

constexpr std::string_view kClosed = "the server closed it";

class Plain final : public WireSocket {
 public:
  explicit Plain(int socket) : socket_(socket) {}

  Result<size_t> Receive(char* to, size_t size) override {
    return Tried([&] { return recv(socket_, to, size, MSG_DONTWAIT); }, size > 0);
  }
  Result<size_t> Send(std::string_view bytes) override {
    return Tried(
        [&] { return send(socket_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL); },
        false);
  }
  int handle() const override { return socket_; }

 private:
  template <typename Call>
  static Result<size_t> Tried(const Call& call, bool none_is_the_end) {
    while (true) {
      const ssize_t done = call();
      if (done == 0 && none_is_the_end) return LostError(kClosed);
      if (done >= 0) return static_cast<size_t>(done);
      if (errno == EAGAIN || errno == EWOULDBLOCK) return size_t{0};
      if (errno != EINTR) return LostError(std::strerror(errno));
    }
  }

  int socket_;
};

// libpq's BIO asks the kernel twice for every record, which Postgres makes of 8 KB each. A
// buffer between the two asks for many records at once. (OpenSSL's own read-ahead moves all that
// it holds at every record.)
class Tls final : public WireSocket {
 public:
  Tls(SSL* session, int socket)
      : session_(session), socket_(socket), unbuffered_(SSL_get_rbio(session)) {
    BIO* const buffered = BIO_new(BIO_f_buffer());
    if (buffered == nullptr) return;
    if (BIO_set_read_buffer_size(buffered, kBufferBytes) != 1) {
      BIO_free(buffered);
      return;
    }
    BIO_up_ref(unbuffered_);  // the session drops its own
    SSL_set0_rbio(session_, BIO_push(buffered, unbuffered_));
  }
  Tls(const Tls&) = delete;
  Tls& operator=(const Tls&) = delete;
  ~Tls() override {
    if (SSL_get_rbio(session_) == unbuffered_) return;
    BIO_up_ref(unbuffered_);  // the buffer drops its own
    SSL_set0_rbio(session_, unbuffered_);
  }

  // A record a call, so called until nothing is left.
  Result<size_t> Receive(char* to, size_t size) override {
    size_t received = 0;
    while (received < size) {
      size_t got = 0;
      ERR_clear_error();
      errno = 0;
      const int done = SSL_read_ex(session_, to + received, size - received, &got);
      if (done != 1) {
        if (received > 0) return received;  // a lost connection says so again
        return Refused(done);
      }
      received += got;
    }
    return received;
  }

  Result<size_t> Send(std::string_view bytes) override {
    size_t sent = 0;
    ERR_clear_error();
    errno = 0;
    const int done = SSL_write_ex(session_, bytes.data(), bytes.size(), &sent);
    if (done != 1) return Refused(done);
    return sent;
  }

  int handle() const override { return socket_; }

 private:
  static constexpr int kBufferBytes = 128 << 10;

  // 0 where it is only too early.
  Result<size_t> Refused(int done) {
    const int problem = SSL_get_error(session_, done);
    const int error = errno;
    if (problem == SSL_ERROR_WANT_READ || problem == SSL_ERROR_WANT_WRITE) return size_t{0};
    const unsigned long reason = ERR_peek_error();
    const bool ended = problem == SSL_ERROR_ZERO_RETURN ||
                       ERR_GET_REASON(reason) == SSL_R_UNEXPECTED_EOF_WHILE_READING ||
                       (problem == SSL_ERROR_SYSCALL && error == 0);
    if (ended) return LostError(kClosed);
    if (problem == SSL_ERROR_SYSCALL) return LostError(std::strerror(error));
    const char* const words = ERR_reason_error_string(reason);
    return LostError(words == nullptr ? "TLS failed" : words);
  }

  SSL* session_;
  int socket_;
  BIO* unbuffered_;
};

}  // namespace

std::unique_ptr<WireSocket> PlainSocket(int socket) { return std::make_unique<Plain>(socket); }

std::unique_ptr<WireSocket> TlsSocket(ssl_st* session, int socket) {
  return std::make_unique<Tls>(session, socket);
}

bool IsTcp(int socket) {
  sockaddr_storage address{};
  socklen_t size = sizeof(address);
  if (getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0) return false;
  return address.ss_family == AF_INET || address.ss_family == AF_INET6;
}

Error LostError(std::string_view why) {
  return MakeError(ErrorKind::kUnavailable, "the connection to Postgres is lost: {}", why);
}

}  // namespace sluice::postgres
