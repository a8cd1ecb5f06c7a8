// Fold and key index alone. The figure to look at is items a second of CPU time: changes folded,
// entries inserted, keys looked for.
#include <benchmark/benchmark.h>

#include <filesystem>
#include <random>

#include "base/file_system.h"
#include "merge/candidates.h"
#include "merge/fold.h"
#include "merge/key_encoding.h"
#include "merge/memory_table.h"
#include "merge/run_merge.h"

namespace sluice::merge {
namespace {

constexpr size_t kChanges = 1 << 17;

std::vector<std::string> RandomKeys(size_t count, int64_t distinct) {
  std::mt19937_64 random(7);
  std::uniform_int_distribution<int64_t> number(1, distinct);
  std::vector<std::string> out;
  for (size_t i = 0; i < count; ++i) {
    const int64_t key = number(random);
    out.emplace_back(reinterpret_cast<const char*>(&key), sizeof(key));
  }
  return out;
}

// Updates of keys drawn from so many.
void FoldUpdates(benchmark::State& state) {
  const std::vector<std::string> keys = RandomKeys(kChanges, state.range(0));
  std::vector<KeyRef> refs;
  for (const std::string& key : keys) refs.push_back({FingerprintOf(key), key});
  Fold fold(nullptr);
  for ([[maybe_unused]] const auto _ : state) {
    fold.Hold(ChangeBatch{});
    for (uint32_t row = 0; row < refs.size(); ++row) {
      SLUICE_CHECK(fold.Update(refs[row], refs[row], row));
    }
    fold.Clear();
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kChanges));
}
BENCHMARK(FoldUpdates)->Arg(100)->Arg(1'000'000)->Unit(benchmark::kMillisecond);

struct Indexed {
  explicit Indexed(uint32_t count) {
    file = files.AddStaged("file:///lake/a.parquet");
    files.SetRecordCount(file, count);
    std::mt19937_64 random(7);
    for (uint32_t row = 0; row < count; ++row) entries.push_back({random(), {file, row}});
  }
  FileSet files;
  FileId file;
  std::vector<IndexEntry> entries;
};

void InsertIntoTable(benchmark::State& state) {
  const Indexed rows(static_cast<uint32_t>(state.range(0)));
  for ([[maybe_unused]] const auto _ : state) {
    MemoryTable table;
    table.InsertAll(rows.entries, rows.files);
    benchmark::DoNotOptimize(table.size());
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(InsertIntoTable)->Arg(10'000)->Arg(1'000'000)->Unit(benchmark::kMillisecond);

// What a published window costs: entries in the order of another table's slots.
void PublishTable(benchmark::State& state) {
  const Indexed rows(static_cast<uint32_t>(state.range(0)));
  MemoryTable staged(MemoryTable::kOtherHash);
  staged.InsertAll(rows.entries, rows.files);
  for ([[maybe_unused]] const auto _ : state) {
    MemoryTable recent;
    recent.InsertAll(staged.LiveEntries(rows.files), rows.files);
    benchmark::DoNotOptimize(recent.size());
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(PublishTable)->Arg(300'000)->Unit(benchmark::kMillisecond);

// The same one by one.
void PublishTableOneByOne(benchmark::State& state) {
  const Indexed rows(static_cast<uint32_t>(state.range(0)));
  MemoryTable staged(MemoryTable::kOtherHash);
  staged.InsertAll(rows.entries, rows.files);
  for ([[maybe_unused]] const auto _ : state) {
    MemoryTable recent;
    for (const IndexEntry& entry : staged.LiveEntries(rows.files)) recent.Insert(entry, rows.files);
    benchmark::DoNotOptimize(recent.size());
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(PublishTableOneByOne)->Arg(300'000)->Unit(benchmark::kMillisecond);

// Runs of a million entries each become one.
void MergeManyRuns(benchmark::State& state) {
  const auto count = static_cast<size_t>(state.range(0));
  Indexed rows(static_cast<uint32_t>(count << 20));
  const auto folder = std::filesystem::temp_directory_path() / "sluice_merge_bench";
  std::filesystem::create_directories(folder);
  std::vector<std::unique_ptr<IndexRun>> runs;
  for (size_t i = 0; i < count; ++i) {
    const auto part = std::span(rows.entries).subspan(i << 20, 1 << 20);
    runs.push_back(
        WriteRun(LocalFileSystem(), folder.string(), fmt::format("{}.run", i), rows.files, part)
            .value());
  }
  for ([[maybe_unused]] const auto _ : state) {
    const auto merged = MergeRuns(LocalFileSystem(), folder.string(), "merged.run", rows.files,
                                  runs, DeadEntries::kLeftOut);
    SLUICE_CHECK(merged);
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(rows.entries.size()));
  std::filesystem::remove_all(folder);
}
BENCHMARK(MergeManyRuns)->Arg(2)->Arg(16)->Unit(benchmark::kMillisecond);

// An index is made again from millions of keys, a million of which fit into memory.
void LoadIndex(benchmark::State& state) {
  Indexed rows(static_cast<uint32_t>(state.range(0)) << 20);
  const auto folder = std::filesystem::temp_directory_path() / "sluice_merge_bench";
  TieredIndexOptions options{folder.string()};
  options.recent_entries_max = 1 << 20;
  constexpr size_t kBatch = 16384;
  for ([[maybe_unused]] const auto _ : state) {
    std::filesystem::remove_all(folder);
    const auto index = OpenTieredIndex(LocalFileSystem(), rows.files, options).value().index;
    for (size_t at = 0; at < rows.entries.size(); at += kBatch) {
      SLUICE_CHECK(index->Load(std::span(rows.entries).subspan(at, kBatch)));
    }
    SLUICE_CHECK(index->FinishLoad());
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(rows.entries.size()));
  std::filesystem::remove_all(folder);
}
BENCHMARK(LoadIndex)->Arg(16)->Unit(benchmark::kMillisecond);

// Keys that are there, in random order, in a run of so many rows.
void ProbeRun(benchmark::State& state) {
  const Indexed rows(static_cast<uint32_t>(state.range(0)));
  const auto folder = std::filesystem::temp_directory_path() / "sluice_merge_bench";
  std::filesystem::create_directories(folder);
  std::vector<IndexEntry> entries = rows.entries;
  const auto run =
      WriteRun(LocalFileSystem(), folder.string(), "0.run", rows.files, entries).value();
  constexpr size_t kProbes = 10'000;
  std::vector<Fingerprint> wanted;
  for (size_t i = 0; i < kProbes; ++i) {
    wanted.push_back(rows.entries[i * 7919 % rows.entries.size()].fingerprint);
  }
  std::vector<std::optional<RowLocation>> found(kProbes);
  for ([[maybe_unused]] const auto _ : state) {
    Candidates(rows.files, found).Collect(wanted, *run);
    benchmark::DoNotOptimize(found.data());
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kProbes));
  state.counters["bytes_per_row"] =
      static_cast<double>(run->size_bytes()) / static_cast<double>(state.range(0));
  std::filesystem::remove_all(folder);
}
BENCHMARK(ProbeRun)->Arg(100'000)->Arg(5'000'000)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace sluice::merge
