#include <gtest/gtest.h>

#include "postgres/preflight.h"

namespace sluice::postgres {
namespace {

using Outcome = CheckLine::Outcome;

TEST(PreflightRules, KnowsVersions) {
  EXPECT_EQ(CheckVersion(130020).outcome, Outcome::kFail);
  EXPECT_EQ(CheckVersion(140017).outcome, Outcome::kWarn);
  EXPECT_EQ(CheckVersion(150013).outcome, Outcome::kWarn);
  EXPECT_EQ(CheckVersion(150014).outcome, Outcome::kOk);
  EXPECT_EQ(CheckVersion(180000).outcome, Outcome::kOk);
  EXPECT_EQ(CheckVersion(190001).outcome, Outcome::kWarn);
}

TEST(PreflightRules, SeesUsAmongSynchronousStandbys) {
  for (const char* names : {"*", "FIRST 1 (a, sluice_shop)", "ANY 2 (\"Sluice_Shop\", b)",
                            "sluice_shop", "2 (x, *)", "\"*\""}) {
    EXPECT_TRUE(MatchesSynchronousStandby(names, "sluice_shop")) << names;
  }
  for (const char* names : {"", "a, b", "sluice_shop2", "FIRST 1 (sluice)", "\"a sluice_shop\""}) {
    EXPECT_FALSE(MatchesSynchronousStandby(names, "sluice_shop")) << names;
  }
}

TEST(PreflightRules, JudgesSlots) {
  SlotState ours;
  ours.plugin = "pgoutput";
  ours.database = "d";
  ours.wal_status = "reserved";
  EXPECT_EQ(CheckSlot("s", std::nullopt, "d").outcome, Outcome::kOk);
  EXPECT_EQ(CheckSlot("s", ours, "d").outcome, Outcome::kOk);
  EXPECT_EQ(CheckSlot("s", ours, "other").outcome, Outcome::kFail);
  SlotState lost = ours;
  lost.wal_status = "lost";
  EXPECT_EQ(CheckSlot("s", lost, "d").outcome, Outcome::kFail);
  SlotState foreign = ours;
  foreign.plugin = "test_decoding";
  EXPECT_EQ(CheckSlot("s", foreign, "d").outcome, Outcome::kFail);
  SlotState active = ours;
  active.active = true;
  active.active_pid = 42;
  EXPECT_NE(CheckSlot("s", active, "d").what.find("42"), std::string::npos);
}

TEST(PreflightRules, WantsProofOfTheServerOffLoopback) {
  EXPECT_EQ(CheckEncryption("/tmp", "prefer", false).outcome, Outcome::kOk);
  EXPECT_EQ(CheckEncryption("127.0.0.1", "prefer", false).outcome, Outcome::kOk);
  EXPECT_EQ(CheckEncryption("db.example", "prefer", false).outcome, Outcome::kWarn);
  EXPECT_EQ(CheckEncryption("db.example", "require", true).outcome, Outcome::kWarn);
  EXPECT_EQ(CheckEncryption("db.example", "verify-full", true).outcome, Outcome::kOk);
}

}  // namespace
}  // namespace sluice::postgres
