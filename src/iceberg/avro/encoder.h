// Avro's binary encoding (Avro 1.11 specification, "Binary Encoding"), appended to a string. The
// caller writes the values in the order of its schema; nothing here knows it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::iceberg::avro {

class Encoder {
 public:
  explicit Encoder(std::string& out) : out_(out) {}

  void WriteLong(int64_t value) {  // also int
    auto zigzag = (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63);
    while (zigzag >= 0x80) {
      out_.push_back(static_cast<char>((zigzag & 0x7f) | 0x80));
      zigzag >>= 7;
    }
    out_.push_back(static_cast<char>(zigzag));
  }
  void WriteBoolean(bool value) { out_.push_back(value ? '\1' : '\0'); }
  void WriteBytes(std::string_view value) {  // also string
    WriteLong(static_cast<int64_t>(value.size()));
    out_.append(value);
  }
  void WriteUnionIndex(int branch) { WriteLong(branch); }
  // An array or map is one block of `count` items and the empty block that ends it. Of no items,
  // it is the end alone.
  void WriteArrayStart(size_t count) {
    if (count > 0) WriteLong(static_cast<int64_t>(count));
  }
  void WriteArrayEnd() { WriteLong(0); }

 private:
  std::string& out_;
};

}  // namespace sluice::iceberg::avro
