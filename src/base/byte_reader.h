// Reads integers and strings out of bytes somebody else wrote, never past their end. Once a read
// runs past the end the reader stays failed and yields zeros: check ok() at the end of a message,
// not after every field. Big-endian (network order) unless the name says otherwise.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace sluice {

class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : bytes_(bytes) {}

  bool ok() const { return ok_; }
  // ok() and nothing left over.
  bool done() const { return ok_ && position_ == bytes_.size(); }
  size_t position() const { return position_; }
  size_t remaining() const { return bytes_.size() - position_; }

  uint8_t U8() { return static_cast<uint8_t>(Raw<uint8_t>()); }
  uint16_t U16() { return __builtin_bswap16(Raw<uint16_t>()); }
  uint32_t U32() { return __builtin_bswap32(Raw<uint32_t>()); }
  uint64_t U64() { return __builtin_bswap64(Raw<uint64_t>()); }
  int16_t I16() { return static_cast<int16_t>(U16()); }
  int32_t I32() { return static_cast<int32_t>(U32()); }
  int64_t I64() { return static_cast<int64_t>(U64()); }
  uint32_t U32Little() { return Raw<uint32_t>(); }
  uint64_t U64Little() { return Raw<uint64_t>(); }

  std::string_view Bytes(size_t size) {
    if (size > remaining()) return Fail();
    const std::string_view out = bytes_.substr(position_, size);
    position_ += size;
    return out;
  }
  // Up to the next NUL, which is consumed and not returned.
  std::string_view CString() {
    const size_t end = bytes_.find('\0', position_);
    if (end == std::string_view::npos) return Fail();
    const std::string_view out = bytes_.substr(position_, end - position_);
    position_ = end + 1;
    return out;
  }

 private:
  static_assert(std::endian::native == std::endian::little);

  template <typename T>
  T Raw() {
    T value{};
    if (remaining() < sizeof(T)) {
      Fail();
      return value;
    }
    std::memcpy(&value, bytes_.data() + position_, sizeof(T));
    position_ += sizeof(T);
    return value;
  }
  std::string_view Fail() {
    ok_ = false;
    position_ = bytes_.size();
    return {};
  }

  std::string_view bytes_;
  size_t position_ = 0;
  bool ok_ = true;
};

}  // namespace sluice
