// Decoding alone: TPC-H lineitem rows as COPY BINARY sends them, from memory into record batches.
// The figure to look at is rows a second of CPU time.
#include <arrow/memory_pool.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <benchmark/benchmark.h>

#include <random>

#include "postgres/copy/table_copy.h"

namespace sluice::postgres {
namespace {

constexpr int kRows = 100'000;
constexpr int64_t kRowsPerBatch = 8192;

struct BenchColumn {
  const char* name;
  uint32_t oid;
  int32_t typmod;
};

constexpr int32_t kDecimal15_2 = ((15 << 16) | 2) + 4;

constexpr BenchColumn kLineitem[] = {
    {"l_orderkey", 20, -1},
    {"l_partkey", 23, -1},
    {"l_suppkey", 23, -1},
    {"l_linenumber", 23, -1},
    {"l_quantity", 1700, kDecimal15_2},
    {"l_extendedprice", 1700, kDecimal15_2},
    {"l_discount", 1700, kDecimal15_2},
    {"l_tax", 1700, kDecimal15_2},
    {"l_returnflag", 1042, 5},
    {"l_linestatus", 1042, 5},
    {"l_shipdate", 1082, -1},
    {"l_commitdate", 1082, -1},
    {"l_receiptdate", 1082, -1},
    {"l_shipinstruct", 1042, 29},
    {"l_shipmode", 1042, 14},
    {"l_comment", 1043, 48},
};

MirroredTable Lineitem() {
  MirroredTable out;
  for (const BenchColumn& described : kLineitem) {
    SourceType type;
    type.oid = type.base_oid = described.oid;
    type.typmod = described.typmod;
    Column column;
    column.name = described.name;
    auto mapping = MapType(type, nullptr);
    SLUICE_CHECK(mapping);
    column.lake_type = mapping->lake_type;
    out.schema.columns.push_back(std::move(column));
    out.types.push_back(type);
    out.mappings.push_back(*std::move(mapping));
  }
  return out;
}

class Writer {
 public:
  template <typename T>
  void Big(T value) {
    for (size_t i = sizeof(T); i > 0; --i) {
      stream_ += static_cast<char>(static_cast<uint64_t>(value) >> (8 * (i - 1)));
    }
  }
  template <typename T>
  void Integer(T value) {
    Big(static_cast<int32_t>(sizeof(T)));
    Big(value);
  }
  void Bytes(std::string_view bytes) {
    Big(static_cast<int32_t>(bytes.size()));
    stream_ += bytes;
  }
  // A value of two digits after the point.
  void Cents(uint64_t cents) {
    std::vector<uint16_t> groups{static_cast<uint16_t>(cents % 100 * 100)};
    for (uint64_t rest = cents / 100; rest > 0; rest /= 10000) {
      groups.insert(groups.begin(), static_cast<uint16_t>(rest % 10000));
    }
    const auto weight = static_cast<int16_t>(groups.size() - 2);
    while (!groups.empty() && groups.back() == 0) groups.pop_back();
    Big(static_cast<int32_t>(8 + 2 * groups.size()));
    Big(static_cast<uint16_t>(groups.size()));
    Big(weight);
    Big(uint16_t{0});
    Big(uint16_t{2});
    for (const uint16_t group : groups) Big(group);
  }
  std::string stream_;
};

std::string Stream() {
  std::mt19937_64 random(42);
  Writer out;
  out.stream_.assign("PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19);
  const std::string words("carefully final deposits sleep blithely regular requests haggle about");
  for (int i = 0; i < kRows; ++i) {
    out.Big(static_cast<int16_t>(std::size(kLineitem)));
    out.Integer(static_cast<int64_t>(i / 4));
    out.Integer(static_cast<int32_t>(random() % 200'000));
    out.Integer(static_cast<int32_t>(random() % 10'000));
    out.Integer(static_cast<int32_t>(i % 7));
    out.Cents(100 * (random() % 50 + 1));
    out.Cents(random() % 10'000'000 + 90'000);
    out.Cents(random() % 11);
    out.Cents(random() % 9);
    out.Bytes("N");
    out.Bytes("O");
    for (int date = 0; date < 3; ++date) out.Integer(static_cast<int32_t>(random() % 2500) - 3000);
    out.Bytes("DELIVER IN PERSON        ");
    out.Bytes("REG AIR   ");
    out.Bytes(words.substr(random() % 20, 10 + random() % 30));
  }
  out.Big(int16_t{-1});
  return out.stream_;
}

// range(0): how many bytes the wire hands over at once; 200 is about a row, as from libpq.
void CopyLineitem(benchmark::State& state) {
  const MirroredTable table = Lineitem();
  const std::string stream = Stream();
  const auto piece = static_cast<size_t>(state.range(0));
  for (auto _ : state) {
    auto decoder = CopyDecoder::Make(table, arrow::default_memory_pool());
    SLUICE_CHECK(decoder);
    int64_t rows = 0;
    for (size_t at = 0; at < stream.size(); at += piece) {
      SLUICE_CHECK((*decoder)->Feed(std::string_view(stream).substr(at, piece)));
      if ((*decoder)->rows() < kRowsPerBatch) continue;
      auto batch = (*decoder)->Take();
      SLUICE_CHECK(batch);
      rows += (*batch)->num_rows();
    }
    rows += (*decoder)->rows();
    SLUICE_CHECK(rows == kRows, "{} rows", rows);
    benchmark::DoNotOptimize(rows);
  }
  state.SetItemsProcessed(state.iterations() * kRows);
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(stream.size()));
}
BENCHMARK(CopyLineitem)->Arg(200)->Arg(65536)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace sluice::postgres
