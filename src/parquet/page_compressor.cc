#include "parquet/page_compressor.h"

#include <arrow/buffer.h>
#include <parquet/exception.h>
#include <zstd.h>

#include <cstring>
#include <new>

namespace sluice::parquet {

PageCompressor::PageCompressor(int level, arrow::MemoryPool* pool)
    : pool_(pool), context_(ZSTD_createCCtx()) {
  if (context_ == nullptr) throw std::bad_alloc();
  ZSTD_CCtx_setParameter(context_, ZSTD_c_compressionLevel, level);
}

PageCompressor::~PageCompressor() { ZSTD_freeCCtx(context_); }

std::shared_ptr<arrow::Buffer> PageCompressor::Compress(std::string_view bytes) {
  const size_t bound = ZSTD_compressBound(bytes.size());
  if (room_.size() < bound) room_.resize(bound);
  const size_t size =
      ZSTD_compress2(context_, room_.data(), room_.size(), bytes.data(), bytes.size());
  if (ZSTD_isError(size) != 0) {
    throw ::parquet::ParquetException("zstd: ", ZSTD_getErrorName(size));
  }
  return Copy({room_.data(), size});
}

std::shared_ptr<arrow::Buffer> PageCompressor::Copy(std::string_view bytes) {
  PARQUET_ASSIGN_OR_THROW(std::shared_ptr<arrow::Buffer> out,
                          arrow::AllocateBuffer(static_cast<int64_t>(bytes.size()), pool_));
  std::memcpy(out->mutable_data(), bytes.data(), bytes.size());
  return out;
}

}  // namespace sluice::parquet
