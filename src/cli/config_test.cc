#include "cli/config.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace sluice::cli {
namespace {

constexpr char kMinimal[] = "pipeline: shop\nsource: { url: 'postgres://u:geheim@h/d' }\n";

Result<Config> Parse(const std::string& text) { return ParseConfig(text, "/etc/shop/sluice.yaml"); }

Error Refused(const std::string& text) {
  auto config = Parse(text);
  EXPECT_FALSE(config) << text;
  return config ? Error(ErrorKind::kInternal, "accepted") : config.error();
}

TEST(Config, AMinimalFileHasDefaultsAndPathsBesideIt) {
  const Config config = Parse(kMinimal).value();
  EXPECT_EQ(config.options.slot, "sluice_shop");
  EXPECT_EQ(config.options.warehouse, "file:///etc/shop/lake");
  EXPECT_EQ(config.options.catalog_path, "/etc/shop/lake/catalog.db");
  EXPECT_EQ(config.options.bus.folder, "/etc/shop/bus");
  EXPECT_EQ(config.options.defaults.freshness_us, 10'000'000);
}

TEST(Config, SecretsAreMasked) {
  setenv("SLUICE_TEST_PASSWORD", "geheim", 1);
  const Config config =
      Parse(
          "pipeline: shop\nsource: { url: 'postgres://u:geheim@h/d?password=geheim', "
          "password: '${SLUICE_TEST_PASSWORD}' }\n")
          .value();
  EXPECT_EQ(config.options.source.password, "geheim");
  for (const Setting& setting : config.settings) {
    EXPECT_EQ(setting.value.find("geheim"), std::string::npos) << setting.key;
  }
  EXPECT_EQ(MaskPassword("host=h password='a b' user=u"), "host=h password=*** user=u");
}

TEST(Config, TablesInheritDefaultsAndOverrideThem) {
  const Config config = Parse(std::string(kMinimal) +
                              "defaults: { freshness: 2s }\n"
                              "tables:\n"
                              "  - exclude: public.audit_*\n"
                              "  - include: public.*\n"
                              "    freshness: 250ms\n"
                              "    columns: { exclude: [blob], types: { amount: string } }\n"
                              "  - include: other.*\n")
                            .value();
  ASSERT_EQ(config.options.rules.size(), 3U);
  EXPECT_FALSE(config.options.rules[0].include);
  EXPECT_EQ(config.options.rules[1].options.freshness_us, 250'000);
  EXPECT_EQ(config.options.rules[1].options.columns.excluded.count("blob"), 1U);
  EXPECT_EQ(config.options.rules[2].options.freshness_us, 2'000'000);
}

TEST(Config, ATypoNamesTheNearestKeyAndTheLine) {
  const Error error = Refused(std::string(kMinimal) + "bus:\n  retenton: 3h\n");
  EXPECT_NE(error.message().find("line 4"), std::string::npos) << error.message();
  EXPECT_NE(error.hint().find("bus.retention"), std::string::npos) << error.hint();
}

TEST(Config, WhatThisVersionDoesNotHaveIsRefusedByName) {
  for (const char* text : {"defaults: { format_version: 3 }", "defaults: { mode: history }",
                           "defaults: { metadata_columns: true }", "bus: { type: kafka }",
                           "lake: { warehouse: 's3://b/p' }", "lake: { catalog: { type: rest } }",
                           "tables: [ { include: a.b, partition_by: [x] } ]"}) {
    EXPECT_NE(Refused(std::string(kMinimal) + text).message().find("this version"),
              std::string::npos)
        << text;
  }
}

TEST(Config, ContradictionsAndNonsenseAreRefused) {
  for (const char* text :
       {"bus: { path: ./state/bus }", "memory: 1MiB", "memory: lots", "copy: { workers: 0 }",
        "tables: [ { include: a.b, exclude: c.d } ]", "tables: [ {} ]", "tables: nonsense",
        "defaults: { freshness: 10 }", "source: 1", "x: [",
        "tables: [{include: a.b, columns: "
        "{types: {c: varchar}}}]"}) {
    EXPECT_EQ(Refused(std::string(kMinimal) + text).kind(), ErrorKind::kConfig) << text;
  }
  EXPECT_EQ(Refused("pipeline: Shop\nsource: { url: x }").kind(), ErrorKind::kConfig);
  EXPECT_EQ(Refused("pipeline: shop\n").kind(), ErrorKind::kConfig);
  EXPECT_EQ(Refused("pipeline: shop\nsource: { url: '${SLUICE_NO_SUCH}' }").kind(),
            ErrorKind::kConfig);
}

TEST(Config, ReadsUnits) {
  EXPECT_EQ(ParseDuration("250ms").value(), 250'000);
  EXPECT_EQ(ParseDuration("3d").value(), 259'200'000'000);
  EXPECT_EQ(ParseSize("512MiB").value(), 536'870'912U);
  EXPECT_EQ(ParseSize("1GB").value(), 1'000'000'000U);
  for (const char* text : {"", "s", "10", "-1s", "10 s", "99999999999999999d"}) {
    EXPECT_FALSE(ParseDuration(text)) << text;
  }
}

}  // namespace
}  // namespace sluice::cli
