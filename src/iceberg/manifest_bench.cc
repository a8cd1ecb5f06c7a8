// The bytes of a manifest of so many data files of 20 columns. Items are entries.
#include <arrow/type.h>
#include <benchmark/benchmark.h>

#include "iceberg/manifest_internal.h"

namespace sluice::iceberg {
namespace {

constexpr int kColumns = 20;

Schema WideSchema() {
  Schema out;
  for (int id = 1; id <= kColumns; ++id) {
    Field field;
    field.id = id;
    field.name = fmt::format("column_{}", id);
    field.type = arrow::int64();
    out.fields.push_back(field);
  }
  return out;
}

std::vector<ManifestEntry> Entries(int64_t count) {
  std::vector<ManifestEntry> out(static_cast<size_t>(count));
  for (size_t i = 0; i < out.size(); ++i) {
    out[i].snapshot_id = 77;
    out[i].file.location = fmt::format("file:///lake/shop/items/data/{:036}.parquet", i);
    out[i].file.record_count = 1000;
    out[i].file.size_bytes = 100'000;
    for (int id = 1; id <= kColumns; ++id) {
      out[i].file.columns.push_back({.field_id = id,
                                     .size_bytes = 4000,
                                     .value_count = 1000,
                                     .null_count = 0,
                                     .nan_count = std::nullopt,
                                     .lower = std::string(8, '\1'),
                                     .upper = std::string(8, '\2')});
    }
  }
  return out;
}

void EncodeEntries(benchmark::State& state) {
  const Schema schema = WideSchema();
  const ManifestContext context{.schema = &schema, .snapshot_id = 77};
  const std::vector<ManifestEntry> entries = Entries(state.range(0));
  size_t bytes = 0;
  for ([[maybe_unused]] const auto _ : state) {
    bytes = EncodeManifest(context, entries).value().size();
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
  state.counters["bytes_per_entry"] =
      static_cast<double>(bytes) / static_cast<double>(state.range(0));
}
BENCHMARK(EncodeEntries)->Arg(1)->Arg(1000)->Unit(benchmark::kMicrosecond);

void DecodeEntries(benchmark::State& state) {
  const Schema schema = WideSchema();
  const ManifestContext context{.schema = &schema, .snapshot_id = 77};
  const std::string bytes = EncodeManifest(context, Entries(state.range(0))).value();
  ManifestFile manifest;
  manifest.added_snapshot_id = 77;
  manifest.added_files = static_cast<int>(state.range(0));
  for ([[maybe_unused]] const auto _ : state) {
    benchmark::DoNotOptimize(DecodeManifest(bytes, manifest).value().data());
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(DecodeEntries)->Arg(1)->Arg(1000)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace sluice::iceberg
