#include "postgres/testing/throwaway_postgres.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

namespace sluice::postgres::testing {

namespace {

constexpr uid_t kNobody = 65534;  // initdb wants a user that /etc/passwd knows, and refuses root
constexpr auto kPatience = std::chrono::seconds(60);

std::string Binary(const std::string& name) {
  const char* folder = std::getenv("SLUICE_PG_BIN");
  return std::string(folder == nullptr ? "/usr/lib/postgresql/15/bin" : folder) + "/" + name;
}

// A child as an unprivileged user, its output in `log`, that does not outlive us.
pid_t Spawn(const std::vector<std::string>& words, const std::string& log) {
  const pid_t pid = fork();
  if (pid != 0) return pid;
  const int output = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0666);
  dup2(output, STDOUT_FILENO);
  dup2(output, STDERR_FILENO);
  if (geteuid() == 0 &&
      (setgroups(0, nullptr) != 0 || setgid(kNobody) != 0 || setuid(kNobody) != 0)) {
    _exit(126);
  }
  prctl(PR_SET_PDEATHSIG, SIGQUIT);  // after setuid, which clears it
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  execv(arguments[0], arguments.data());
  _exit(127);
}

Status WaitFor(pid_t pid, const std::string& what) {
  int status = 0;
  waitpid(pid, &status, 0);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  return MakeError(ErrorKind::kInternal, "{} ended with status {}", what, status);
}

int FreePort() {
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  bind(listener, reinterpret_cast<sockaddr*>(&address), size);
  getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size);
  close(listener);
  return ntohs(address.sin_port);
}

std::map<std::string, std::string> DefaultSettings() {
  return {{"wal_level", "logical"},
          {"max_wal_senders", "20"},
          {"max_replication_slots", "20"},
          {"max_connections", "60"},
          {"max_prepared_transactions", "5"},
          {"listen_addresses", "127.0.0.1"},
          {"fsync", "off"},
          {"full_page_writes", "off"},
          {"shared_buffers", "64MB"},
          {"timezone", "UTC"}};
}

}  // namespace

Result<std::unique_ptr<ThrowawayPostgres>> ThrowawayPostgres::Start(ThrowawayOptions options) {
  std::unique_ptr<ThrowawayPostgres> server(new ThrowawayPostgres(std::move(options)));
  SLUICE_TRY(server->MakeCluster(), "making a throwaway cluster");
  SLUICE_TRY(server->StartServer(), "starting a throwaway Postgres");
  return server;
}

ThrowawayPostgres& ThrowawayPostgres::Shared() {
  static const std::unique_ptr<ThrowawayPostgres> server = [] {
    auto started = Start();
    SLUICE_CHECK(started.has_value(), "{}", started.error().message());
    return std::move(*started);
  }();
  return *server;
}

Status ThrowawayPostgres::MakeCluster() {
  std::string name = (std::filesystem::temp_directory_path() / "sluice-pg-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) {
    return MakeError(ErrorKind::kInternal, "no temporary folder at {}", name);
  }
  folder_ = name;
  if (geteuid() == 0 && chown(folder_.c_str(), kNobody, kNobody) != 0) {
    return MakeError(ErrorKind::kInternal, "chown {}", folder_);
  }
  const std::vector<std::string> words = {Binary("initdb"),
                                          "-D",
                                          folder_ + "/data",
                                          "-U",
                                          "postgres",
                                          "-A",
                                          "trust",
                                          "-N",
                                          "-E",
                                          options_.encoding,
                                          "--locale",
                                          options_.locale,
                                          "--no-instructions"};
  SLUICE_TRY(WaitFor(Spawn(words, folder_ + "/server.log"), "initdb"), "{}", Log());
  auto settings = DefaultSettings();
  settings["unix_socket_directories"] = folder_;
  for (const auto& [key, value] : options_.settings) settings[key] = value;
  std::ofstream conf(folder_ + "/data/postgresql.conf", std::ios::app);
  for (const auto& [key, value] : settings) conf << key << " = '" << value << "'\n";
  std::ofstream hba(folder_ + "/data/pg_hba.conf");
  for (const std::string& line : options_.hba) hba << line << '\n';
  hba << "local all all trust\nhost all all 127.0.0.1/32 trust\n";
  return {};
}

Status ThrowawayPostgres::StartServer() {
  if (port_ == 0) port_ = FreePort();
  server_ = Spawn({Binary("postgres"), "-D", folder_ + "/data", "-p", std::to_string(port_)},
                  folder_ + "/server.log");
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (std::chrono::steady_clock::now() < deadline) {
    if (Connect()) return {};
    int status = 0;
    if (waitpid(server_, &status, WNOHANG) == server_) {
      server_ = -1;
      break;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return MakeError(ErrorKind::kInternal, "the server does not answer:\n{}", Log());
}

Status ThrowawayPostgres::StopServer(int signal) {
  if (server_ <= 0) return {};
  kill(server_, signal);
  int status = 0;
  waitpid(server_, &status, 0);
  server_ = -1;
  return {};
}

ThrowawayPostgres::~ThrowawayPostgres() {
  static_cast<void>(StopServer(SIGQUIT));
  std::error_code ignored;
  if (!folder_.empty()) std::filesystem::remove_all(folder_, ignored);
}

std::string ThrowawayPostgres::url(const std::string& database, const std::string& user) const {
  return fmt::format("postgresql://{}@127.0.0.1:{}/{}", user, port_, database);
}

Result<std::unique_ptr<Connection>> ThrowawayPostgres::Connect(const std::string& database) const {
  ConnectionOptions options;
  options.url = url(database);
  options.application_name = "test";
  return Connection::Open(options);
}

Result<std::string> ThrowawayPostgres::MakeDatabase() {
  const std::string name = fmt::format("test_{}", ++databases_);
  SLUICE_LET(const auto connection, Connect());
  SLUICE_TRY(connection->Execute("CREATE DATABASE " + name));
  return name;
}

std::string ThrowawayPostgres::Log() const {
  std::ifstream in(folder_ + "/server.log");
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}

}  // namespace sluice::postgres::testing
