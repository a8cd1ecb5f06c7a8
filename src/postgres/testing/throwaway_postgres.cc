#include "postgres/testing/throwaway_postgres.h"

#include <fcntl.h>
#include <grp.h>
#include <libpq-fe.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <thread>

namespace sluice::postgres::testing {

namespace {

constexpr uid_t kNobody = 65534;
constexpr auto kStartDeadline = std::chrono::seconds(60);

std::string Program(const std::string& name) {
  const char* folder = getenv("SLUICE_PG_BIN");
  return std::string(folder != nullptr ? folder : "/usr/lib/postgresql/15/bin") + "/" + name;
}

// Runs in the child: no rights of root, output into the log, an end with the parent's.
[[noreturn]] void Become(const std::vector<std::string>& command, const std::string& log) {
  const int out = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  dup2(out, STDOUT_FILENO);
  dup2(out, STDERR_FILENO);
  if (geteuid() == 0) {
    if (setgroups(0, nullptr) != 0 || setgid(kNobody) != 0 || setuid(kNobody) != 0) _exit(126);
  }
  prctl(PR_SET_PDEATHSIG, SIGQUIT);  // after setuid, which clears it; an immediate shutdown
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  execv(arguments[0], arguments.data());
  _exit(127);
}

Result<pid_t> Spawn(const std::vector<std::string>& command, const std::string& log) {
  const pid_t child = fork();
  if (child < 0) return MakeError(ErrorKind::kExhausted, "no process for {}", command[0]);
  if (child == 0) Become(command, log);
  return child;
}

Status Run(const std::vector<std::string>& command, const std::string& log) {
  SLUICE_LET(const pid_t child, Spawn(command, log));
  int status = 0;
  waitpid(child, &status, 0);
  if (status != 0) return MakeError(ErrorKind::kUnavailable, "see {}", log);
  return {};
}

Result<int> FreePort() {
  const int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  const bool found = bind(probe, any, size) == 0 && getsockname(probe, any, &size) == 0;
  close(probe);
  if (!found) return MakeError(ErrorKind::kUnavailable, "no port is free");
  return ntohs(address.sin_port);
}

bool Answers(const std::string& url) { return PQping(url.c_str()) == PQPING_OK; }

}  // namespace

Result<std::unique_ptr<ThrowawayPostgres>> ThrowawayPostgres::Start(
    const ThrowawayOptions& options) {
  std::string folder = (std::filesystem::temp_directory_path() / "sluice-pg-XXXXXX").string();
  if (mkdtemp(folder.data()) == nullptr) {
    return MakeError(ErrorKind::kUnavailable, "no temporary folder {}", folder);
  }
  std::unique_ptr<ThrowawayPostgres> out(new ThrowawayPostgres(std::move(folder)));
  SLUICE_TRY(out->Initialize(options), "making a Postgres cluster");
  SLUICE_TRY(out->Launch(options), "starting Postgres");
  return out;
}

Status ThrowawayPostgres::MakeCertificate() {
  return Run({"/usr/bin/openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
              "-subj", "/CN=localhost", "-keyout", folder_ + "/data/server.key", "-out",
              folder_ + "/data/server.crt"},
             folder_ + "/openssl.log");
}

Status ThrowawayPostgres::Initialize(const ThrowawayOptions& options) {
  if (geteuid() == 0 && chown(folder_.c_str(), kNobody, kNobody) != 0) {
    return MakeError(ErrorKind::kUnavailable, "cannot hand {} over", folder_);
  }
  SLUICE_TRY(Run({Program("initdb"), "-D", folder_ + "/data", "-U", "postgres", "-A", "trust", "-N",
                  "--locale=C", "-E", options.encoding, "--no-instructions"},
                 folder_ + "/initdb.log"));
  if (!options.tls) return {};
  SLUICE_LET(port_, FreePort());
  return MakeCertificate();
}

Status ThrowawayPostgres::Launch(const ThrowawayOptions& options) {
  std::vector<std::string> command{Program("postgres"), "-D", folder_ + "/data"};
  for (const std::string& setting :
       {"unix_socket_directories=" + folder_, "port=" + std::to_string(port_),
        std::string(options.tls ? "listen_addresses=127.0.0.1" : "listen_addresses="),
        std::string(options.tls ? "ssl=on" : "ssl=off"), std::string("fsync=off"),
        std::string("wal_level=logical"), std::string("max_wal_senders=10"),
        std::string("max_replication_slots=10"), std::string("shared_buffers=32MB"),
        std::string("timezone=UTC")}) {
    command.insert(command.end(), {"-c", setting});
  }
  for (const std::string& setting : options.settings) {
    command.insert(command.end(), {"-c", setting});
  }
  SLUICE_LET(server_, Spawn(command, folder_ + "/server.log"));
  const auto deadline = std::chrono::steady_clock::now() + kStartDeadline;
  while (std::chrono::steady_clock::now() < deadline) {
    if (Answers(url())) return {};
    int status = 0;
    if (waitpid(server_, &status, WNOHANG) == server_) {
      server_ = -1;
      break;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return MakeError(ErrorKind::kUnavailable, "it does not answer, see {}/server.log", folder_);
}

ThrowawayPostgres::~ThrowawayPostgres() {
  if (server_ > 0) {
    kill(server_, SIGQUIT);
    waitpid(server_, nullptr, 0);
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
}

std::string ThrowawayPostgres::url(const std::string& database) const {
  return fmt::format("host={} port={} user=postgres dbname={}", folder_, port_, database);
}

std::string ThrowawayPostgres::tls_url() const {
  return fmt::format("host=127.0.0.1 port={} user=postgres dbname=postgres sslmode=require", port_);
}

}  // namespace sluice::postgres::testing
