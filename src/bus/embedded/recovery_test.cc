// What a bus is after torn writes, flipped bits, failed syncs and lost power.
#include "bus/embedded/recovery.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "bus/embedded/bus_testing.h"

namespace sluice::bus {
namespace {

using namespace testing;  // NOLINT: the test world
using OpenedWriter = Result<std::unique_ptr<EmbeddedBusWriter>>;

const std::string kFirstSegment = "/srv/bus/p0/0000000000000032.seg";

OpenedWriter Open(FileSystem& files, const EmbeddedBusOptions& options = Options()) {
  static FakeClock clock;
  return EmbeddedBusWriter::Open(files, clock, options, 1, Lsn{50});
}

// Every value the bus hands out from its start; fails unless they are 1, 2, 3, ... up to the last
// durable cut, each under a schema that was handed out before.
int64_t ReadAllInOrder(FileSystem& files, const EmbeddedBusOptions& options) {
  const auto reader = OpenEmbeddedReader(files, options).value();
  const auto records = reader->Poll(0, SIZE_MAX);
  EXPECT_TRUE(records) << records.error().message();
  int64_t next = 1;
  uint32_t schema = 0;
  Lsn cut{50};
  for (const Record& record : *records) {
    if (const auto* known = std::get_if<TableSchema>(&record)) schema = known->version.value;
    if (const auto* closed = std::get_if<Cut>(&record)) cut = closed->lsn;
    const auto* batch = std::get_if<ChangeBatch>(&record);
    if (batch == nullptr) continue;
    EXPECT_EQ(batch->schema.value, schema);
    for (const int64_t value : Values(*batch)) EXPECT_EQ(value, next++);
  }
  EXPECT_TRUE(next == 1 || cut == LsnOf(next - 1)) << "a record that no cut closes was handed out";
  return next - 1;
}

class RecoveryTest : public ::testing::Test {
 protected:
  // Three transactions, each a batch and a cut; then one that no cut closes.
  RecoveryTest() {
    auto writer = Open(files_).value();
    EXPECT_TRUE(writer->Append(0, Schema(1)));
    for (int64_t i = 1; i <= 3; ++i) {
      EXPECT_TRUE(writer->Append(0, Batch(i)));
      EXPECT_TRUE(writer->AppendCut(CutAt(i)));
      ends_.push_back(files_.Content(kFirstSegment).size());
    }
    EXPECT_TRUE(writer->Append(0, Batch(4)));
    writer.reset();
    content_ = files_.Content(kFirstSegment);
  }

  // Opening finds the cut of transaction `last`, and the bus goes on from there.
  void ExpectRecovers(const std::string& content, int64_t last, const std::string& what) {
    files_.SetContent(kFirstSegment, content);
    auto writer = Open(files_);
    ASSERT_TRUE(writer) << what << ": " << writer.error().message();
    EXPECT_EQ((*writer)->DurableCut().value(), CutAt(last)) << what;
    ASSERT_TRUE((*writer)->Append(0, Batch(last + 1)));
    ASSERT_TRUE((*writer)->AppendCut(CutAt(last + 1)));
    EXPECT_EQ(ReadAllInOrder(files_, Options()), last + 1) << what;
  }

