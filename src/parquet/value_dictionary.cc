#include "parquet/value_dictionary.h"

#define XXH_INLINE_ALL  // short values: the call would cost as much as the hash
#include <xxhash.h>

namespace sluice::parquet {

uint32_t BytesDictionary::NumberOf(std::string_view value) {
  const uint64_t hash = XXH3_64bits(value.data(), value.size());
  const auto next = static_cast<uint32_t>(size());
  const uint32_t number =
      slots_.FindOrAdd(hash, static_cast<uint32_t>(hash), next,
                       [&](uint32_t candidate) { return this->value(candidate) == value; });
  if (number != next) return number;
  if (prefixed_) {
    const auto length = static_cast<uint32_t>(value.size());
    page_.append(reinterpret_cast<const char*>(&length), sizeof(length));
  }
  begins_.push_back(page_.size());
  page_.append(value);
  ends_.push_back(page_.size());
  return number;
}

void BytesDictionary::Clear() {
  slots_.Clear();
  page_.clear();
  begins_.clear();
  ends_.clear();
}

}  // namespace sluice::parquet
