#include "audit/last_audit.h"

#include <gtest/gtest.h>

#include "base/file_system_fake.h"

namespace sluice::audit {
namespace {

AuditReport Report(uint64_t cut, const std::string& table, uint64_t differences) {
  AuditReport out;
  TableReport one;
  one.cut = Lsn{cut};
  one.name = table;
  one.rows_source = 7;
  one.differences = differences;
  out.tables.push_back(one);
  return out;
}

class LastAuditTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(files_.CreateFolders("/state")); }
  FakeFileSystem files_;
};

TEST_F(LastAuditTest, KeepsTheNewestOfEveryTable) {
  ASSERT_TRUE(RecordAudit(files_, "/state", Report(10, "public.a", 0), 100, 1));
  ASSERT_TRUE(RecordAudit(files_, "/state", Report(20, "public.b", 3), 50, 2));
  ASSERT_TRUE(RecordAudit(files_, "/state", Report(30, "public.a", 1), 100, 3));
  const auto all = ReadLastAudits(files_, "/state");
  ASSERT_TRUE(all);
  ASSERT_EQ(all->size(), 2U);
  EXPECT_EQ(all->at("public.a").cut, Lsn{30});
  EXPECT_EQ(all->at("public.a").differences, 1U);
  EXPECT_EQ(all->at("public.b").sample_percent, 50);
  EXPECT_EQ(all->at("public.b").rows, 7U);
}

TEST_F(LastAuditTest, ATableThatWasNotComparedKeepsItsOlderOne) {
  ASSERT_TRUE(RecordAudit(files_, "/state", Report(10, "public.a", 0), 100, 1));
  AuditReport skipped = Report(20, "public.a", 0);
  skipped.tables[0].not_audited = "paused";
  ASSERT_TRUE(RecordAudit(files_, "/state", skipped, 100, 2));
  EXPECT_EQ(ReadLastAudits(files_, "/state")->at("public.a").cut, Lsn{10});
}

TEST_F(LastAuditTest, AFileOfAnotherVersionCountsAsNone) {
  ASSERT_TRUE(WriteFileAtomically(files_, "/state/audits.json", R"({"version": 2, "tables": 1})"));
  EXPECT_TRUE(ReadLastAudits(files_, "/state")->empty());
  ASSERT_TRUE(WriteFileAtomically(files_, "/state/audits.json", "no json"));
  EXPECT_TRUE(ReadLastAudits(files_, "/state")->empty());
}

}  // namespace
}  // namespace sluice::audit
