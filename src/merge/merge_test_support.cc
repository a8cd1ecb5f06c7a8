#include "merge/merge_test_support.h"

#include <ostream>

#include "parquet/data_file_reader.h"

namespace sluice::merge {

class MemoryWriter final : public store::ObjectWriter {
 public:
  MemoryWriter(MemoryStore& store, store::Location at) : store_(store), at_(std::move(at)) {}
  Status Append(std::shared_ptr<arrow::Buffer> bytes) override {
    content_ += bytes->ToString();
    return {};
  }
  Result<uint64_t> Finish() override {
    store_.objects_[at_] = content_;
    return content_.size();
  }

 private:
  MemoryStore& store_;
  store::Location at_;
  std::string content_;
};

namespace {

Error Absent(const store::Location& at) {
  return MakeError(ErrorKind::kUnavailable, "{} is absent", at).WithCode("ENOENT");
}

void Check(const arrow::Status& status) { ASSERT_TRUE(status.ok()) << status.ToString(); }

void AppendText(arrow::StringBuilder& builder, const std::optional<std::string>& text) {
  Check(text ? builder.Append(*text) : builder.AppendNull());
}

struct Columns {
  arrow::Int64Builder id;
  arrow::StringBuilder name;
  arrow::StringBuilder body;
  arrow::Int32Builder n;
  arrow::Int64Builder old_id;
  std::vector<bool> unsent;

