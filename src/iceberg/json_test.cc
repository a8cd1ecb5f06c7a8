#include "iceberg/json.h"

#include <gtest/gtest.h>

namespace sluice::iceberg {
namespace {

TEST(ParseJson, RefusesWhatIsNotJsonOrTooDeep) {
  for (const std::string& text :
       {std::string(), std::string("{"), std::string("{}x"), std::string("\"\xff\""),
        std::string(100'000, '['), std::string(101, '[') + std::string(101, ']')}) {
    const auto json = ParseJson(text);
    ASSERT_FALSE(json) << text.substr(0, 20);
    EXPECT_EQ(json.error().kind(), ErrorKind::kCorrupt);
  }
  EXPECT_TRUE(ParseJson(std::string(100, '[') + std::string(100, ']')));
  EXPECT_TRUE(ParseJson('"' + std::string(200, '[') + '"')) << "brackets in a string do not count";
  EXPECT_TRUE(ParseJson(R"("\"[")"));
}

TEST(ObjectReader, ReadsMembersAndTakesNullForAbsent) {
  const Json json = {{"long", INT64_MAX}, {"int", -1},         {"text", "x"},         {"yes", true},
                     {"null", nullptr},   {"ints", {1, 2, 3}}, {"object", {{"a", 1}}}};
  ObjectReader reader(json, "thing");
  EXPECT_EQ(reader.Long("long"), INT64_MAX);
  EXPECT_EQ(reader.Int("int"), -1);
  EXPECT_EQ(reader.String("text"), "x");
  EXPECT_TRUE(reader.Bool("yes"));
  EXPECT_FALSE(reader.Has("null"));
  EXPECT_EQ(reader.LongIf("null"), std::nullopt);
  EXPECT_EQ(reader.IntIf("absent"), std::nullopt);
  EXPECT_EQ(reader.StringIf("absent"), "");
  EXPECT_EQ(reader.IntsIf("ints"), (std::vector<int>{1, 2, 3}));
  EXPECT_EQ(reader.Object("object").size(), 1U);
  EXPECT_TRUE(reader.ArrayIf("absent").empty());
  EXPECT_TRUE(reader.status());
}

TEST(ObjectReader, NamesTheFirstMemberThatIsWrong) {
  const Json json = {{"text", 1}, {"big", 3'000'000'000}, {"huge", UINT64_MAX}, {"real", 1.0}};
  const auto failure = [&](auto read) {
    ObjectReader reader(json, "thing");
    read(reader);
    const Status status = reader.status();
    return status ? std::string() : status.error().message();
  };
  EXPECT_EQ(failure([](auto& r) { r.String("text"); }), "thing: 'text' is not a string");
  EXPECT_EQ(failure([](auto& r) { r.Int("big"); }), "thing: 'big' is not a 32-bit integer");
  EXPECT_EQ(failure([](auto& r) { r.Long("huge"); }), "thing: 'huge' is not a 64-bit integer");
  EXPECT_EQ(failure([](auto& r) { r.Long("real"); }), "thing: 'real' is not a 64-bit integer");
  EXPECT_EQ(failure([](auto& r) { r.Array("none"); }), "thing: 'none' is not there");
  ObjectReader of_a_list(Json::array(), "thing");
  EXPECT_EQ(of_a_list.status().error().message(), "thing is not an object");
}

}  // namespace
}  // namespace sluice::iceberg
