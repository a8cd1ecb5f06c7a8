// A table that commits, for the tests of this folder: in memory, with real manifests and
// position-delete files, and data files that are names with a few bytes behind them.
#pragma once

#include <arrow/buffer.h>
#include <arrow/type.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/file_system_fake.h"
#include "iceberg/catalog/memory_catalog.h"
#include "iceberg/mirror_commit.h"

namespace sluice::iceberg::testing {

inline Schema OneColumn() {
  Schema schema;
  Field id;
  id.id = 1;
  id.name = "id";
  id.required = true;
  id.type = arrow::int64();
  schema.fields = {id};
  return schema;
}

class TestTable {
 public:
  TestTable() : store(store::MakeLocalStore(files)), catalog(clock) {
    options.cache = &cache;
    options.history = {.all_ms = int64_t{365} * 24 * 3600'000};
  }

  // As the catalog has it, or a new one.
  LoadedTable Load() {
    auto loaded = catalog.Load(name);
    EXPECT_TRUE(loaded);
    if (loaded && *loaded) return **loaded;
    return {name, "",
            NewTableMetadata("5ce6b6ab-4a01-4b6f-a1f5-c6a2a3b0f001", location, OneColumn(),
                             MirrorProperties(), clock.WallMicros() / 1000)};
  }

  parquet::DataFile NewFile(int64_t rows) {
    parquet::DataFile file;
    file.location = fmt::format("{}/data/file-{:06}.parquet", location, next_file_++);
    file.record_count = rows;
    file.size_bytes = 1000;
    EXPECT_TRUE(store->PutIfAbsent(file.location, arrow::Buffer::FromString("rows")));
    return file;
  }

  Result<PreparedCommit> Prepare(const merge::RowDelta& delta) {
    options.now_ms = clock.WallMicros() / 1000;
    Marks marks{{Lsn{++lsn_}, clock.WallMicros()}, "77/1/shop", "slot", "shop", 3};
    return PrepareCommit(*store, Load(), delta, marks, options);
  }

  // Prepares, commits, deletes what expired, and moves the clock on.
  PreparedCommit Commit(const merge::RowDelta& delta) {
    auto prepared = Prepare(delta);
    EXPECT_TRUE(prepared) << (prepared ? "" : prepared.error().message());
    if (!prepared) return {};
    const auto done = catalog.Commit(std::span(&prepared->commit, 1));
    EXPECT_TRUE(done) << (done ? "" : done.error().message());
    EXPECT_TRUE(store->Delete(prepared->expired));
    clock.Advance(step_us);
    return std::move(*prepared);
  }

  std::vector<ManifestFile> Manifests(const Snapshot& snapshot) {
    auto list = ReadManifestList(*store, snapshot.manifest_list);
    EXPECT_TRUE(list);
    return list ? *list : std::vector<ManifestFile>{};
  }

  // Live paths of data and delete files, read without any cache.
  std::set<store::Location> LivePaths(const Snapshot& snapshot) {
    std::set<store::Location> paths;
    for (const ManifestFile& manifest : Manifests(snapshot)) {
      const auto entries = ReadManifest(*store, manifest);
      EXPECT_TRUE(entries);
      if (!entries) continue;
      for (const ManifestEntry& entry : *entries) {
        if (!IsLive(entry)) continue;
        EXPECT_TRUE(paths.insert(entry.file.location).second) << "live twice";
      }
    }
    return paths;
  }

  // Everything below the table's location but metadata files.
  std::set<store::Location> Objects() {
    std::set<store::Location> out;
    const auto listed = store->List(location);
    EXPECT_TRUE(listed);
    if (!listed) return out;
    for (const store::Object& object : *listed) out.insert(object.location);
    return out;
  }

  const TableIdentifier name{"shop", "orders"};
  const std::string location = "file:///lake/shop/orders";
  FakeClock clock;
  FakeFileSystem files;
  std::unique_ptr<store::ObjectStore> store;
  MemoryCatalog catalog;
  ManifestCache cache;
  CommitOptions options;
  int64_t step_us = 1'000'000;

 private:
  int next_file_ = 0;
  uint64_t lsn_ = 0;
};

}  // namespace sluice::iceberg::testing
