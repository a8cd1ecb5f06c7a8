// zstd with one context for all pages of a file: making one anew for each costs as much as
// compressing a small page.
#pragma once

#include <arrow/type_fwd.h>

#include <memory>
#include <string>
#include <string_view>

struct ZSTD_CCtx_s;

namespace sluice::parquet {

class PageCompressor {
 public:
  PageCompressor(int level, arrow::MemoryPool* pool);
  ~PageCompressor();
  PageCompressor(const PageCompressor&) = delete;
  PageCompressor& operator=(const PageCompressor&) = delete;

  // Throws ParquetException, as what it is called among does.
  std::shared_ptr<arrow::Buffer> Compress(std::string_view bytes);
  std::shared_ptr<arrow::Buffer> Copy(std::string_view bytes);

 private:
  arrow::MemoryPool* pool_;
  ZSTD_CCtx_s* context_;
  std::string room_;
};

}  // namespace sluice::parquet
