// What bits that flip at rest do to a reader: the rows as they were written, or an error that names
// the file; never others.
#include <arrow/array/concatenate.h>
#include <parquet/file_reader.h>
#include <parquet/page_index.h>

#include <numeric>
#include <random>

#include "parquet/data_file_reader_test_support.h"
#include "parquet/position_delete_file.h"

namespace sluice::parquet {
namespace {

using testing::LakeField;
using testing::RandomRows;
using testing::WriteFile;

enum class Read : uint8_t { kSame, kError, kWrong };

class DataFileDamageTest : public DataFileReaderTest {
 protected:
  static constexpr const char* kPath = "/lake/a.parquet";

  void Write(const std::vector<Batch>& batches, const WriterOptions& options = {}) {
    ASSERT_TRUE(WriteFile(store_, at_, batches, options));
    rows_ = arrow::ConcatenateRecordBatches(batches).ValueOrDie();
    // Some of every page, and the last ones, whose ends are where a short page shows.
    some_.clear();
    for (int64_t row = 0; row < rows_->num_rows(); row += 7) some_.push_back(row);
    if (some_.back() != rows_->num_rows() - 1) some_.push_back(rows_->num_rows() - 1);
    some_rows_ = TakeRows(*rows_, some_);
  }

  // Of the file with one bit flipped: by Scan, and the worse of it and Fetch.
  Read ReadWith(uint64_t bit) {
    files_.FlipBit(kPath, bit);
    const Read out = std::max(Scanned(), Fetched());
    files_.FlipBit(kPath, bit);
    return out;
  }

  Read Scanned() {
    return Judge(
        [&](DataFileReader& reader) -> Result<Batch> {
          std::vector<Batch> batches;
          SLUICE_TRY(reader.Scan(*rows_->schema(), 1 << 20,
                                 [&](int64_t, const arrow::RecordBatch& rows) -> Status {
                                   batches.push_back(rows.Slice(0));
                                   return {};
                                 }));
          if (batches.empty()) return rows_->Slice(0, 0);
          return arrow::ConcatenateRecordBatches(batches).ValueOrDie();
        },
        *rows_);
  }
  Read Fetched() {
    return Judge([&](DataFileReader& reader) { return reader.Fetch(*rows_->schema(), some_); },
                 *some_rows_);
  }

  template <typename ReadRows>
  Read Judge(const ReadRows& read, const arrow::RecordBatch& expected) {
    auto opened = DataFileReader::Open(store_, at_);
    if (!opened) return JudgeError(opened.error());
    // A file of another length does not get this far: its table knows how many rows it has.
    if ((*opened)->row_count() != rows_->num_rows()) return Read::kError;
    const Result<Batch> rows = read(**opened);
    if (!rows) return JudgeError(rows.error());
    const auto bitwise = arrow::EqualOptions::Defaults().nans_equal(true);
    return (*rows)->Equals(expected, /*check_metadata=*/false, bitwise) ? Read::kSame
                                                                        : Read::kWrong;
  }
  Read JudgeError(const Error& error) {
    EXPECT_TRUE(error.kind() == ErrorKind::kCorrupt || error.kind() == ErrorKind::kUnsupported)
        << error.message();
    EXPECT_NE(error.message().find(at_), std::string::npos) << error.message();
    return Read::kError;
  }

  std::vector<::parquet::PageLocation> Pages() {
    const auto file = ::parquet::ParquetFileReader::Open(store::OpenInput(store_, at_).value());
    std::vector<::parquet::PageLocation> out;
    for (int group = 0; group < file->metadata()->num_row_groups(); ++group) {
      const auto index = file->GetPageIndexReader()->RowGroup(group);
      for (int leaf = 0; leaf < file->metadata()->num_columns(); ++leaf) {
        const auto pages = index->GetOffsetIndex(leaf);
        out.insert(out.end(), pages->page_locations().begin(), pages->page_locations().end());
      }
    }
    return out;
  }

