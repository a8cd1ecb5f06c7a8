// Writing position deletes, to a store in memory. Items are positions.
#include <benchmark/benchmark.h>

#include "base/file_system_fake.h"
#include "parquet/position_delete_file.h"

namespace sluice::parquet {
namespace {

// So many positions, spread over so many data files.
void WriteDeletes(benchmark::State& state) {
  PositionDeletes deletes;
  for (int64_t file = 0; file < state.range(1); ++file) {
    auto& positions = deletes[fmt::format("file:///lake/shop/items/data/{:036}.parquet", file)];
    for (int64_t i = 0; i < state.range(0) / state.range(1); ++i) {
      positions.add(static_cast<uint64_t>(i) * 13 + static_cast<uint64_t>(file));
    }
  }
  FakeFileSystem files;
  const auto store = store::MakeLocalStore(files);
  int64_t bytes = 0;
  int64_t number = 0;
  for ([[maybe_unused]] const auto _ : state) {
    const store::Location at = fmt::format("file:///lake/{}.parquet", number++);
    bytes = WritePositionDeletes(*store, at, deletes).value().file.size_bytes;
    state.PauseTiming();
    SLUICE_CHECK(store->Delete({&at, 1}));
    state.ResumeTiming();
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
  state.counters["bytes_per_row"] =
      static_cast<double>(bytes) / static_cast<double>(state.range(0));
}
BENCHMARK(WriteDeletes)
    ->Args({1'000, 10})
    ->Args({100'000, 1})
    ->Args({100'000, 100})
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace sluice::parquet