  void Append(const TestChange& change) {
    const bool has_values = change.op == Op::kInsert || change.op == Op::kUpdate;
    Check(change.op == Op::kTruncate ? id.AppendNull() : id.Append(change.id));
    AppendText(name, change.row.name);
    AppendText(body, change.row.body);
    Check(has_values ? n.Append(change.row.n) : n.AppendNull());
    Check(change.old_id ? old_id.Append(*change.old_id) : old_id.AppendNull());
    unsent.insert(unsent.end(), {false, change.name_unsent, change.body_unsent, false});
  }
};

std::shared_ptr<arrow::Buffer> ToBits(const std::vector<bool>& bits) {
  arrow::TypedBufferBuilder<bool> builder;
  for (const bool bit : bits) Check(builder.Append(bit));
  return builder.Finish().ValueOrDie();
}

std::optional<std::string> TextAt(const arrow::RecordBatch& rows, int column, int64_t row) {
  const auto& array = static_cast<const arrow::StringArray&>(*rows.column(column));
  if (array.IsNull(row)) return std::nullopt;
  return array.GetString(row);
}

}  // namespace

Result<std::unique_ptr<store::ObjectWriter>> MemoryStore::Create(const store::Location& at) {
  return std::make_unique<MemoryWriter>(*this, at);
}

Status MemoryStore::PutIfAbsent(const store::Location& at, std::shared_ptr<arrow::Buffer> bytes) {
  if (!objects_.emplace(at, bytes->ToString()).second) {
    return MakeError(ErrorKind::kConflict, "{} exists", at);
  }
  return {};
}

Result<uint64_t> MemoryStore::Size(const store::Location& at) {
  const auto found = objects_.find(at);
  if (found == objects_.end()) return Absent(at);
  return found->second.size();
}

Result<std::shared_ptr<arrow::Buffer>> MemoryStore::Read(const store::Location& at, uint64_t from,
                                                         uint64_t size) {
  ++reads;
  const auto found = objects_.find(at);
  if (found == objects_.end()) return Absent(at);
  return arrow::Buffer::FromString(found->second.substr(from, size));
}

Result<std::vector<store::Object>> MemoryStore::List(const store::Location& folder) {
  std::vector<store::Object> out;
  for (const auto& [at, content] : objects_) {
    if (at.starts_with(folder)) out.push_back({at, content.size(), 0});
  }
  return out;
}

Status MemoryStore::Delete(std::span<const store::Location> objects) {
  for (const store::Location& at : objects) objects_.erase(at);
  return {};
}

std::ostream& operator<<(std::ostream& out, const TestRow& row) {
  return out << "(" << row.name.value_or("null") << ", " << row.body.value_or("null") << ", "
             << row.n << ")";
}

TableSchema TestSchema(ReplicaIdentity identity, bool keyed) {
  TableSchema out;
  out.id = {.oid = 4711, .incarnation = 1};
  out.version = {1};
  out.schema_name = "public";
  out.name = "hives";
  out.identity = identity;
  const auto add = [&out](std::string name, std::shared_ptr<arrow::DataType> type) {
    Column column;
    column.attnum = static_cast<int16_t>(out.columns.size() + 1);
    column.name = std::move(name);
    column.lake_type = std::move(type);
    out.columns.push_back(std::move(column));
  };
  add("id", arrow::int64());
  add("name", arrow::utf8());
  add("body", arrow::utf8());
  add("n", arrow::int32());
  out.columns[0].key = keyed;
  return out;
}

std::shared_ptr<arrow::Schema> WithFieldIds(const TableSchema& schema) {
  arrow::FieldVector fields;
  const std::shared_ptr<arrow::Schema> rows = schema.RowSchema();
  for (const auto& field : rows->fields()) {
    fields.push_back(field->WithMetadata(
        arrow::key_value_metadata({"PARQUET:field_id"}, {std::to_string(fields.size() + 1)})));
  }
  return arrow::schema(std::move(fields));
}

ChangeBatch MakeBatch(const TableSchema& schema, const std::vector<TestRun>& runs) {
  ChangeBatch out;
  out.table = schema.id;
  out.schema = schema.version;
  Columns columns;
  bool moved = false;
  for (const TestRun& run : runs) {
    for (const TestChange& change : run.changes) {
      columns.Append(change);
      out.operations.push_back(change.op);
      moved = moved || change.old_id;
    }
    TransactionRun meta;
    meta.end_lsn = {run.xid};
    meta.xid = run.xid;
    meta.row_end = static_cast<uint32_t>(out.operations.size());
    out.runs.push_back(meta);
  }
  const int64_t rows = out.row_count();
  out.rows = arrow::RecordBatch::Make(
      ChangeRowSchema(schema), rows,
      {columns.id.Finish().ValueOrDie(), columns.name.Finish().ValueOrDie(),
       columns.body.Finish().ValueOrDie(), columns.n.Finish().ValueOrDie()});
  if (moved) {
    out.old_keys = arrow::RecordBatch::Make(ChangeKeySchema(schema), rows,
                                            {columns.old_id.Finish().ValueOrDie()});
  }
  if (std::find(columns.unsent.begin(), columns.unsent.end(), true) != columns.unsent.end()) {
    out.unsent = ToBits(columns.unsent);
  }
  return out;
}

void TestLake::Commit(const RowDelta& delta) {
  for (const parquet::DataFile& file : delta.added) {
    EXPECT_TRUE(files_.emplace(file.location, File{file.record_count, {}}).second);
  }
  int64_t deleted = 0;
  for (const auto& [at, rows] : delta.deleted) {
    ASSERT_TRUE(files_.contains(at)) << at;
    EXPECT_TRUE((files_[at].deleted & rows).isEmpty()) << "rows deleted twice";
    EXPECT_FALSE(rows.isEmpty());
    files_[at].deleted |= rows;
    deleted += static_cast<int64_t>(rows.cardinality());
    EXPECT_LT(files_[at].deleted.cardinality(), static_cast<uint64_t>(files_[at].record_count));
  }
  for (const store::Location& at : delta.removed) {
    ASSERT_TRUE(files_.contains(at)) << at;
    deleted += files_[at].record_count - static_cast<int64_t>(files_[at].deleted.cardinality());
    files_.erase(at);
  }
  EXPECT_EQ(delta.rows_deleted, deleted);
}

TestTable TestLake::Read(store::ObjectStore& store, const arrow::Schema& file_schema) const {
  TestTable out;
  for (const auto& [at, file] : files_) {
    const auto reader = Must(parquet::DataFileReader::Open(store, at));
    EXPECT_EQ(reader->row_count(), file.record_count);
    const auto take = [&](int64_t first, const arrow::RecordBatch& rows) -> Status {
      const auto& id = static_cast<const arrow::Int64Array&>(*rows.column(0));
      const auto& n = static_cast<const arrow::Int32Array&>(*rows.column(3));
      for (int64_t i = 0; i < rows.num_rows(); ++i) {
        if (file.deleted.contains(static_cast<uint64_t>(first + i))) continue;
        const TestRow row{TextAt(rows, 1, i), TextAt(rows, 2, i), n.Value(i)};
        EXPECT_TRUE(out.emplace(id.Value(i), row).second) << "key twice: " << id.Value(i);
      }
      return {};
    };
    Must(reader->Scan(file_schema, 1000, take));
  }
  return out;
}

void TestLake::LoadInto(FileSet& files) const {
  for (const auto& [at, file] : files_) {
    roaring::Roaring deleted;
    for (const uint64_t row : file.deleted) deleted.add(static_cast<uint32_t>(row));
    files.AddCommitted(at, file.record_count, deleted);
  }
}

}  // namespace sluice::merge
