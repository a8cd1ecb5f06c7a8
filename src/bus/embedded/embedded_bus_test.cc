#include "bus/embedded/embedded_bus.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "bus/embedded/bus_testing.h"

namespace sluice::bus {
namespace {

using ::testing::ElementsAre;
using namespace testing;  // NOLINT: the test world

class EmbeddedBusTest : public ::testing::Test {
 protected:
  std::unique_ptr<EmbeddedBusWriter> Open(uint64_t epoch = 1, Lsn start = {50}) {
    auto writer = EmbeddedBusWriter::Open(files_, clock_, options_, epoch, start);
    EXPECT_TRUE(writer) << writer.error().message();
    return std::move(*writer);
  }
  std::unique_ptr<BusReader> Reader(Lsn after = {0}) {
    auto reader = OpenEmbeddedReader(files_, options_).value();
    EXPECT_TRUE(reader->Seek(0, after));
    return reader;
  }
  std::vector<std::string> Rest(BusReader& reader) {
    return Describe(reader.Poll(0, SIZE_MAX).value());
  }
  // Transactions `from` to `to`, each a batch and a cut.
  void Write(BusWriter& writer, int64_t from, int64_t to) {
    for (int64_t i = from; i <= to; ++i) {
      ASSERT_TRUE(writer.Append(0, Batch(i)));
      ASSERT_TRUE(writer.AppendCut(CutAt(i)));
      clock_.Advance(1'000'000);
    }
  }