  FakeFileSystem files_;
  std::string content_;
  std::vector<size_t> ends_;  // of each transaction's cut and its proof
};

TEST_F(RecoveryTest, ATornTailIsCutAtEveryByte) {
  for (size_t size = ends_[1]; size <= content_.size(); ++size) {
    const int64_t last = size + 40 >= ends_[2] ? 3 : 2;  // 40: the cut counts without its proof
    ExpectRecovers(content_.substr(0, size), last, fmt::format("cut at {}", size));
  }
}

TEST_F(RecoveryTest, ATailOfZerosOrNoiseIsCut) {
  std::mt19937_64 random(1);
  for (size_t size = ends_[2]; size <= content_.size(); size += 3) {
    std::string zeros = content_.substr(0, size) + std::string(5000, '\0');
    ExpectRecovers(zeros, 3, fmt::format("zeros from {}", size));
    std::string noise = content_.substr(0, size);
    for (int i = 0; i < 300; ++i) noise += static_cast<char>(random());
    ExpectRecovers(noise, 3, fmt::format("noise from {}", size));
  }
}

TEST_F(RecoveryTest, AFlippedBitBeforeTheLastProofIsDamageWithItsPlace) {
  size_t refused = 0;
  for (size_t at = 0; at < ends_[1]; ++at) {
    std::string content = content_;
    content[at] = static_cast<char>(content[at] ^ 0x10);
    files_.SetContent(kFirstSegment, content);
    const auto writer = Open(files_);
    if (writer) {
      ASSERT_EQ((*writer)->DurableCut().value(), CutAt(3)) << "byte " << at;
      continue;  // a byte between records, which says nothing
    }
    ++refused;
    // The header's version is a matter of configuration.
    const bool version = at >= 8 && at < 12;
    ASSERT_EQ(writer.error().kind(), version ? ErrorKind::kConfig : ErrorKind::kCorrupt) << at;
    EXPECT_NE(writer.error().message().find(kFirstSegment), std::string::npos);
    EXPECT_EQ(files_.Content(kFirstSegment), content) << "evidence was touched, byte " << at;
  }
  EXPECT_GT(refused, ends_[1] * 9 / 10);
}

TEST_F(RecoveryTest, DamageTellsTheRangeItCosts) {
  std::string content = content_;
  content[ends_[0] + 100] = static_cast<char>(content[ends_[0] + 100] ^ 1);
  files_.SetContent(kFirstSegment, content);
  const auto writer = Open(files_);
  ASSERT_FALSE(writer);
  const std::string want = fmt::format("byte {}: changes above 0/64 up to 0/C8", ends_[0]);
  EXPECT_NE(writer.error().message().find(want), std::string::npos) << writer.error().message();
  EXPECT_FALSE(writer.error().hint().empty());

  const auto reader = OpenEmbeddedReader(files_, Options()).value();
  ASSERT_TRUE(reader->Seek(0, Lsn{51}));
  EXPECT_THAT(Describe(reader->Poll(0, SIZE_MAX).value()),
              ::testing::ElementsAre("schema 1", "batch 1", "cut 100"));
  for (int i = 0; i < 2; ++i) {
    const auto rest = reader->Poll(0, SIZE_MAX);
    ASSERT_FALSE(rest);
    EXPECT_EQ(rest.error().kind(), ErrorKind::kCorrupt);
  }
}

TEST_F(RecoveryTest, AFlippedBitInTheUnclosedTailIsForgotten) {
  for (size_t at = ends_[2]; at < content_.size(); ++at) {
    std::string content = content_;
    content[at] = static_cast<char>(content[at] ^ 0x10);
    ExpectRecovers(content, 3, fmt::format("byte {}", at));
  }
}

TEST_F(RecoveryTest, AMissingSegmentIsDamage) {
  EmbeddedBusOptions options = Options();
  options.segment_bytes = 1;
  auto writer = Open(files_, options).value();
  for (int64_t i = 4; i <= 8; ++i) {
    ASSERT_TRUE(writer->Append(0, Batch(i)));
    ASSERT_TRUE(writer->AppendCut(CutAt(i)));
  }
  writer.reset();
  ASSERT_TRUE(files_.Remove("/srv/bus/p0/0000000000000258.seg"));  // 600
  EXPECT_EQ(Open(files_, options).error().kind(), ErrorKind::kCorrupt);
}

// The kernel shows bytes of a failed sync as if they were written, and syncs again with success.
TEST(RecoveryOfFailedSync, TheWriterStopsAndOpeningMakesTheTailDurableForReal) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    FakeFileSystem files;
    auto writer = Open(files).value();
    ASSERT_TRUE(writer->Append(0, Schema(1)));
    ASSERT_TRUE(writer->Append(0, Batch(1)));
    files.FailAt(files.operation_count() + 1, Fault::kIo);
    EXPECT_EQ(writer->AppendCut(CutAt(1)).error().kind(), ErrorKind::kUnavailable);
    EXPECT_EQ(writer->DurableCut().value().lsn, Lsn{50});
    EXPECT_EQ(writer->AppendCut(CutAt(1)).error().kind(), ErrorKind::kUnavailable);
    EXPECT_EQ(writer->Append(0, Batch(2)).error().kind(), ErrorKind::kUnavailable);
    writer.reset();
    const Cut cut = Open(files).value()->DurableCut().value();
    files.Crash(seed);
    EXPECT_EQ(Open(files).value()->DurableCut().value(), cut);
    EXPECT_EQ(ReadAllInOrder(files, Options()), cut == CutAt(1) ? 1 : 0);
  }
}

