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

namespace sluice::postgres {

class ValueDecoder {
 public:
  virtual ~ValueDecoder() = default;
  static Result<std::unique_ptr<ValueDecoder>> Make(const std::string& column_name,
                                                    const SourceType& type, const Mapping& mapping,
                                                    arrow::MemoryPool* pool);
  // One value each. A call that fails adds nothing, and the decoder can go on.
  virtual Status Binary(std::string_view bytes) = 0;  // the form of the type's send function
  virtual Status Text(std::string_view text) = 0;     // the form of its output function
  virtual Status Null() = 0;
  virtual int64_t length() const = 0;
  virtual int64_t bytes() const = 0;  // held, estimated
  // The values so far; the decoder is empty after it.
  virtual Result<std::shared_ptr<arrow::Array>> Finish() = 0;
};

}  // namespace sluice::postgres
