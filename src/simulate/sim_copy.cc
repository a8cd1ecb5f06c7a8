#include "simulate/sim_copy.h"

#include <arrow/array.h>
#include <arrow/builder.h>
#include <arrow/record_batch.h>

#include "iceberg/table_metadata.h"
#include "parquet/data_file_writer.h"

namespace sluice::simulate {

namespace {

std::shared_ptr<arrow::Array> ColumnOf(const std::vector<const Row*>& rows, size_t column,
                                       const arrow::DataType& type) {
  std::shared_ptr<arrow::Array> out;
  arrow::Status built;
  if (type.id() == arrow::Type::INT64) {
    arrow::Int64Builder builder;
    for (const Row* row : rows) {
      const Value& value = (*row)[column];
      built &= value ? builder.Append(std::stoll(*value)) : builder.AppendNull();
    }
    built &= builder.Finish(&out);
  } else {
    arrow::StringBuilder builder;
    for (const Row* row : rows) {
      const Value& value = (*row)[column];
      built &= value ? builder.Append(*value) : builder.AppendNull();
    }
    built &= builder.Finish(&out);
  }
  SLUICE_CHECK(built.ok());
  return out;
}

}  // namespace

std::string SimCopy::Step() {
  if (tasks_.empty()) {
    if (held_) source_.Forget(held_->name);
    held_.reset();
    tasks_ = mirror_.TakeCopies();
    return tasks_.empty() ? "" : Hold();
  }
  // The time of the snapshot is up: the rest goes on under a new one.
  if (random_.OneIn(8)) return Hold();
  const pipeline::CopyTask task = std::move(tasks_.back());
  tasks_.pop_back();
  auto copied = Copy(task);
  std::string done = fmt::format("copy: {} {}", task.chosen.source.name,
                                 copied ? "done" : copied.error().message());
  static_cast<void>(mirror_.CopyDone(task, std::move(copied)));
  return done;
}

std::string SimCopy::Hold() {
  if (held_) source_.Forget(held_->name);
  held_.reset();
  auto held = mirror_.SnapshotForCopies(tasks_);
  if (!held) {
    for (pipeline::CopyTask& task : tasks_) mirror_.CopyAgain(std::move(task));
    tasks_.clear();
    return kNoSnapshot;
  }
  held_ = std::move(*held);
  return fmt::format("copy: {} tables under {}, read at {}", tasks_.size(), held_->name,
                     ToString(held_->insert_lsn));
}

Result<pipeline::CopiedTable> SimCopy::Copy(const pipeline::CopyTask& task) const {
  const Snapshot& snapshot = source_.Find(held_->name);
  // Such a table reads empty under an older snapshot; the copier sees that by its file's number.
  if (snapshot.truncates != database_.visible_truncates()) {
    return MakeError(ErrorKind::kConflict, "truncated during its copy");
  }
  const size_t table = task.chosen.source.oid - database_.tables()[0].source.oid;
  pipeline::CopiedTable out;
  SLUICE_LET(out.files, WriteFiles(task, *snapshot.state[table]));
  out.id = task.chosen.mirror.schema.id;
  out.visibility = held_->visibility;
  out.filter_until = held_->insert_lsn;
  out.bus_from = held_->bus_from;
  out.replaces_uuid = task.replaces_uuid;
  return out;
}

// Some tables in one file, some in several.
Result<std::vector<parquet::DataFile>> SimCopy::WriteFiles(const pipeline::CopyTask& task,
                                                           const Rows& rows) const {
  const auto schema = iceberg::ToArrowSchema(task.target.metadata.current_schema());
  const size_t rows_max = random_.OneIn(2) ? rows.size() + 1 : 5;
  std::vector<parquet::DataFile> out;
  for (auto next = rows.begin(); next != rows.end();) {
    std::vector<const Row*> some;
    while (next != rows.end() && some.size() < rows_max) some.push_back(&(next++)->second);
    arrow::ArrayVector columns;
    for (int i = 0; i < schema->num_fields(); ++i) {
      columns.push_back(ColumnOf(some, static_cast<size_t>(i), *schema->field(i)->type()));
    }
    SLUICE_LET(auto writer, parquet::DataFileWriter::Open(
                                store_, pipeline::NextDataFile(task.target), schema, {}));
    SLUICE_TRY(writer->Write(
        *arrow::RecordBatch::Make(schema, static_cast<int64_t>(some.size()), columns)));
    SLUICE_LET(auto file, writer->Finish());
    out.push_back(std::move(file));
  }
  return out;
}

}  // namespace sluice::simulate
