// Arrays of one dimension: the elements go through a decoder of their own.
#include <arrow/array/array_base.h>
#include <arrow/array/concatenate.h>
#include <arrow/type.h>

#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "postgres/value_decoder_internal.h"
#include "postgres/values/array.h"
#include "postgres/values/column_buffer.h"

namespace sluice::postgres {

namespace {

class ListDecoder final : public ValueDecoder {
 public:
  ListDecoder(const DecoderSpec& spec, std::unique_ptr<ValueDecoder> element, char delimiter)
      : type_(spec.lake),
        refusal_(spec.refusal),
        element_(std::move(element)),
        delimiter_(delimiter),
        offsets_(spec.pool),
        validity_(spec.pool),
        pool_(spec.pool) {}

  Fault TakeBinary(std::string_view bytes) override {
    return Take(BinaryArrayReader(bytes),
                [this](std::string_view value) { return element_->TakeBinary(value); });
  }
  Fault TakeText(std::string_view text) override {
    return Take(TextArrayReader(text, delimiter_),
                [this](std::string_view value) { return element_->TakeText(value); });
  }
  Fault TakeNull() override {
    element_refused_ = false;
    Fault fault = offsets_.Reserve(kept_);
    if (fault == Fault::kNone) fault = validity_.Null();
    if (fault == Fault::kNone) offsets_.UnsafeStart(kept_);
    return fault;
  }
  Error Refuse(Fault fault, Form form) const override {
    return element_refused_ ? element_->Refuse(fault, form) : refusal_(fault, form);
  }
  int64_t length() const override { return validity_.length(); }
  int64_t bytes() const override { return element_->bytes() + offsets_.bytes(); }

  Result<std::shared_ptr<arrow::Array>> Finish() override {
    const int64_t length = validity_.length();
    const int64_t nulls = validity_.nulls();
    SLUICE_LET(auto bits, validity_.Finish());
    SLUICE_LET(auto offsets, offsets_.Finish(kept_));
    SLUICE_LET(auto elements, FinishElements());
    return arrow::MakeArray(arrow::ArrayData::Make(
        type_, length, {std::move(bits), std::move(offsets)}, {elements->data()}, nulls));
  }

 private:
  // Elements that an array left behind when it failed in its middle: they belong to no list.
  struct Leftover {
    int64_t begin;
    int64_t end;
  };

  template <typename Reader, typename Append>
  Fault Take(Reader reader, const Append& append) {
    element_refused_ = false;
    const int64_t before = element_->length();
    const Fault fault = TakeElements(reader, append);
    if (fault != Fault::kNone) {
      if (element_->length() > before) leftovers_.push_back({before, element_->length()});
      return fault;
    }
    offsets_.UnsafeStart(kept_);
    kept_ += element_->length() - before;
    return Fault::kNone;
  }

  template <typename Reader, typename Append>
  Fault TakeElements(Reader& reader, const Append& append) {
    Fault fault = reader.Open();
    if (fault == Fault::kNone) fault = offsets_.Reserve(kept_);
    if (fault != Fault::kNone) return fault;
    std::optional<std::string_view> value;
    while (reader.Next(value)) {
      fault = value ? append(*value) : element_->TakeNull();
      element_refused_ = fault != Fault::kNone;
      if (element_refused_) return fault;
    }
    if (reader.fault() != Fault::kNone) return reader.fault();
    if (element_->length() > std::numeric_limits<int32_t>::max()) return Fault::kTooLarge;
    return validity_.Valid();
  }

  Result<std::shared_ptr<arrow::Array>> FinishElements() {
    SLUICE_LET(auto all, element_->Finish());
    kept_ = 0;
    if (leftovers_.empty()) return all;
    arrow::ArrayVector parts;
    int64_t at = 0;
    for (const Leftover& leftover : std::exchange(leftovers_, {})) {
      parts.push_back(all->Slice(at, leftover.begin - at));
      at = leftover.end;
    }
    parts.push_back(all->Slice(at));
    return ToResult(arrow::Concatenate(parts, pool_));
  }

  std::shared_ptr<arrow::DataType> type_;
  Refusal refusal_;
  std::unique_ptr<ValueDecoder> element_;
  bool element_refused_ = false;  // the last fault was an element's
  char delimiter_;
  Offsets offsets_;
  Validity validity_;
  int64_t kept_ = 0;  // elements of whole lists
  std::vector<Leftover> leftovers_;
  arrow::MemoryPool* pool_;
};

}  // namespace

Result<std::unique_ptr<ValueDecoder>> MakeListDecoder(const std::string& column,
                                                      const DecoderSpec& spec) {
  const auto& list = static_cast<const arrow::ListType&>(*spec.lake);
  const SourceType source = ElementOf(spec.source);
  SLUICE_LET(auto element, MakeDecoder(column, source, list.value_type(), true, spec.pool));
  return std::make_unique<ListDecoder>(spec, std::move(element), source.element_delimiter);
}

}  // namespace sluice::postgres