  FakeFileSystem files_;
  FakeClock clock_;
  EmbeddedBusOptions options_ = Options();
};

TEST_F(EmbeddedBusTest, WhatIsAppendedIsReadInOrderOnceACutClosesIt) {
  const auto writer = Open();
  const auto reader = Reader();
  EXPECT_THAT(Rest(*reader), ElementsAre("resume 1 after 50"));
  ASSERT_TRUE(writer->Append(0, Schema(1)));
  ASSERT_TRUE(writer->Append(0, Batch(1)));
  ASSERT_TRUE(writer->Append(0, Batch(2, 3)));
  EXPECT_THAT(Rest(*reader), ElementsAre()) << "no cut yet";
  EXPECT_EQ(writer->DurableCut().value(), (Cut{.lsn = {50}, .time_us = 0}));
  ASSERT_TRUE(writer->AppendCut(CutAt(3)));
  EXPECT_EQ(writer->DurableCut().value(), CutAt(3));
  EXPECT_THAT(Rest(*reader), ElementsAre("schema 1", "batch 1", "batch 2 3", "cut 300"));
  EXPECT_THAT(Rest(*reader), ElementsAre()) << "each record once";
}

TEST_F(EmbeddedBusTest, ACutThatIsNotSyncedIsSeenByNobody) {
  const auto writer = Open();
  const auto reader = Reader(Lsn{51});
  ASSERT_TRUE(writer->Append(0, Batch(1)));
  std::vector<std::string> seen = {"not asked"};
  const uint64_t sync = files_.operation_count() + 1;
  files_.SetHook([&](uint64_t operation) {
    if (operation == sync) seen = Rest(*reader);
  });
  ASSERT_TRUE(writer->AppendCut(CutAt(1)));
  EXPECT_THAT(seen, ElementsAre());
  EXPECT_THAT(Rest(*reader), ElementsAre("batch 1", "cut 100"));
}

TEST_F(EmbeddedBusTest, AReaderStartsAboveAnyLsn) {
  const auto writer = Open();
  ASSERT_TRUE(writer->Append(0, Schema(1)));
  ASSERT_TRUE(writer->Append(0, Batch(1)));
  ASSERT_TRUE(writer->AppendCut(CutAt(1)));
  ASSERT_TRUE(writer->Append(0, Batch(2)));
  ASSERT_TRUE(writer->Append(0, Batch(3, 4)));
  ASSERT_TRUE(writer->AppendCut(CutAt(4)));
  EXPECT_THAT(Rest(*Reader(LsnOf(1))), ElementsAre("schema 1", "batch 2", "batch 3 4", "cut 400"));
  EXPECT_THAT(Rest(*Reader(LsnOf(3))), ElementsAre("schema 1", "batch 3 4", "cut 400"));
  EXPECT_THAT(Rest(*Reader(LsnOf(4))), ElementsAre("schema 1"));
  EXPECT_THAT(Rest(*Reader(LsnOf(9))), ElementsAre("schema 1"));
}

TEST_F(EmbeddedBusTest, AStopIsReadWithItsWordsAndAgainFromTheCutBefore) {
  const auto writer = Open();
  Write(*writer, 1, 1);
  ASSERT_TRUE(writer->Append(0, TableStop{kTable, "column \xFF changed", "resync it"}));
  ASSERT_TRUE(writer->AppendCut(CutAt(1))) << "a stop is news, although no LSN moved";
  Write(*writer, 2, 2);
  const std::string stop = "stop 7: column \xEF\xBF\xBD changed; resync it";
  EXPECT_THAT(Rest(*Reader(Lsn{51})),
              ElementsAre("batch 1", "cut 100", stop, "cut 100", "batch 2", "cut 200"));
  EXPECT_THAT(Rest(*Reader(LsnOf(1))), ElementsAre(stop, "batch 2", "cut 200"));
  EXPECT_THAT(Rest(*Reader(LsnOf(2))), ElementsAre());
}

TEST_F(EmbeddedBusTest, ASchemaWhoseNamesAreNotUtf8IsRefused) {
  const auto writer = Open();
  TableSchema schema = Schema(1);
  schema.columns[0].name = "caf\xE9";
  EXPECT_EQ(writer->Append(0, schema).error().kind(), ErrorKind::kUnsupported);
  Write(*writer, 1, 1);
}

TEST_F(EmbeddedBusTest, PollTakesAboutTheBytesItIsGivenAndALargeBatchAlone) {
  const auto writer = Open();
  ASSERT_TRUE(writer->Append(0, Batch(1, 500)));
  ASSERT_TRUE(writer->Append(0, Batch(501)));
  ASSERT_TRUE(writer->AppendCut(CutAt(501)));
  const auto reader = Reader(Lsn{51});
  EXPECT_EQ(reader->Poll(0, 1).value().size(), 1U);
  EXPECT_THAT(Describe(reader->Poll(0, 1).value()), ElementsAre("batch 501"));
  EXPECT_THAT(Describe(reader->Poll(0, 1).value()), ElementsAre("cut 50100"));
}

TEST_F(EmbeddedBusTest, ARestartGoesOnBehindTheLastCut) {
  auto writer = Open(1);
  Write(*writer, 1, 2);
  ASSERT_TRUE(writer->Append(0, Batch(3)));
  const auto reader = Reader(Lsn{51});
  EXPECT_THAT(Rest(*reader), ElementsAre("batch 1", "cut 100", "batch 2", "cut 200"));
  writer.reset();
  writer = Open(2);
  EXPECT_EQ(writer->DurableCut().value(), CutAt(2));
  ASSERT_TRUE(writer->Append(0, Batch(3, 4)));
  ASSERT_TRUE(writer->AppendCut(CutAt(4)));
  EXPECT_THAT(Rest(*reader), ElementsAre("resume 2 after 200", "batch 3 4", "cut 400"));
}

TEST_F(EmbeddedBusTest, IdleCutsTakeNoSpace) {
  const auto writer = Open();
  Write(*writer, 1, 1);
  const uint64_t bytes = writer->Info().value().bytes;
  ASSERT_TRUE(writer->AppendCut(CutAt(1)));
  EXPECT_EQ(writer->Info().value().bytes, bytes);
  ASSERT_TRUE(writer->AppendCut(CutAt(2))) << "WAL that holds nothing of ours moves on too";
  EXPECT_EQ(writer->DurableCut().value(), CutAt(2));
}

TEST_F(EmbeddedBusTest, WhatBreaksTheOrderIsRefused) {
  const auto writer = Open();
  Write(*writer, 1, 3);
  EXPECT_EQ(writer->Append(0, Batch(3, 4)).error().kind(), ErrorKind::kInternal);
  EXPECT_EQ(writer->AppendCut(CutAt(2)).error().kind(), ErrorKind::kInternal);
  ASSERT_TRUE(writer->Append(0, Batch(5)));
  EXPECT_EQ(writer->AppendCut(CutAt(4)).error().kind(), ErrorKind::kInternal);
  EXPECT_EQ(writer->Append(0, CutAt(5)).error().kind(), ErrorKind::kInternal);
  EXPECT_EQ(writer->Append(1, Batch(6)).error().kind(), ErrorKind::kInternal);
  ASSERT_TRUE(writer->AppendCut(CutAt(5)));
}

TEST_F(EmbeddedBusTest, SegmentsRollAtCutsAndCarryTheSchemas) {
  options_.segment_bytes = 2000;
  const auto writer = Open();
  ASSERT_TRUE(writer->Append(0, Schema(1)));
  Write(*writer, 1, 9);
  ASSERT_TRUE(writer->Append(0, Schema(2)));
  Write(*writer, 10, 20);
  EXPECT_GT(writer->Info().value().segments, 4U);

  std::vector<std::string> all = Rest(*Reader(Lsn{51}));
  EXPECT_EQ(all.size(), 2 + 2 * 20U) << "carried schemas are no news to who reads from the start";
  EXPECT_EQ(all[0], "schema 1");
  EXPECT_THAT(Rest(*Reader(LsnOf(18))),
              ElementsAre("schema 2", "batch 19", "cut 1900", "batch 20", "cut 2000"));
}

TEST_F(EmbeddedBusTest, TrimRemovesWholeSegmentsAndSeekTellsTheHole) {
  options_.segment_bytes = 1;
  const auto writer = Open();
  ASSERT_TRUE(writer->Append(0, Schema(1)));
  Write(*writer, 1, 5);
  ASSERT_TRUE(writer->Trim(0, Lsn{250}));
  EXPECT_EQ(writer->Info().value().first_lsn, LsnOf(2));
  EXPECT_EQ(ReadBusInfo(files_, options_).value().first_lsn, LsnOf(2));

  const auto reader = OpenEmbeddedReader(files_, options_).value();
  EXPECT_EQ(reader->Seek(0, LsnOf(1)).value(), LsnOf(2)) << "a hole";
  EXPECT_EQ(reader->Seek(0, LsnOf(3)).value(), LsnOf(3));
  EXPECT_THAT(Rest(*reader), ElementsAre("schema 1", "batch 4", "cut 400", "batch 5", "cut 500"));
  ASSERT_TRUE(writer->Trim(0, Lsn{UINT64_MAX}));
  EXPECT_EQ(writer->Info().value().segments, 1U) << "the open segment stays";
}

TEST_F(EmbeddedBusTest, AReaderThatRetentionOvertookIsToldToSeek) {
  options_.segment_bytes = 1;
  const auto writer = Open();
  Write(*writer, 1, 1);
  const auto reader = Reader(Lsn{51});
  ASSERT_EQ(reader->Poll(0, 1).value().size(), 1U);
  Write(*writer, 2, 5);
  ASSERT_TRUE(writer->Trim(0, LsnOf(4)));
  EXPECT_THAT(Describe(reader->Poll(0, 1).value()), ElementsAre("cut 100"))
      << "a removed segment is read to its end";
  EXPECT_EQ(reader->Poll(0, 1).error().kind(), ErrorKind::kUnavailable);
  EXPECT_EQ(reader->Seek(0, LsnOf(1)).value(), LsnOf(4));
  EXPECT_THAT(Rest(*reader), ElementsAre("batch 5", "cut 500"));
}

TEST_F(EmbeddedBusTest, RetentionIsByTimeSizeAndPin) {
  options_.segment_bytes = 1;
  options_.retention_us = 3'500'000;
  const auto writer = Open();
  Write(*writer, 1, 10);  // a segment and a second each
  EXPECT_EQ(writer->Removable(Lsn{50}).value(), Lsn{50});
  EXPECT_EQ(writer->Removable(LsnOf(2)).value(), LsnOf(2));
  ASSERT_TRUE(writer->Retain(LsnOf(2)));
  EXPECT_EQ(writer->Info().value().first_lsn, LsnOf(2)) << "pinned";
  EXPECT_EQ(writer->Removable(LsnOf(10)).value(), LsnOf(7));
  ASSERT_TRUE(writer->Retain(LsnOf(10)));
  EXPECT_EQ(writer->Info().value().first_lsn, LsnOf(7)) << "younger than retention";
}

TEST_F(EmbeddedBusTest, AFullBusRefusesRecordsAndGoesOnAfterRetention) {
  options_.segment_bytes = 1;
  options_.max_bytes = 20'000;
  const auto writer = Open();
  int64_t i = 0;
  Status status;
  while (status) {
    status = writer->Append(0, Batch(++i));
    if (!status) break;
    ASSERT_TRUE(writer->AppendCut(CutAt(i)));
  }
  EXPECT_EQ(status.error().kind(), ErrorKind::kExhausted);
  EXPECT_GT(i, 5);
  EXPECT_LE(writer->Info().value().bytes, options_.max_bytes);
  ASSERT_TRUE(writer->Retain(LsnOf(i - 1)));
  EXPECT_LE(writer->Info().value().bytes, options_.max_bytes / 5 * 4);
  EXPECT_TRUE(writer->Append(0, Batch(i)));
}

TEST_F(EmbeddedBusTest, AFullDiskRefusesRecordsAndLeavesTheReserveToCuts) {
  options_.disk_reserve_bytes = 10'000;
  const auto writer = Open();
  Write(*writer, 1, 1);
  ASSERT_TRUE(writer->Append(0, Batch(2)));
  files_.SetCapacity(writer->Info().value().bytes + 5'000);
  EXPECT_EQ(writer->Append(0, Batch(3)).error().kind(), ErrorKind::kExhausted);
  ASSERT_TRUE(writer->AppendCut(CutAt(2)));
  files_.SetCapacity(UINT64_MAX);
  Write(*writer, 3, 3);
  EXPECT_THAT(Rest(*Reader(LsnOf(1))), ElementsAre("batch 2", "cut 200", "batch 3", "cut 300"));
}

TEST_F(EmbeddedBusTest, ADiskFullInTheMiddleOfARecordLeavesTheBusAsItWas) {
  const auto writer = Open();
  Write(*writer, 1, 1);
  const uint64_t bytes = writer->Info().value().bytes;
  files_.FailAt(files_.operation_count(), Fault::kShortWrite);
  EXPECT_EQ(writer->Append(0, Batch(2)).error().kind(), ErrorKind::kExhausted);
  EXPECT_EQ(writer->Info().value().bytes, bytes);
  Write(*writer, 2, 2);
  EXPECT_THAT(Rest(*Reader(LsnOf(1))), ElementsAre("batch 2", "cut 200"));
}

// The cut is durable although its proof found no room: readers get it as soon as there is some.
TEST_F(EmbeddedBusTest, AProofWithoutRoomIsWrittenLater) {
  const auto writer = Open();
  ASSERT_TRUE(writer->Append(0, Batch(1)));
  files_.FailAt(files_.operation_count() + 2, Fault::kNoSpace);
  ASSERT_TRUE(writer->AppendCut(CutAt(1)));
  EXPECT_EQ(writer->DurableCut().value(), CutAt(1));
  const auto reader = Reader(Lsn{51});
  EXPECT_THAT(Rest(*reader), ElementsAre());
  ASSERT_TRUE(writer->AppendCut(CutAt(1)));
  EXPECT_THAT(Rest(*reader), ElementsAre("batch 1", "cut 100"));
}

// A stream that begins again sends them again.
TEST_F(EmbeddedBusTest, WhatFollowsTheLastCutIsGoneOnceItIsOpenedAgain) {
  auto writer = Open();
  Write(*writer, 1, 1);
  EXPECT_TRUE(writer->at_cut());
  ASSERT_TRUE(writer->Append(0, Batch(2)));
  EXPECT_FALSE(writer->at_cut());
  writer.reset();
  writer = Open(2);
  EXPECT_TRUE(writer->at_cut());
  Write(*writer, 2, 2);
  EXPECT_THAT(Rest(*Reader(LsnOf(1))), ElementsAre("resume 2 after 100", "batch 2", "cut 200"));
}

// With the power goes what readers wait for; a writer counts the cut all the same.
TEST_F(EmbeddedBusTest, ACutWhoseProofIsLostIsFound) {
  EXPECT_FALSE(FindBus(files_, options_).value().has_value());
  {
    const auto writer = Open();
    Write(*writer, 1, 1);
    ASSERT_TRUE(writer->Append(0, Batch(2)));
    files_.FailAt(files_.operation_count() + 2, Fault::kNoSpace);  // the proof's
    ASSERT_TRUE(writer->AppendCut(CutAt(2)));
  }
  EXPECT_EQ(ReadBusInfo(files_, options_).value().last_cut, CutAt(1));
  EXPECT_EQ(FindBus(files_, options_).value()->last_cut, CutAt(2));
  EXPECT_EQ(Open(2)->Info().value().last_cut, CutAt(2));
}

TEST_F(EmbeddedBusTest, AnotherSourceIsRefused) {
  Open();
  options_.source_identity = "system/5/other";
  const auto writer = EmbeddedBusWriter::Open(files_, clock_, options_, 1, Lsn{50});
  EXPECT_EQ(writer.error().kind(), ErrorKind::kConfig);
  EXPECT_EQ(OpenEmbeddedReader(files_, options_).error().kind(), ErrorKind::kConfig);
}

TEST_F(EmbeddedBusTest, ASecondWriterIsRefused) {
  auto writer = Open();
  const auto second = EmbeddedBusWriter::Open(files_, clock_, options_, 2, Lsn{50});
  EXPECT_EQ(second.error().kind(), ErrorKind::kConfig);
  EXPECT_FALSE(second.error().hint().empty());
  writer.reset();
  Open(2);
}

TEST_F(EmbeddedBusTest, WhereNoBusIsReadersAreTold) {
  EXPECT_EQ(OpenEmbeddedReader(files_, options_).error().kind(), ErrorKind::kConfig);
  EXPECT_EQ(ReadBusInfo(files_, options_).error().kind(), ErrorKind::kConfig);
}

TEST_F(EmbeddedBusTest, AnUnknownFormatVersionIsRefusedByNumber) {
  Open();
  const std::string path = "/srv/bus/p0/0000000000000032.seg";
  std::string content = files_.Content(path);
  content[8] = 2;
  files_.SetContent(path, content);
  const auto writer = EmbeddedBusWriter::Open(files_, clock_, options_, 1, Lsn{50});
  EXPECT_EQ(writer.error().kind(), ErrorKind::kConfig);
  EXPECT_NE(writer.error().message().find("format 2"), std::string::npos);
  EXPECT_EQ(OpenEmbeddedReader(files_, options_).error().kind(), ErrorKind::kConfig);
}

TEST_F(EmbeddedBusTest, InfoIsTheSameFromInsideAndOutside) {
  options_.segment_bytes = 3000;
  const auto writer = Open();
  Write(*writer, 1, 7);
  const BusInfo inside = writer->Info().value();
  const BusInfo outside = ReadBusInfo(files_, options_).value();
  EXPECT_EQ(inside.last_cut, CutAt(7));
  EXPECT_EQ(outside.last_cut, inside.last_cut);
  EXPECT_EQ(outside.first_lsn, inside.first_lsn);
  EXPECT_EQ(outside.bytes, inside.bytes);
  EXPECT_EQ(outside.segments, inside.segments);
}

// On real files, the reader in its own thread, segments rolling and the writer opening again.
TEST(EmbeddedBusLocal, AReaderFollowsAWriter) {
  std::string pattern = ::testing::TempDir() + "bus.XXXXXX";
  EmbeddedBusOptions options = Options();
  options.folder = std::string(mkdtemp(pattern.data())) + "/bus";
  options.segment_bytes = 20'000;
  const SystemClock clock;
  FileSystem& files = LocalFileSystem();
  auto writer = EmbeddedBusWriter::Open(files, clock, options, 1, Lsn{50}).value();
  constexpr int64_t kCount = 600;

  std::vector<int64_t> seen;
  std::jthread follower([&] {
    const auto reader = OpenEmbeddedReader(files, options).value();
    while (seen.size() < kCount) {
      const auto records = reader->Poll(0, 5000);
      ASSERT_TRUE(records) << records.error().message();
      for (const Record& record : *records) {
        if (const auto* batch = std::get_if<ChangeBatch>(&record)) {
          for (const int64_t value : Values(*batch)) seen.push_back(value);
        }
      }
      std::this_thread::yield();
    }
  });
  for (int64_t i = 1; i <= kCount; i += 3) {
    ASSERT_TRUE(writer->Append(0, Batch(i, i + 2)));
    ASSERT_TRUE(writer->AppendCut(CutAt(i + 2)));
    if (i % 100 == 1) {
      ASSERT_TRUE(writer->Append(0, Batch(i + 3)));  // forgotten
      writer.reset();
      writer = EmbeddedBusWriter::Open(files, clock, options, 2, Lsn{50}).value();
    }
  }
  follower.join();
  ASSERT_EQ(seen.size(), static_cast<size_t>(kCount));
  for (int64_t i = 0; i < kCount; ++i) ASSERT_EQ(seen[static_cast<size_t>(i)], i + 1);
}

}  // namespace
}  // namespace sluice::bus
