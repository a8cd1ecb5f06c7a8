// The schema a file was written with, as its header states it (Avro 1.11 specification, "Schema
// Declaration"), with Iceberg's field ids. Reading follows the writer's schema, so a file of any
// writer decodes: unknown fields are skipped, known ones are found by id, whatever their order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace sluice::iceberg::avro {

enum class Kind : uint8_t {
  kNull,
  kBoolean,
  kInt,
  kLong,
  kFloat,
  kDouble,
  kBytes,
  kString,
  kFixed,
  kEnum,
  kArray,
  kMap,
  kRecord,
  kUnion,
};

struct Type;

inline constexpr int kNoFieldId = -1;

struct RecordField {
  std::string name;
  int field_id = kNoFieldId;
  const Type* type = nullptr;
};

struct Type {
  Kind kind = Kind::kNull;
  size_t fixed_size = 0;              // kFixed
  std::vector<RecordField> fields;    // kRecord
  std::vector<const Type*> branches;  // kUnion: all; kArray and kMap: the one of its items
};

// Owns its types; they may refer to each other in a circle. Moves keep their addresses.
class Schema {
 public:
  // kCorrupt: no Avro schema, or nested deeper than 64.
  static Result<Schema> Parse(std::string_view json);
  // The same, remembered: a program's files carry few different ones, and to parse one costs more
  // than to read a small file. Any thread.
  static Result<std::shared_ptr<const Schema>> ParseOnce(std::string_view json);
  const Type& root() const { return *root_; }

 private:
  friend class SchemaParser;
  std::deque<Type> types_;
  const Type* root_ = nullptr;
};

}  // namespace sluice::iceberg::avro
