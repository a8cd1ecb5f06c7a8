#include "parquet/page_sums.h"

#include <arrow/buffer.h>
#include <parquet/exception.h>
#include <xxhash.h>

#include <algorithm>
#include <new>

namespace sluice::parquet {

PageSummer::PageSummer(std::shared_ptr<arrow::io::OutputStream> sink)
    : sink_(std::move(sink)), state_(XXH3_createState()) {
  if (state_ == nullptr) throw std::bad_alloc();
  XXH3_64bits_reset(state_);
}

PageSummer::~PageSummer() { XXH3_freeState(state_); }

void PageSummer::Begin() {
  PARQUET_ASSIGN_OR_THROW(const int64_t offset, sink_->Tell());
  sums_.push_back({static_cast<uint64_t>(offset), 0});
  XXH3_64bits_reset_withSeed(state_, sums_.back().offset);
}

void PageSummer::End() { sums_.back().sum = XXH3_64bits_digest(state_); }

arrow::Status PageSummer::Write(const void* data, int64_t size) {
  XXH3_64bits_update(state_, data, static_cast<size_t>(size));
  return sink_->Write(data, size);
}

arrow::Status PageSummer::Write(const std::shared_ptr<arrow::Buffer>& data) {
  XXH3_64bits_update(state_, data->data(), static_cast<size_t>(data->size()));
  return sink_->Write(data);
}

std::span<const PageSum> PageSums::In(int64_t begin, int64_t end) const {
  const auto at = [&](int64_t offset) {
    return std::lower_bound(
        sums_.begin(), sums_.end(), static_cast<uint64_t>(offset),
        [](const PageSum& page, uint64_t wanted) { return page.offset < wanted; });
  };
  return {at(begin), at(end)};
}

void PageSums::Check(int64_t offset, std::string_view page) const {
  const auto found = In(offset, offset + 1);
  const auto seed = static_cast<uint64_t>(offset);
  if (!found.empty() && XXH3_64bits_withSeed(page.data(), page.size(), seed) == found[0].sum) {
    return;
  }
  throw ::parquet::ParquetException("the checksum of the page at byte ", offset, " is wrong");
}

}  // namespace sluice::parquet
