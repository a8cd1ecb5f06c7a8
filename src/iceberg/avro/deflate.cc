#include "iceberg/avro/deflate.h"

#include <zlib.h>

#include <algorithm>
#include <limits>
#include <memory>

namespace sluice::iceberg::avro {

namespace {

// Negative: no zlib header. 15: the whole 32 KiB window.
constexpr int kRawWindowBits = -15;
// Paths and counts repeat, so that higher levels cost time and gain little.
constexpr int kLevel = 4;
constexpr int kMemoryLevel = 8;
// PyIceberg and Avro for Python cut zlib's frame off wrongly and leave some of its checksum behind.
constexpr uInt kTrailerBytesMax = 4;

Bytef* Input(std::string_view bytes) {
  return reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));  // zlib only reads it
}

Bytef* Output(std::string& out, size_t at) { return reinterpret_cast<Bytef*>(out.data() + at); }

}  // namespace

Status Deflate(std::string_view bytes, std::string& out) {
  SLUICE_CHECK(bytes.size() <= std::numeric_limits<uInt>::max(), "a block of 4 GiB");
  z_stream stream{};
  if (deflateInit2(&stream, kLevel, Z_DEFLATED, kRawWindowBits, kMemoryLevel, Z_DEFAULT_STRATEGY) !=
      Z_OK) {
    return MakeError(ErrorKind::kExhausted, "no memory to compress {} bytes", bytes.size());
  }
  const std::unique_ptr<z_stream, int (*)(z_stream*)> end(&stream, &deflateEnd);
  const size_t before = out.size();
  const uLong bound = deflateBound(&stream, static_cast<uLong>(bytes.size()));
  out.resize(before + bound);
  stream.next_in = Input(bytes);
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = Output(out, before);
  stream.avail_out = static_cast<uInt>(bound);
  SLUICE_CHECK(deflate(&stream, Z_FINISH) == Z_STREAM_END, "deflate exceeded its own bound");
  out.resize(before + stream.total_out);
  return {};
}

Status Inflate(std::string_view bytes, size_t size_max, std::string& out) {
  constexpr size_t kGrowBytes = 64 << 10;
  if (bytes.size() > std::numeric_limits<uInt>::max()) {
    return MakeError(ErrorKind::kCorrupt, "deflate: a block of {} bytes", bytes.size());
  }
  z_stream stream{};
  if (inflateInit2(&stream, kRawWindowBits) != Z_OK) {
    return MakeError(ErrorKind::kExhausted, "no memory to decompress {} bytes", bytes.size());
  }
  const std::unique_ptr<z_stream, int (*)(z_stream*)> end(&stream, &inflateEnd);
  stream.next_in = Input(bytes);
  stream.avail_in = static_cast<uInt>(bytes.size());
  int state = Z_OK;
  for (size_t have = 0; state == Z_OK && have <= size_max; have = stream.total_out) {
    if (have + kGrowBytes > out.size()) out.resize(std::max(have + kGrowBytes, 2 * out.size()));
    // One byte above the limit is enough to see that there are more.
    const size_t room = std::min(out.size(), size_max + 1) - have;
    stream.next_out = Output(out, have);
    stream.avail_out = static_cast<uInt>(std::min<size_t>(room, std::numeric_limits<uInt>::max()));
    state = inflate(&stream, Z_NO_FLUSH);
  }
  if (stream.total_out > size_max) {
    return MakeError(ErrorKind::kCorrupt, "deflate: a block of more than {} bytes", size_max);
  }
  if (state != Z_STREAM_END || stream.avail_in > kTrailerBytesMax) {
    return MakeError(ErrorKind::kCorrupt, "deflate: a block of {} bytes is damaged", bytes.size());
  }
  out.resize(stream.total_out);
  return {};
}

}  // namespace sluice::iceberg::avro