// A capture that appends transactions one after the other, a cut after every second, and knows of
// nothing but the bus and what the bus confirmed.
class World {
 public:
  World() { options_.segment_bytes = 3000; }

  FakeFileSystem files;

  // Goes on from the last durable cut until `last` is in or something fails.
  void Run(int64_t last) {
    auto writer = Open(files, options_);
    if (!writer) {
      EXPECT_TRUE(writer.error().kind() == ErrorKind::kUnavailable ||
                  writer.error().kind() == ErrorKind::kExhausted)
          << writer.error().message();
      return;
    }
    auto cut = (*writer)->DurableCut();
    EXPECT_GE(cut->lsn, confirmed_) << "a confirmed cut is gone";
    confirmed_ = std::max(confirmed_, cut->lsn);
    auto reader = OpenEmbeddedReader(files, options_);
    for (auto i = static_cast<int64_t>(cut->lsn.value / 100 + 1); i <= last; ++i) {
      if (!Transaction(**writer, i)) return;
      if (reader) Follow(**reader);
    }
  }

  void Verify() {
    const auto writer = Open(files, options_);
    ASSERT_TRUE(writer) << writer.error().message();
    EXPECT_GE((*writer)->DurableCut()->lsn, confirmed_) << "a confirmed cut is gone";
    const int64_t count = ReadAllInOrder(files, options_);
    EXPECT_EQ(std::max(LsnOf(count), Lsn{50}), (*writer)->DurableCut()->lsn);
  }

 private:
  bool Transaction(BusWriter& writer, int64_t i) {
    if (i == 1 && !writer.Append(0, Schema(1))) return false;
    if (i == 7 && !writer.Append(0, Schema(2))) return false;
    if (!writer.Append(0, Batch(i, i, i < 7 ? 1 : 2))) return false;
    if (i % 2 == 1) return true;
    if (!writer.AppendCut(CutAt(i))) return false;
    confirmed_ = writer.DurableCut()->lsn;
    return true;
  }

  // What a reader saw may never be taken back.
  void Follow(BusReader& reader) {
    const auto records = reader.Poll(0, SIZE_MAX);
    if (!records) return;
    for (const Record& record : *records) {
      if (const auto* cut = std::get_if<Cut>(&record)) {
        EXPECT_LE(cut->lsn, confirmed_) << "a reader saw a cut before it was durable";
      }
    }
  }

  EmbeddedBusOptions options_ = Options();
  Lsn confirmed_{50};
};

uint64_t OperationsOfAWholeRun() {
  World world;
  world.Run(14);
  world.Verify();
  return world.files.operation_count();
}

TEST(RecoveryOfLostPower, AtEveryOperationNothingConfirmedIsLostAndNothingElseCounts) {
  const uint64_t operations = OperationsOfAWholeRun();
  ASSERT_GT(operations, 80U);
  for (uint64_t stop = 0; stop < operations; ++stop) {
    for (uint64_t seed = 0; seed < 4; ++seed) {
      SCOPED_TRACE(fmt::format("power lost at operation {}, seed {}", stop, seed));
      World world;
      world.files.StopAt(stop);
      world.Run(14);
      world.files.Crash(seed);
      world.Run(14);
      world.Verify();
      ASSERT_FALSE(::testing::Test::HasFailure());
    }
  }
}

TEST(RecoveryOfLostPower, AgainAndAgain) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    std::mt19937_64 random(seed);
    World world;
    for (int life = 0; life < 8; ++life) {
      world.files.StopAt(world.files.operation_count() + random() % 30);
      world.Run(40);
      if (random() % 4 == 0) {
        world.files.KillProcess();
      } else {
        world.files.Crash(random());
      }
    }
    world.Verify();
    ASSERT_FALSE(::testing::Test::HasFailure());
  }
}

TEST(RecoveryOfLostPower, AfterAFaultAtEveryOperation) {
  const uint64_t operations = OperationsOfAWholeRun();
  for (const Fault fault : {Fault::kIo, Fault::kNoSpace, Fault::kShortWrite}) {
    for (uint64_t at = 0; at < operations; ++at) {
      SCOPED_TRACE(fmt::format("fault {} at operation {}", static_cast<int>(fault), at));
      World world;
      world.files.FailAt(at, fault);
      world.Run(14);
      world.Run(14);
      world.files.Crash(at);
      world.Verify();
      ASSERT_FALSE(::testing::Test::HasFailure());
    }
  }
}

}  // namespace
}  // namespace sluice::bus
