#include "service/control_client.h"

#include <httplib.h>
#include <sys/socket.h>

namespace sluice::service {

namespace {

constexpr time_t kOrderSeconds = 365 * 24 * 3600;  // orders bring their own time limit

httplib::Client Connect(const std::string& socket) {
  httplib::Client client(socket);
  client.set_address_family(AF_UNIX);
  client.set_read_timeout(kOrderSeconds, 0);
  return client;
}

Result<Json> Parse(const httplib::Response& response) {
  Json answer = Json::parse(response.body, nullptr, false);
  if (answer.is_discarded()) {
    return MakeError(ErrorKind::kInternal, "the running pipeline answered no JSON");
  }
  if (auto error = ErrorFromJson(answer)) return std::move(*error);
  return answer;
}

}  // namespace

Result<std::optional<Json>> ControlClient::Status() const {
  httplib::Client client = Connect(socket_);
  const auto response = client.Get("/status");
  if (!response) return std::optional<Json>();
  SLUICE_LET(Json answer, Parse(*response));
  return std::optional<Json>(std::move(answer));
}

Result<Json> ControlClient::Order(const std::string& order,
                                  const std::map<std::string, std::string>& parameters) const {
  httplib::Client client = Connect(socket_);
  httplib::Params params;
  for (const auto& [key, value] : parameters) params.emplace(key, value);
  const auto response = client.Post("/" + order, params);
  if (!response) {
    return MakeError(ErrorKind::kUnavailable, "no pipeline runs here (socket {})", socket_)
        .WithHint("start it: `sluice run`")
        .WithCode("no_run");
  }
  return Parse(*response);
}

}  // namespace sluice::service
