// Reads the columns of a text result one after the other. For catalog queries of our own, whose
// columns are known: a null or a missing column reads as empty, zero, false.
#pragma once

#include <charconv>
#include <cstdint>
#include <string>

#include "postgres/connection.h"

namespace sluice::postgres {

class RowReader {
 public:
  explicit RowReader(const Row& row) : row_(row) {}

  bool IsNull() const { return next_ >= row_.size() || !row_[next_].has_value(); }
  std::string Text() {
    const bool null = IsNull();
    const size_t at = next_++;
    return null ? std::string() : *row_[at];
  }
  bool Bool() { return Text() == "t"; }
  char Char() {
    const std::string text = Text();
    return text.empty() ? '\0' : text.front();
  }
  template <typename Integer>
  Integer Number() {
    const std::string text = Text();
    Integer out = 0;
    std::from_chars(text.data(), text.data() + text.size(), out);
    return out;
  }

 private:
  const Row& row_;
  size_t next_ = 0;
};

}  // namespace sluice::postgres
