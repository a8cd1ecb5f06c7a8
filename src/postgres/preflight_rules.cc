// The parts of preflight that only decide.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "postgres/preflight.h"

namespace sluice::postgres {

namespace {

using Outcome = CheckLine::Outcome;

constexpr int kOldestMajor = 14;
constexpr int kNewestMajor = 18;

// Releases before these lose changes of transactions that span an ALTER PUBLICATION; these exact
// ones can fail with "invalid memory alloc request size" (release notes of May and August 2025).
struct Minor {
  int major;
  int minor;
};
constexpr std::array kMended = std::to_array<Minor>({{14, 18}, {15, 13}, {16, 9}, {17, 5}});

bool IsLoopback(const std::string& host) {
  return host.empty() || host.starts_with('/') || host.starts_with('@') || host == "localhost" ||
         host == "::1" || host.starts_with("127.");
}

bool IsWord(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '$' ||
         static_cast<unsigned char>(c) >= 0x80;
}

std::string Lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

}  // namespace

CheckLine CheckVersion(int server_version) {
  const int major = server_version / 10000;
  const int minor = server_version % 10000;
  const std::string what = fmt::format("Postgres {}.{}", major, minor);
  if (major < kOldestMajor) {
    return {Outcome::kFail, "version", what + " cannot stream transactions in progress",
            fmt::format("upgrade to {} or later", kOldestMajor)};
  }
  if (major > kNewestMajor) {
    return {Outcome::kWarn, "version", what + " is newer than any we know",
            fmt::format("versions {} to {} are accepted", kOldestMajor, kNewestMajor)};
  }
  for (const Minor& mended : kMended) {
    if (major != mended.major || minor > mended.minor) continue;
    const std::string_view fault =
        minor < mended.minor ? " loses changes of transactions open while a table is added"
                             : " can fail with \"invalid memory alloc request size\"";
    return {Outcome::kWarn, "version", what + std::string(fault),
            fmt::format("upgrade to {}.{} or later", major, mended.minor + 1)};
  }
  return {Outcome::kOk, "version", what, ""};
}

// The list's grammar is FIRST n (a, b), ANY n (a, b), n (a, b), or a, b; names compare without
// case, `*` is everyone (syncrep.c, SyncRepGetStandbyPriority).
bool MatchesSynchronousStandby(const std::string& synchronous_standby_names,
                               const std::string& application_name) {
  const std::string wanted = Lower(application_name);
  const std::string& text = synchronous_standby_names;
  for (size_t i = 0; i < text.size();) {
    if (text[i] == '*') return true;
    std::string name;
    if (text[i] == '"') {
      for (++i; i < text.size() && text[i] != '"'; ++i) name += text[i];
      ++i;
      if (name == "*") return true;
    } else if (IsWord(text[i])) {
      while (i < text.size() && IsWord(text[i])) name += text[i++];
    } else {
      ++i;
    }
    if (!name.empty() && Lower(name) == wanted) return true;
  }
  return false;
}

CheckLine CheckSlot(const std::string& slot, const std::optional<SlotState>& state,
                    const std::string& database) {
  const std::string drop = fmt::format("SELECT pg_drop_replication_slot({})", QuoteLiteral(slot));
  if (!state) return {Outcome::kOk, "slot", fmt::format("{} does not exist yet", slot), ""};
  if (state->plugin != "pgoutput") {
    return {Outcome::kFail, "slot",
            fmt::format("{} belongs to {}", slot,
                        state->plugin.empty() ? "a physical standby" : state->plugin),
            "configure another name under source.slot"};
  }
  if (state->database != database) {
    return {Outcome::kFail, "slot", fmt::format("{} is of database {}", slot, state->database),
            "configure another name under source.slot"};
  }
  if (state->wal_status == "lost") {
    const std::string why =
        state->invalidation_reason.empty() ? "" : " (" + state->invalidation_reason + ")";
    return {Outcome::kFail, "slot", fmt::format("{} has lost the WAL it needs{}", slot, why),
            drop + ", then `sluice tables resync`"};
  }
  if (state->active) {
    return {Outcome::kWarn, "slot", fmt::format("{} is read by pid {}", slot, state->active_pid),
            "fine if this is our own `run`; else two readers would take changes from each other"};
  }
  if (state->wal_status == "unreserved") {
    return {Outcome::kWarn, "slot",
            fmt::format("{} is about to lose WAL: {} bytes behind", slot, state->retained_bytes),
            "run `sluice run` now, or raise max_slot_wal_keep_size"};
  }
  return {Outcome::kOk, "slot",
          fmt::format("{} stands at {}, {} bytes of WAL kept", slot, ToString(state->confirmed_lsn),
                      state->retained_bytes),
          ""};
}

CheckLine CheckEncryption(const std::string& host, const std::string& sslmode, bool encrypted) {
  if (IsLoopback(host)) return {Outcome::kOk, "encryption", "local connection", ""};
  constexpr std::string_view kMend = "add sslmode=verify-full (and sslrootcert) to source.url";
  if (!encrypted) {
    return {Outcome::kWarn, "encryption",
            fmt::format("rows cross the network to {} in clear", host), std::string(kMend)};
  }
  if (sslmode != "verify-full") {
    return {Outcome::kWarn, "encryption",
            fmt::format("TLS, but sslmode={} does not prove who {} is", sslmode, host),
            std::string(kMend)};
  }
  return {Outcome::kOk, "encryption", "TLS, server verified", ""};
}

}  // namespace sluice::postgres
