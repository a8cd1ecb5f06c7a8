#include "service/server.h"

#include <httplib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <functional>
#include <semaphore>
#include <stop_token>
#include <thread>

#include "base/log.h"
#include "service/address.h"
#include "service/metrics.h"
#include "service/status_json.h"

namespace sluice::service {

namespace {

constexpr char kJsonType[] = "application/json";
constexpr int kBadOrder = 422;
// Each server: requests at a time, connections that wait for their turn (then the kernel's own
// short queue, then the peer), bytes of a request's body. Orders that wait leave room for others.
constexpr size_t kRequestsMax = 16;
constexpr int kConnectionsMax = 64;
constexpr size_t kBodyBytesMax = 64 << 10;
constexpr int kWaitersMax = 8;

// httplib's own queue takes any number; here whoever accepts waits.
class BoundedQueue final : public httplib::TaskQueue {
 public:
  void enqueue(std::function<void()> task) override {
    places_.acquire();
    pool_.enqueue([this, task = std::move(task)] {
      task();
      places_.release();
    });
  }
  void shutdown() override { pool_.shutdown(); }

 private:
  std::counting_semaphore<kConnectionsMax> places_{kConnectionsMax};
  httplib::ThreadPool pool_{kRequestsMax};
};

void Bound(httplib::Server& server) {
  server.new_task_queue = [] { return new BoundedQueue; };  // httplib deletes it
  server.set_payload_max_length(kBodyBytesMax);
}

void Answer(httplib::Response& response, const Json& json) {
  response.set_content(json.dump() + "\n", kJsonType);
}

void Answer(httplib::Response& response, const Status& status) {
  if (status) return Answer(response, Json{{"done", true}});
  response.status = kBadOrder;
  Answer(response, ErrorToJson(status.error()));
}

void Health(httplib::Response& response, bool good) {
  response.status = good ? 200 : 503;
  response.set_content(good ? "ok\n" : "not ok\n", "text/plain");
}

class HttpServer final : public Server {
 public:
  explicit HttpServer(pipeline::Supervisor& supervisor) : supervisor_(supervisor) {}

  ~HttpServer() override {
    stop_.request_stop();
    http_.stop();
    control_.stop();
  }

  Status Listen(const std::string& address, const std::string& control_socket) {
    Bound(http_);
    Bound(control_);
    AddReads(http_);
    AddReads(control_);
    AddOrders();
    SLUICE_TRY(BindControl(control_socket));
    if (address != "none") SLUICE_TRY(BindHttp(address));
    Serve(control_, control_thread_);
    if (address != "none") Serve(http_, http_thread_);
    return {};
  }

 private:
  audit::LastAudits LastAudits() const {
    return audit::ReadLastAudits(LocalFileSystem(), supervisor_.state_folder())
        .value_or(audit::LastAudits{});
  }

  // Returns when it listens: a stop() before that would be forgotten, and its thread never end.
  static void Serve(httplib::Server& server, std::jthread& thread) {
    thread = std::jthread([&server] { server.listen_after_bind(); });
    while (!server.is_running()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }

  void AddReads(httplib::Server& server) {
    server.Get("/status", [this](const httplib::Request&, httplib::Response& response) {
      Answer(response, StatusToJson(supervisor_.status(), LastAudits(), clock_.WallMicros()));
    });
    server.Get("/metrics", [this](const httplib::Request&, httplib::Response& response) {
      response.set_content(MetricsText(supervisor_.status(), clock_.WallMicros()),
                           "text/plain; version=0.0.4");
    });
    server.Get("/healthz", [this](const httplib::Request&, httplib::Response& response) {
      Health(response, supervisor_.healthy());
    });
    server.Get("/readyz", [this](const httplib::Request&, httplib::Response& response) {
      Health(response, supervisor_.ready());
    });
  }

  void AddOrders() {
    control_.Post("/wait", [this](const httplib::Request& request, httplib::Response& response) {
      const auto lsn = ParseLsn(request.get_param_value("lsn"));
      if (!lsn) return Answer(response, Status(lsn.error()));
      int64_t timeout_us = INT64_MAX;
      const std::string text = request.get_param_value("timeout_us");
      std::from_chars(text.data(), text.data() + text.size(), timeout_us);
      Answer(response, Wait(*lsn, timeout_us, request.get_param_value("of") == "bus"));
    });
    using Order = Status (pipeline::Supervisor::*)(const std::string&);
    const auto order = [this](const char* path, Order method) {
      control_.Post(path,
                    [this, method](const httplib::Request& request, httplib::Response& response) {
                      Answer(response, (supervisor_.*method)(request.get_param_value("table")));
                    });
    };
    order("/pause", &pipeline::Supervisor::Pause);
    order("/resume", &pipeline::Supervisor::Resume);
    order("/resync", &pipeline::Supervisor::Resync);
  }

  Status Wait(Lsn lsn, int64_t timeout_us, bool bus) {
    if (!waiters_.try_acquire()) {
      return MakeError(ErrorKind::kUnavailable, "{} commands wait already", kWaitersMax)
          .WithHint("let one of them end; `sluice status` tells the same without waiting");
    }
    const auto wait = bus ? &pipeline::Supervisor::WaitForBus : &pipeline::Supervisor::Wait;
    Status waited = (supervisor_.*wait)(lsn, timeout_us, stop_.get_token());
    waiters_.release();
    return waited;
  }

  Status BindControl(const std::string& path) {
    if (path.size() >= 108) {  // sizeof(sockaddr_un::sun_path), sys/un.h
      return MakeError(ErrorKind::kConfig, "the control socket's path {} is too long", path)
          .WithHint("choose a shorter `state:` folder (at most 90 characters)");
    }
    unlink(path.c_str());
    control_.set_address_family(AF_UNIX);
    const mode_t before = umask(0177);
    const bool bound = control_.bind_to_port(path, 80);  // the port is not used
    umask(before);
    if (bound) return {};
    return MakeError(ErrorKind::kConfig, "cannot make the control socket {}", path)
        .WithHint("`state:` must be on a file system that allows Unix sockets");
  }

  Status BindHttp(const std::string& address) {
    const auto parsed = ParseAddress(address);
    if (parsed && http_.bind_to_port(parsed->host, parsed->port)) return {};
    return MakeError(ErrorKind::kConfig, "http: {} cannot be listened on", address)
        .WithHint("another program may have the port; choose another under `http:`, or none");
  }

  pipeline::Supervisor& supervisor_;
  SystemClock clock_;
  std::stop_source stop_;
  std::counting_semaphore<kWaitersMax> waiters_{kWaitersMax};
  httplib::Server http_;
  httplib::Server control_;
  std::jthread http_thread_;
  std::jthread control_thread_;
};

}  // namespace

Result<std::unique_ptr<Server>> Server::Start(pipeline::Supervisor& supervisor,
                                              const std::string& address,
                                              const std::string& control_socket) {
  auto server = std::make_unique<HttpServer>(supervisor);
  SLUICE_TRY(server->Listen(address, control_socket));
  return std::unique_ptr<Server>(std::move(server));
}

}  // namespace sluice::service
