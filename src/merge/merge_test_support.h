// For this module's tests: a table, changes of it, a store in memory, and the lake as a reader who
// knows nothing but row deltas sees it.
#pragma once

#include <arrow/api.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "change/change_batch.h"
#include "merge/row_delta.h"
#include "merge/table_merge.h"

namespace sluice::merge {

template <typename T>
T Must(Result<T> result) {
  if (!result) ADD_FAILURE() << result.error().message();
  return std::move(result).value();
}
inline void Must(Status status) { ASSERT_TRUE(status) << status.error().message(); }

class MemoryStore final : public store::ObjectStore {
 public:
  Result<std::unique_ptr<store::ObjectWriter>> Create(const store::Location& at) override;
  Status PutIfAbsent(const store::Location& at, std::shared_ptr<arrow::Buffer> bytes) override;
  Result<uint64_t> Size(const store::Location& at) override;
  Result<std::shared_ptr<arrow::Buffer>> Read(const store::Location& at, uint64_t from,
                                              uint64_t size) override;
  Result<std::vector<store::Object>> List(const store::Location& folder) override;
  Status Delete(std::span<const store::Location> objects) override;
  size_t count() const { return objects_.size(); }

  size_t reads = 0;

 private:
  friend class MemoryWriter;
  std::map<store::Location, std::string> objects_;
};

// id bigint primary key, name text, body text (the TOAST one), n int
struct TestRow {
  std::optional<std::string> name;
  std::optional<std::string> body;
  int32_t n = 0;
  friend bool operator==(const TestRow&, const TestRow&) = default;
};
std::ostream& operator<<(std::ostream& out, const TestRow& row);
using TestTable = std::map<int64_t, TestRow>;

TableSchema TestSchema(ReplicaIdentity identity = ReplicaIdentity::kDefault, bool keyed = true);
std::shared_ptr<arrow::Schema> WithFieldIds(const TableSchema& schema);

struct TestChange {
  Op op = Op::kInsert;
  int64_t id = 0;
  TestRow row;
  std::optional<int64_t> old_id;
  bool name_unsent = false;
  bool body_unsent = false;
};

inline TestChange Insert(int64_t id, TestRow row) { return {Op::kInsert, id, std::move(row), {}}; }
inline TestChange Update(int64_t id, TestRow row) { return {Op::kUpdate, id, std::move(row), {}}; }
inline TestChange Move(int64_t from, int64_t to, TestRow row) {
  return {Op::kUpdate, to, std::move(row), from};
}
inline TestChange WithoutBody(TestChange change) {
  change.row.body.reset();
  change.body_unsent = true;
  return change;
}
inline TestChange Delete(int64_t id) { return {Op::kDelete, id, {}, {}}; }
inline TestChange Truncate() { return {Op::kTruncate, 0, {}, {}}; }

// One transaction, or a piece of one.
struct TestRun {
  uint64_t xid = 0;
  std::vector<TestChange> changes;
};
ChangeBatch MakeBatch(const TableSchema& schema, const std::vector<TestRun>& runs);
inline ChangeBatch MakeBatch(const TableSchema& schema, std::vector<TestChange> changes) {
  return MakeBatch(schema, {{.xid = 1, .changes = std::move(changes)}});
}

// What the table is when only the row deltas are known.
class TestLake {
 public:
  void Commit(const RowDelta& delta);
  // Fails the test where a key stands twice.
  TestTable Read(store::ObjectStore& store, const arrow::Schema& file_schema) const;
  // As a restarted process loads it.
  void LoadInto(FileSet& files) const;

  struct File {
    int64_t record_count = 0;
    roaring::Roaring64Map deleted;
  };
  const std::map<store::Location, File>& files() const { return files_; }

 private:
  std::map<store::Location, File> files_;
};

}  // namespace sluice::merge
