// Arrays (src/backend/utils/adt/arrayfuncs.c): the binary form element by element, the text form
// element by element, and from binary to the text array_out prints.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/byte_reader.h"
#include "postgres/values/fault.h"
#include "postgres/values/to_text.h"

namespace sluice::postgres {

// The elements of a plain list in binary form; anything else is kDimensions.
class BinaryArrayReader {
 public:
  explicit BinaryArrayReader(std::string_view bytes) : in_(bytes) {}
  // Reads the header. Call once.
  Fault Open();
  // Next element: false at the end (then check the fault), a nothing in `element` is a null.
  bool Next(std::optional<std::string_view>& element);
  Fault fault() const { return fault_; }

 private:
  ByteReader in_;
  int32_t left_ = 0;
  Fault fault_ = Fault::kNone;
};

// The same of the text form. An element's view is valid until the next call.
class TextArrayReader {
 public:
  TextArrayReader(std::string_view text, char delimiter) : text_(text), delimiter_(delimiter) {}
  Fault Open();
  bool Next(std::optional<std::string_view>& element);
  Fault fault() const { return fault_; }

 private:
  bool Fail(Fault fault);
  bool ReadQuoted();
  bool ReadPlain(std::optional<std::string_view>& element);

  std::string_view text_;
  char delimiter_;
  bool first_ = true;
  bool ended_ = false;
  std::string element_;
  Fault fault_ = Fault::kNone;
};

// Any number of dimensions, with bounds where one is not 1.
Fault ArrayToText(std::string_view bytes, ToText element, char delimiter, std::string& out);

}  // namespace sluice::postgres
