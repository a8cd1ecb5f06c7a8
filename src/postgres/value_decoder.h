// Postgres values of one column, binary or text, into an Arrow builder of the lake type. Nothing is
// rounded, cut or guessed: a value that the lake type cannot hold is kUnsupported, naming the
// column, the reason and the configuration line that takes it; bytes that are no value of the type
// are kCorrupt. The value itself is never named.
#pragma once

#include <arrow/type_fwd.h>

#include <cstdint>
#include <memory>
#include <string_view>

#include "base/error.h"
#include "postgres/type_mapping.h"
#include "postgres/values/fault.h"

namespace sluice::postgres {

enum class Form : uint8_t { kBinary, kText };

// A value as it stands in a message: its bytes, or null.
struct WireField {
  static constexpr int32_t kNull = -1;
  const char* at = nullptr;
  int32_t size = kNull;
  std::string_view bytes() const { return {at, static_cast<size_t>(size)}; }
};

// One column of rows that lie behind each other.
struct WireColumn {
  const WireField* first = nullptr;
  size_t stride = 1;  // fields from row to row
  size_t rows = 0;
};

class ValueDecoder {
 public:
  virtual ~ValueDecoder() = default;
  static Result<std::unique_ptr<ValueDecoder>> Make(const std::string& column_name,
                                                    const SourceType& type, const Mapping& mapping,
                                                    arrow::MemoryPool* pool);
  // One value each. A call that fails adds nothing, and the decoder can go on. A code comes back,
  // since an Error is handed over in memory, which is a tenth of a copy's decoding; Refuse has its
  // words, asked right after.
  virtual Fault TakeBinary(std::string_view bytes) = 0;  // the form of the type's send function
  virtual Fault TakeText(std::string_view text) = 0;     // the form of its output function
  virtual Fault TakeNull() = 0;
  virtual Error Refuse(Fault fault, Form form) const = 0;
  // Many values; those before the one that fails may stay.
  virtual Fault TakeBinaryColumn(const WireColumn& column);
  Fault TakeTextColumn(const WireColumn& column);

  Status Binary(std::string_view bytes) { return Told(TakeBinary(bytes), Form::kBinary); }
  Status Text(std::string_view text) { return Told(TakeText(text), Form::kText); }
  Status Null() { return Told(TakeNull(), Form::kBinary); }
  virtual int64_t length() const = 0;
  virtual int64_t bytes() const = 0;  // held, estimated
  // The values so far; the decoder is empty after it.
  virtual Result<std::shared_ptr<arrow::Array>> Finish() = 0;

 private:
  Status Told(Fault fault, Form form) const {
    if (fault == Fault::kNone) [[likely]]
      return {};
    return Refuse(fault, form);
  }
};

}  // namespace sluice::postgres
