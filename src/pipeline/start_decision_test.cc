#include "pipeline/start_decision.h"

#include <gtest/gtest.h>

namespace sluice::pipeline {
namespace {

StartFindings Normal() {
  StartFindings found;
  found.slot_name = "sluice_shop";
  found.slot = StartFindings::Slot{Lsn{100}};
  found.bus = StartFindings::Bus{Lsn{50}, Lsn{120}};
  found.source_wal = Lsn{150};
  found.source = "7/1/shop";
  found.tables = {{"public.a", Lsn{110}, "7/1/shop"}, {"public.b", std::nullopt, ""}};
  return found;
}

TEST(StartDecision, FollowsWhatTheBusHoldsAndCopiesTheRest) {
  const StartDecision decision = DecideStart(Normal()).value();
  EXPECT_FALSE(decision.create_slot);
  EXPECT_FALSE(decision.set_bus_aside);
  EXPECT_EQ(decision.tables.at("public.a"), TableStart::kFollow);
  EXPECT_EQ(decision.tables.at("public.b"), TableStart::kCopy);
}

TEST(StartDecision, AFirstStartMakesASlot) {
  StartFindings found = Normal();
  found.slot.reset();
  found.bus.reset();
  found.tables = {{"public.a", std::nullopt, ""}};
  const StartDecision decision = DecideStart(found).value();
  EXPECT_TRUE(decision.create_slot);
  EXPECT_EQ(decision.tables.at("public.a"), TableStart::kCopy);
}

TEST(StartDecision, ALostBusIsAHoleForTablesThatNeededIt) {
  StartFindings found = Normal();
  found.bus.reset();
  found.tables.push_back({"public.c", Lsn{90}, "7/1/shop"});
  const StartDecision decision = DecideStart(found).value();
  EXPECT_EQ(decision.bus_start, Lsn{100});
  EXPECT_EQ(decision.tables.at("public.a"), TableStart::kFollow);
  EXPECT_EQ(decision.tables.at("public.c"), TableStart::kHole);
}

TEST(StartDecision, ABusOlderThanTheSlotIsSetAside) {
  StartFindings found = Normal();
  found.bus->last_cut = Lsn{99};
  found.tables = {{"public.a", Lsn{99}, "7/1/shop"}};
  const StartDecision decision = DecideStart(found).value();
  EXPECT_TRUE(decision.set_bus_aside);
  EXPECT_TRUE(decision.new_bus);
  EXPECT_EQ(decision.tables.at("public.a"), TableStart::kHole);
}

TEST(StartDecision, WhatWasNotPublishedCannotBeFollowed) {
  StartFindings found = Normal();
  for (StartFindings::Table& table : found.tables) table.published = false;
  const StartDecision decision = DecideStart(found).value();
  EXPECT_EQ(decision.tables.at("public.a"), TableStart::kUnpublished);
  EXPECT_EQ(decision.tables.at("public.b"), TableStart::kCopy);
}

TEST(StartDecision, AMissingPublicationIsRefusedOnceThereAreMarks) {
  StartFindings found = Normal();
  found.missing_publications = {"sluice_shop"};
  EXPECT_EQ(DecideStart(found).error().kind(), ErrorKind::kConfig);
  found.tables = {{"public.a", std::nullopt, ""}};
  EXPECT_EQ(DecideStart(found).value().tables.at("public.a"), TableStart::kCopy);
}

TEST(StartDecision, ATrimmedBusIsAHoleToo) {
  StartFindings found = Normal();
  found.bus->first = Lsn{111};
  EXPECT_EQ(DecideStart(found).value().tables.at("public.a"), TableStart::kHole);
}

TEST(StartDecision, StopsBeforeTheFirstByteWhenTheSourceIsNotOurs) {
  StartFindings found = Normal();
  found.source = "8/1/shop";
  EXPECT_EQ(DecideStart(found).error().kind(), ErrorKind::kConfig);
  found = Normal();
  found.slot.reset();
  EXPECT_NE(DecideStart(found).error().message().find("gone"), std::string::npos);
  found = Normal();
  found.slot->lost = true;
  EXPECT_NE(DecideStart(found).error().message().find("lost"), std::string::npos);
  found = Normal();
  found.source_wal = Lsn{115};
  EXPECT_NE(DecideStart(found).error().message().find("rolled back"), std::string::npos);
  found = Normal();
  found.slot->logical_pgoutput = false;
  EXPECT_NE(DecideStart(found).error().hint().find("slot"), std::string::npos);
}

}  // namespace
}  // namespace sluice::pipeline
