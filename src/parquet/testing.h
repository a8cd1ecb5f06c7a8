// Rows of every lake type for tests, with the edge values of each.
#pragma once

#include <arrow/type_fwd.h>

#include <cstdint>
#include <memory>
#include <string>

#include "base/error.h"
#include "parquet/data_file_writer.h"

namespace sluice::parquet::testing {

// With PARQUET:field_id `id`; a list's element has id + 100, that one's element id + 200.
std::shared_ptr<arrow::Field> LakeField(const std::string& name,
                                        const std::shared_ptr<arrow::DataType>& type, int id,
                                        bool nullable = true);

// A column of each lake type, of decimals of each width, and lists of lists; ids from 1. The first,
// "id", is a required long; each type is there nullable and, named "r_...", required.
std::shared_ptr<arrow::Schema> AllTypes();

// Random, seeded; about one value in four is an edge value, one in six null where allowed.
std::shared_ptr<arrow::RecordBatch> RandomRows(const std::shared_ptr<arrow::Schema>& schema,
                                               int64_t rows, uint64_t seed);

// Writes the batches to one file.
Result<DataFile> WriteFile(store::ObjectStore& store, const store::Location& at,
                           const std::vector<std::shared_ptr<arrow::RecordBatch>>& batches,
                           const WriterOptions& options = {});

}  // namespace sluice::parquet::testing
