// Values of one leaf column into the bodies of Parquet pages, PLAIN or by dictionary, with the
// smallest and greatest of each page and chunk found on the way.
#pragma once

#include <arrow/type_fwd.h>
#include <parquet/statistics.h>
#include <parquet/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace sluice::parquet {

class ValueEncoder {
 public:
  virtual ~ValueEncoder() = default;
  // `type`: a lake type, no list. `dictionary`: begin with one; whoever outgrows it goes on
  // without, for good.
  static std::unique_ptr<ValueEncoder> Make(const arrow::DataType& type, bool dictionary);

  // Values of the open page; nulls are passed over.
  virtual void Put(const arrow::Array& values) = 0;
  // Of the open page's values, encoded, and of the dictionary.
  virtual int64_t page_bytes() const = 0;
  virtual int64_t dictionary_bytes() const = 0;
  // The page has to end before the next Put: its encoding changes.
  virtual bool page_must_end() const { return false; }
  // Appends the open page's values to `out`, tells their range, and begins the next page.
  virtual ::parquet::Encoding::type EndPage(std::string& out,
                                            ::parquet::EncodedStatistics& range) = 0;

  // The chunk's dictionary; size 0 where no page uses one. Good until EndChunk.
  struct Dictionary {
    std::string_view page;
    int32_t size = 0;
    bool used = false;
  };
  virtual Dictionary dictionary() const { return {}; }
  // Tells the range of the chunk's values and begins the next chunk.
  virtual void EndChunk(::parquet::EncodedStatistics& range) = 0;
};

}  // namespace sluice::parquet
