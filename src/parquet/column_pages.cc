#include "parquet/column_pages.h"

#include <arrow/array.h>
#include <arrow/buffer.h>
#include <parquet/schema.h>

#include <bit>
#include <utility>

#include "parquet/hybrid_encoding.h"
#include "parquet/writer_settings.h"

namespace sluice::parquet {

namespace {

// What compression has to save at least.
constexpr double kWorthCompressing = 0.97;

int WidthOfLevels(int16_t max) { return std::bit_width(static_cast<uint16_t>(max)); }

// A level section of a page V1 begins with its size.
template <typename Append>
void AppendSized(std::string& out, const Append& append) {
  const size_t begin = out.size();
  out.append(sizeof(uint32_t), '\0');
  append();
  const auto size = static_cast<uint32_t>(out.size() - begin - sizeof(uint32_t));
  out.replace(begin, sizeof(size), reinterpret_cast<const char*>(&size), sizeof(size));
}

}  // namespace

ColumnPages::ColumnPages(const Leaf& leaf, const ::parquet::ColumnDescriptor& column,
                         bool dictionary, PageCompressor& compressor)
    : column_(column),
      compressor_(compressor),
      values_(ValueEncoder::Make(*leaf.type, dictionary)) {}

void ColumnPages::Put(const LeafLevels& levels, int64_t rows) {
  if (rows_ + rows > kPageRowsMax) EndPage();
  const arrow::Array& values = *levels.values();
  TakeLevels(levels);
  values_->Put(values);
  rows_ += rows;
  levels_count_ += levels.count();
  values_count_ += values.length() - values.null_count();
  if (values_->page_bytes() >= kPageBytes || values_->page_must_end()) EndPage();
}

void ColumnPages::TakeLevels(const LeafLevels& levels) {
  const auto count = static_cast<size_t>(levels.count());
  if (column_.max_repetition_level() > 0) {
    repetition_.insert(repetition_.end(), levels.repetition(), levels.repetition() + count);
  }
  const int16_t max = column_.max_definition_level();
  if (max == 0 || (all_defined_ && levels.all_defined())) return;
  if (std::exchange(all_defined_, false)) {
    definition_.assign(static_cast<size_t>(levels_count_), max);
  }
  if (levels.all_defined()) {
    definition_.insert(definition_.end(), count, max);
  } else {
    definition_.insert(definition_.end(), levels.definition(), levels.definition() + count);
  }
}

void ColumnPages::AppendLevels(std::string& out) const {
  if (const int16_t max = column_.max_repetition_level(); max > 0) {
    AppendSized(
        out, [&] { AppendHybrid(std::span<const int16_t>(repetition_), WidthOfLevels(max), out); });
  }
  if (const int16_t max = column_.max_definition_level(); max > 0) {
    AppendSized(out, [&] {
      if (all_defined_) {
        AppendHybridRun(static_cast<uint32_t>(max), static_cast<uint64_t>(levels_count_),
                        WidthOfLevels(max), out);
      } else {
        AppendHybrid(std::span<const int16_t>(definition_), WidthOfLevels(max), out);
      }
    });
  }
}

void ColumnPages::EndPage() {
  if (levels_count_ == 0) return;
  bytes_.clear();
  AppendLevels(bytes_);
  ::parquet::EncodedStatistics statistics;
  const auto encoding = values_->EndPage(bytes_, statistics);
  const int64_t nulls = levels_count_ - values_count_;
  Finish(statistics, nulls, values_count_ > 0);
  const auto size = static_cast<int64_t>(bytes_.size());
  const auto packed = Pack(bytes_);
  pages_.emplace_back(packed, static_cast<int32_t>(levels_count_), encoding,
                      ::parquet::Encoding::RLE, ::parquet::Encoding::RLE, size,
                      std::move(statistics), chunk_rows_);
  ended_bytes_ += size;
  packed_bytes_ += packed->size();
  chunk_rows_ += std::exchange(rows_, 0);
  chunk_nulls_ += nulls;
  chunk_values_ += std::exchange(values_count_, 0);
  levels_count_ = 0;
  all_defined_ = true;
  definition_.clear();
  repetition_.clear();
}

std::shared_ptr<arrow::Buffer> ColumnPages::Pack(std::string_view bytes) {
  if (!compressed()) return compressor_.Copy(bytes);
  auto packed = compressor_.Compress(bytes);
  if (compressed_.has_value()) return packed;
  compressed_ =
      static_cast<double>(packed->size()) <= kWorthCompressing * static_cast<double>(bytes.size());
  return *compressed_ ? packed : compressor_.Copy(bytes);
}

void ColumnPages::Finish(::parquet::EncodedStatistics& statistics, int64_t nulls, bool any) const {
  statistics.set_null_count(nulls);
  statistics.all_null_value = !any;
  statistics.set_is_signed(column_.sort_order() == ::parquet::SortOrder::SIGNED);
  statistics.ApplyStatSizeLimits(kStatisticsBytesMax);
}

int64_t ColumnPages::WriteChunk(::parquet::PageWriter& pages, PageSummer& summer,
                                ::parquet::ColumnChunkMetaDataBuilder& chunk) {
  int64_t bytes = 0;
  const auto dictionary = values_->dictionary();
  bool outgrown = false;
  if (dictionary.used) {
    summer.Begin();
    bytes += pages.WriteDictionaryPage(
        ::parquet::DictionaryPage(std::make_shared<arrow::Buffer>(dictionary.page), dictionary.size,
                                  ::parquet::Encoding::PLAIN));
    summer.End();
  }
  for (const ::parquet::DataPageV1& page : pages_) {
    outgrown |= dictionary.used && page.encoding() == ::parquet::Encoding::PLAIN;
    summer.Begin();
    bytes += pages.WriteDataPage(page);
    summer.End();
  }
  ::parquet::EncodedStatistics statistics;
  values_->EndChunk(statistics);
  Finish(statistics, chunk_nulls_, chunk_values_ > 0);
  chunk.SetStatistics(statistics);
  pages.Close(dictionary.used, outgrown);
  pages_.clear();
  chunk_rows_ = chunk_nulls_ = chunk_values_ = ended_bytes_ = packed_bytes_ = 0;
  return bytes;
}

}  // namespace sluice::parquet
