// Rows per CPU-second of the writer on rows shaped like TPC-H's lineitem, and of fetching single
// rows. Run: parquet_bench
#include <arrow/array.h>
#include <arrow/buffer.h>
#include <arrow/builder.h>
#include <arrow/record_batch.h>
#include <benchmark/benchmark.h>

#include <array>
#include <random>

#include "base/file_system_fake.h"
#include "parquet/data_file_reader.h"
#include "parquet/data_file_writer.h"
#include "parquet/testing.h"

namespace sluice::parquet {
namespace {

constexpr int64_t kBatchRows = 8192;
constexpr int kBatches = 128;

// Takes and forgets: only the writer's own work counts.
class NullStore final : public store::ObjectStore {
  class Writer final : public store::ObjectWriter {
    Status Append(std::shared_ptr<arrow::Buffer> bytes) override {
      size_ += static_cast<uint64_t>(bytes->size());
      return {};
    }
    Result<uint64_t> Finish() override { return size_; }
    uint64_t size_ = 0;
  };

 public:
  Result<std::unique_ptr<store::ObjectWriter>> Create(const store::Location&) override {
    return std::unique_ptr<store::ObjectWriter>(std::make_unique<Writer>());
  }
  Status PutIfAbsent(const store::Location&, std::shared_ptr<arrow::Buffer>) override { return {}; }
  Result<uint64_t> Size(const store::Location&) override { return 0; }
  Result<std::shared_ptr<arrow::Buffer>> Read(const store::Location& at, uint64_t,
                                              uint64_t) override {
    return MakeError(ErrorKind::kUnavailable, "{} was forgotten", at);
  }
  Result<std::vector<store::Object>> List(const store::Location&) override {
    return std::vector<store::Object>();
  }
  Status Delete(std::span<const store::Location>) override { return {}; }
};

std::shared_ptr<arrow::Schema> LineItem() {
  using testing::LakeField;
  const auto decimal = arrow::decimal128(15, 2);
  return arrow::schema(
      {LakeField("l_orderkey", arrow::int64(), 1, false), LakeField("l_partkey", arrow::int64(), 2),
       LakeField("l_suppkey", arrow::int64(), 3),
       LakeField("l_linenumber", arrow::int32(), 4, false), LakeField("l_quantity", decimal, 5),
       LakeField("l_extendedprice", decimal, 6), LakeField("l_discount", decimal, 7),
       LakeField("l_tax", decimal, 8), LakeField("l_returnflag", arrow::utf8(), 9),
       LakeField("l_linestatus", arrow::utf8(), 10), LakeField("l_shipdate", arrow::date32(), 11),
       LakeField("l_commitdate", arrow::date32(), 12),
       LakeField("l_receiptdate", arrow::date32(), 13),
       LakeField("l_shipinstruct", arrow::utf8(), 14), LakeField("l_shipmode", arrow::utf8(), 15),
       LakeField("l_comment", arrow::utf8(), 16)});
}

using Random = std::mt19937_64;

void Must(const arrow::Status& status) { SLUICE_CHECK(status.ok(), "{}", status.ToString()); }

template <typename Builder, typename Next>
std::shared_ptr<arrow::Array> Column(const std::shared_ptr<arrow::DataType>& type,
                                     const Next& next) {
  Builder builder(type, arrow::default_memory_pool());
  for (int64_t i = 0; i < kBatchRows; ++i) Must(builder.Append(next(i)));
  return builder.Finish().ValueOrDie();
}

std::string Words(Random& random, size_t length) {
  static constexpr std::array kWords = {"carefully ", "final ",   "deposits ", "sleep ",
                                        "quickly ",   "regular ", "ironic ",   "requests ",
                                        "bold ",      "packages "};
  std::string text;
  while (text.size() < length) text += kWords[random() % kWords.size()];
  text.resize(length);
  return text;
}

std::shared_ptr<arrow::RecordBatch> Rows(const std::shared_ptr<arrow::Schema>& schema, int batch) {
  static constexpr std::array kInstructions = {"DELIVER IN PERSON", "COLLECT COD", "NONE",
                                               "TAKE BACK RETURN"};
  static constexpr std::array kModes = {"AIR", "TRUCK", "MAIL", "SHIP", "RAIL", "FOB", "REG AIR"};
  Random random(static_cast<uint64_t>(batch));
  const auto number = [&](uint64_t below) {
    return [&random, below](int64_t) { return static_cast<int64_t>(random() % below); };
  };
  const auto money = [&](uint64_t below) {
    return [&random, below](int64_t) {
      return arrow::Decimal128(static_cast<int64_t>(random() % below));
    };
  };
  const auto date = [&](int64_t) { return static_cast<int32_t>(8036 + random() % 2526); };
  const auto letter = [&](int64_t) { return std::string(1, "ANR"[random() % 3]); };
  const auto key = [&](int64_t i) { return (batch * kBatchRows + i) / 4; };
  const auto line = [](int64_t i) { return static_cast<int32_t>(i % 4 + 1); };
  const auto decimal = schema->field(4)->type();
  return arrow::RecordBatch::Make(
      schema, kBatchRows,
      {Column<arrow::Int64Builder>(arrow::int64(), key),
       Column<arrow::Int64Builder>(arrow::int64(), number(200'000)),
       Column<arrow::Int64Builder>(arrow::int64(), number(10'000)),
       Column<arrow::Int32Builder>(arrow::int32(), line),
       Column<arrow::Decimal128Builder>(decimal, money(50)),
       Column<arrow::Decimal128Builder>(decimal, money(9'000'000)),
       Column<arrow::Decimal128Builder>(decimal, money(11)),
       Column<arrow::Decimal128Builder>(decimal, money(9)),
       Column<arrow::StringBuilder>(arrow::utf8(), letter),
       Column<arrow::StringBuilder>(arrow::utf8(), letter),
       Column<arrow::Date32Builder>(arrow::date32(), date),
       Column<arrow::Date32Builder>(arrow::date32(), date),
       Column<arrow::Date32Builder>(arrow::date32(), date),
       Column<arrow::StringBuilder>(
           arrow::utf8(), [&](int64_t) { return kInstructions[random() % kInstructions.size()]; }),
       Column<arrow::StringBuilder>(arrow::utf8(),
                                    [&](int64_t) { return kModes[random() % kModes.size()]; }),
       Column<arrow::StringBuilder>(arrow::utf8(),
                                    [&](int64_t) { return Words(random, 10 + random() % 34); })});
}

const std::vector<std::shared_ptr<arrow::RecordBatch>>& AllRows() {
  static const auto rows = [] {
    const auto schema = LineItem();
    std::vector<std::shared_ptr<arrow::RecordBatch>> batches;
    for (int i = 0; i < kBatches; ++i) batches.push_back(Rows(schema, i));
    return batches;
  }();
  return rows;
}

void WriteLineItem(benchmark::State& state) {
  const auto& rows = AllRows();
  NullStore store;
  const auto pool = arrow::MemoryPool::CreateDefault();
  uint64_t bytes = 0;
  for ([[maybe_unused]] const auto _ : state) {
    WriterOptions options;
    options.pool = pool.get();
    bytes = testing::WriteFile(store, "file:///null", rows, options).value().size_bytes;
  }
  state.SetItemsProcessed(state.iterations() * kBatches * kBatchRows);
  state.counters["bytes_per_row"] = static_cast<double>(bytes) / (kBatches * kBatchRows);
  state.counters["peak_MiB"] = static_cast<double>(pool->max_memory()) / (1 << 20);
}
BENCHMARK(WriteLineItem)->Unit(benchmark::kMillisecond);

// `rows` scattered rows of one text column, as unchanged TOAST values are fetched.
void FetchRows(benchmark::State& state) {
  FakeFileSystem files;
  const auto store = store::MakeLocalStore(files);
  const store::Location at = "file:///lake/a.parquet";
  SLUICE_CHECK(testing::WriteFile(*store, at, AllRows()));
  const auto reader = DataFileReader::Open(*store, at).value();
  const arrow::Schema wanted({LineItem()->field(15)});
  std::vector<int64_t> rows;
  const int64_t step = kBatches * kBatchRows / state.range(0);
  for (int64_t i = 0; i < state.range(0); ++i) rows.push_back(i * step);
  for ([[maybe_unused]] const auto _ : state) {
    benchmark::DoNotOptimize(reader->Fetch(wanted, rows).value());
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(FetchRows)->Arg(1)->Arg(100)->Arg(10'000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace sluice::parquet