  Batch rows_, some_rows_;
  std::vector<int64_t> some_;
};

std::shared_ptr<arrow::Schema> SomeTypes() {
  return arrow::schema(
      {LakeField("id", arrow::int64(), 1, false), LakeField("text", arrow::utf8(), 2),
       LakeField("numbers", arrow::list(arrow::int32()), 3), LakeField("flag", arrow::boolean(), 4),
       LakeField("price", arrow::decimal128(20, 2), 5)});
}

// Few rows in few values, so that columns have dictionaries and zstd pays.
Batch Repeated(int64_t rows) {
  const auto few = RandomRows(SomeTypes(), 6, 5);
  std::vector<int64_t> which(static_cast<size_t>(rows));
  std::mt19937_64 random(6);
  for (int64_t& row : which) row = static_cast<int64_t>(random() % 6);
  return TakeRows(*few, which);
}

TEST_F(DataFileDamageTest, ABitAnywhereInASmallFileChangesNoValue) {
  for (const Batch& rows : {RandomRows(SomeTypes(), 60, 1), Repeated(300)}) {
    WriterOptions options;
    options.row_group_bytes = 1000;  // two or three
    Write({rows->Slice(0, 25), rows->Slice(25)}, options);
    const uint64_t bits = files_.Content(kPath).size() * 8;
    std::mt19937_64 random(8);
    uint64_t errors = 0;
    uint64_t flips = 0;
    for (uint64_t bit = 0; bit < bits; bit += 1 + random() % 24) {
      const Read read = ReadWith(bit);
      ++flips;
      ASSERT_NE(read, Read::kWrong) << "bit " << bit << " of " << bits;
      errors += read == Read::kError ? 1 : 0;
    }
    EXPECT_GT(errors, flips / 2) << "column indexes are not read";
  }
}

TEST_F(DataFileDamageTest, ABitInAnyPageIsNoticedCompressedOrNot) {
  for (const bool compressed : {false, true}) {
    const auto schema = SomeTypes();
    std::vector<Batch> batches;
    for (uint64_t i = 0; i < 5; ++i) {
      batches.push_back(compressed ? Repeated(9000) : RandomRows(schema, 9000, i));
    }
    Write(batches);
    const auto pages = Pages();
    ASSERT_GE(pages.size(), 15U) << "three pages a column";
    std::mt19937_64 random(7);
    for (const ::parquet::PageLocation& page : pages) {
      const auto begin = static_cast<uint64_t>(page.offset) * 8;
      const auto bits = static_cast<uint64_t>(page.compressed_page_size) * 8;
      constexpr uint64_t kHeaderBits = 800;  // at most: many of them, and some of the rest
      for (uint64_t bit = 0; bit < bits;) {
        ASSERT_EQ(ReadWith(begin + bit), Read::kError) << "at " << page.offset << " bit " << bit;
        bit += 1 + random() % (bit < kHeaderBits ? 160 : bits / 2);
      }
    }
  }
}

// As Sluice wrote them until it wrote a checksum before the footer, and as others do.
TEST_F(DataFileDamageTest, AFileWithoutOurChecksumIsRead) {
  Write({RandomRows(SomeTypes(), 60, 1)});
  std::string bytes = files_.Content(kPath);
  const size_t seal = bytes.find("SLSEAL01");
  ASSERT_NE(seal, std::string::npos);
  bytes[seal] = 'X';
  files_.SetContent(kPath, bytes);
  EXPECT_EQ(Scanned(), Read::kSame);
  EXPECT_EQ(Fetched(), Read::kSame);
}

TEST_F(DataFileDamageTest, NoBitOfAPositionDeleteFileChangesAPosition) {
  PositionDeletes deletes;
  for (const char* path : {"file:///lake/b.parquet", "file:///lake/c.parquet"}) {
    for (uint64_t position = 3; position < 600; position += 5) deletes[path].add(position);
  }
  ASSERT_TRUE(WritePositionDeletes(store_, at_, deletes));
  const uint64_t bits = files_.Content(kPath).size() * 8;
  for (uint64_t bit = 0; bit < bits; bit += 3) {
    files_.FlipBit(kPath, bit);
    PositionDeletes read;
    const Status status = ReadPositionDeletes(
        store_, at_, [](const store::Location&) { return true; }, read);
    if (!status) {
      JudgeError(status.error());
    } else {
      ASSERT_EQ(read, deletes) << "bit " << bit << " of " << bits;
    }
    files_.FlipBit(kPath, bit);
  }
}

}  // namespace
}  // namespace sluice::parquet
