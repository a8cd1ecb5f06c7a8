#include "postgres/connection_string.h"

#include <gtest/gtest.h>

#include <map>

namespace sluice::postgres {
namespace {

std::map<std::string, std::string> Keywords(const ConnectionOptions& options) {
  const auto keywords = ConnectionKeywords(options);
  EXPECT_TRUE(keywords.has_value());
  return {keywords->begin(), keywords->end()};
}

TEST(ConnectionString, LosslessSettingsComeAfterTheUsersOwn) {
  ConnectionOptions options;
  options.url = "postgres://u@h/d?options=-c%20DateStyle%3DGerman";
  const std::string settings = Keywords(options).at("options");
  EXPECT_LT(settings.find("DateStyle=German"), settings.find("DateStyle=ISO"));
}

// keepalives_idle + keepalives_count * keepalives_interval, and bytes that nobody acknowledges.
TEST(ConnectionString, ADeadPeerIsNoticedWithinAMinuteUnlessTheUserWantsOtherwise) {
  ConnectionOptions options;
  options.url = "host=h keepalives_idle=600";
  const auto keywords = *ConnectionKeywords(options);
  std::map<std::string, size_t> places;
  for (size_t i = 0; i < keywords.size(); ++i) places[keywords[i].first] = i;
  const std::map<std::string, std::string> values(keywords.begin(), keywords.end());
  EXPECT_LE(
      std::stoi(values.at("keepalives_idle")) +
          std::stoi(values.at("keepalives_count")) * std::stoi(values.at("keepalives_interval")),
      60);
  EXPECT_EQ(values.at("tcp_user_timeout"), "60000");
  // Of two words for one thing libpq takes the later one.
  EXPECT_LT(places.at("keepalives_idle"), places.at("dbname"));
}

TEST(ConnectionString, TheUserMayTuneTheWalsender) {
  ConnectionOptions options;
  options.url = "host=h options='-c logical_decoding_work_mem=64kB'";
  options.replication = true;
  const auto keywords = Keywords(options);
  EXPECT_EQ(keywords.at("replication"), "database");
  const std::string& settings = keywords.at("options");
  EXPECT_LT(settings.find("logical_decoding_work_mem=256MB"),
            settings.find("logical_decoding_work_mem=64kB"));
}

TEST(ConnectionString, NeverEchoesABrokenUrl) {
  for (const char* url : {"postgres://u:sec%zzret@h/d", "postgres://u:se@cret@h/d",
                          "sslmode secret", "postgres://u:secret@[h/d"}) {
    ConnectionOptions options;
    options.url = url;
    const auto keywords = ConnectionKeywords(options);
    ASSERT_FALSE(keywords.has_value()) << url;
    EXPECT_EQ(keywords.error().kind(), ErrorKind::kConfig);
    EXPECT_EQ(keywords.error().message().find("cret"), std::string::npos);
    EXPECT_EQ(keywords.error().hint().find("cret"), std::string::npos);
  }
}

TEST(ConnectionString, QuotesLiteralsAndIdentifiers) {
  EXPECT_EQ(QuoteLiteral("it's"), "'it''s'");
  EXPECT_EQ(QuoteLiteral("a\\b"), " E'a\\\\b'");
  EXPECT_EQ(SqlIdentifier("Odd \"Name\""), "\"Odd \"\"Name\"\"\"");
  EXPECT_EQ(SqlIdentifier("order", "user"), "\"order\".\"user\"");
}

}  // namespace
}  // namespace sluice::postgres
