#include "postgres/sql_error.h"

#include <gtest/gtest.h>

namespace sluice::postgres {
namespace {

TEST(SqlError, TurnsStatesIntoDecisions) {
  const std::pair<const char*, ErrorKind> expected[] = {
      {"28P01", ErrorKind::kConfig},      {"28000", ErrorKind::kConfig},
      {"3D000", ErrorKind::kConfig},      {"42501", ErrorKind::kConfig},
      {"42704", ErrorKind::kConfig},      {"55000", ErrorKind::kConfig},
      {"57P01", ErrorKind::kUnavailable}, {"57P03", ErrorKind::kUnavailable},
      {"53300", ErrorKind::kUnavailable}, {"08006", ErrorKind::kUnavailable},
      {"55006", ErrorKind::kUnavailable}, {"40001", ErrorKind::kUnavailable},
      {"53400", ErrorKind::kExhausted},   {"53100", ErrorKind::kExhausted},
      {"XX001", ErrorKind::kCorrupt},     {"42601", ErrorKind::kInternal}};
  for (const auto& [state, kind] : expected) {
    const Error error = SqlError(state, "words");
    EXPECT_EQ(error.kind(), kind) << state;
    EXPECT_EQ(error.code(), state);
  }
}

TEST(SqlError, LeavesOutWordsThatQuoteValues) {
  EXPECT_EQ(SqlError("22P02", "invalid input syntax for type integer: \"secret\"")
                .message()
                .find("secret"),
            std::string::npos);
}

TEST(SqlError, FindsTheServersStateInAConnectionMessage) {
  const Error error = ConnectError(
      "connection to server at \"h\" (10.0.0.1), port 5432 failed: FATAL:  28P01: password "
      "authentication failed for user \"u\"\nLOCATION:  auth_failed, auth.c:338\n");
  EXPECT_EQ(error.kind(), ErrorKind::kConfig);
  EXPECT_EQ(error.code(), "28P01");
  EXPECT_EQ(error.message(), "password authentication failed for user \"u\" (SQLSTATE 28P01)");
  EXPECT_FALSE(error.hint().empty());
}

TEST(SqlError, ExplainsWhatNeverReachedAServer) {
  const Error refused = ConnectError(
      "connection to server at \"h\", port 1 failed: Connection refused\n\tIs the server running?");
  EXPECT_EQ(refused.kind(), ErrorKind::kUnavailable);
  EXPECT_FALSE(refused.hint().empty());
  EXPECT_EQ(ConnectError("fe_sendauth: no password supplied").kind(), ErrorKind::kConfig);
}

}  // namespace
}  // namespace sluice::postgres
