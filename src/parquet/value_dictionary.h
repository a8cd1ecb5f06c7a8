// The distinct values of a column chunk, numbered as they come, with the page that holds them.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::parquet {

// Open addressing at most half full; slots hold a number and what tells its value from others.
template <typename Tag>
class NumberedSlots {
 public:
  // The number of the value with `tag` at `hash`, for which `is_it(number)` holds; `next` where
  // there is none.
  template <typename IsIt>
  uint32_t FindOrAdd(uint64_t hash, Tag tag, uint32_t next, const IsIt& is_it) {
    if (size_ * 2 >= slots_.size()) Grow();
    size_t at = hash >> shift_;
    for (; slots_[at].number != kFree; at = (at + 1) & (slots_.size() - 1)) {
      if (slots_[at].tag == tag && is_it(slots_[at].number)) return slots_[at].number;
    }
    slots_[at] = {tag, next};
    hashes_.push_back(hash);
    ++size_;
    return next;
  }
  void Clear() {
    slots_.assign(kLeast, {});
    shift_ = 64 - kLeastBits;
    size_ = 0;
    hashes_.clear();
  }

 private:
  static constexpr uint32_t kFree = ~uint32_t{0};
  static constexpr int kLeastBits = 6;
  static constexpr size_t kLeast = size_t{1} << kLeastBits;
  struct Slot {
    Tag tag{};
    uint32_t number = kFree;
  };

  void Grow() {
    std::vector<Slot> old(slots_.size() * 2);
    old.swap(slots_);
    --shift_;
    for (const Slot& slot : old) {
      if (slot.number == kFree) continue;
      size_t at = hashes_[slot.number] >> shift_;
      while (slots_[at].number != kFree) at = (at + 1) & (slots_.size() - 1);
      slots_[at] = slot;
    }
  }

  std::vector<Slot> slots_ = std::vector<Slot>(kLeast);
  std::vector<uint64_t> hashes_;  // by number
  int shift_ = 64 - kLeastBits;
  size_t size_ = 0;
};

// Of values of four or eight bytes, told apart by their bits.
template <typename Bits>
class NumberDictionary {
 public:
  uint32_t NumberOf(Bits value) {
    const uint64_t hash = uint64_t{value} * 0x9E3779B97F4A7C15U;
    const auto next = static_cast<uint32_t>(values_.size());
    const uint32_t number = slots_.FindOrAdd(hash, value, next, [](uint32_t) { return true; });
    if (number == next) values_.push_back(value);
    return number;
  }
  size_t size() const { return values_.size(); }
  size_t bytes() const { return values_.size() * sizeof(Bits); }
  // PLAIN form.
  std::string_view page() const { return {reinterpret_cast<const char*>(values_.data()), bytes()}; }
  void Clear() {
    slots_.Clear();
    values_.clear();
  }

 private:
  NumberedSlots<Bits> slots_;
  std::vector<Bits> values_;
};

// Of strings and bytes. `prefixed`: the page has each value's length before it.
class BytesDictionary {
 public:
  explicit BytesDictionary(bool prefixed) : prefixed_(prefixed) {}

  uint32_t NumberOf(std::string_view value);
  std::string_view value(size_t number) const {
    return std::string_view(page_).substr(begins_[number], ends_[number] - begins_[number]);
  }
  size_t size() const { return ends_.size(); }
  size_t bytes() const { return page_.size(); }
  std::string_view page() const { return page_; }
  void Clear();

 private:
  bool prefixed_;
  NumberedSlots<uint32_t> slots_;
  std::string page_;
  std::vector<size_t> begins_;
  std::vector<size_t> ends_;
};

}  // namespace sluice::parquet
