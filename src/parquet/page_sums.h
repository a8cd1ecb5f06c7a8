// Checksums of whole pages, headers too, which Parquet's own leaves out: there stands how many
// values a page has and how they are encoded. Kept at the file's end (file_tail.h).
#pragma once

#include <arrow/io/interfaces.h>
#include <arrow/result.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

struct XXH3_state_s;

namespace sluice::parquet {

struct PageSum {
  uint64_t offset = 0;  // of the page's header in the file
  uint64_t sum = 0;     // XXH3-64 of header and page, seeded with the offset
};

// Passes bytes on to a file that is written, and sums those of each page.
class PageSummer final : public arrow::io::OutputStream {
 public:
  explicit PageSummer(std::shared_ptr<arrow::io::OutputStream> sink);
  ~PageSummer() override;

  // Before and after a page is written. Begin throws Parquet's exceptions.
  void Begin();
  void End();
  const std::vector<PageSum>& sums() const { return sums_; }

  arrow::Status Close() override { return sink_->Close(); }
  bool closed() const override { return sink_->closed(); }
  arrow::Result<int64_t> Tell() const override { return sink_->Tell(); }
  arrow::Status Write(const void* data, int64_t size) override;
  arrow::Status Write(const std::shared_ptr<arrow::Buffer>& data) override;

 private:
  std::shared_ptr<arrow::io::OutputStream> sink_;
  XXH3_state_s* state_;
  std::vector<PageSum> sums_;
};

// Of a file that is read, by offset.
class PageSums {
 public:
  PageSums() = default;
  // Ascending, as pages are written.
  explicit PageSums(std::vector<PageSum> sums) : sums_(std::move(sums)) {}

  // The pages that begin in [begin, end).
  std::span<const PageSum> In(int64_t begin, int64_t end) const;
  // Throws when `page`, which stands at `offset`, is not what was written there.
  void Check(int64_t offset, std::string_view page) const;

 private:
  std::vector<PageSum> sums_;
};

}  // namespace sluice::parquet
