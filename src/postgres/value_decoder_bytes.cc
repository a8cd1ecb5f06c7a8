// Strings and binaries: the bytes as they are, or the text that Postgres would print.
#include "postgres/value_decoder_internal.h"
#include "postgres/values/array.h"
#include "postgres/values/column_buffer.h"
#include "postgres/values/to_text.h"

namespace sluice::postgres {

namespace {

class BytesDecoder : public ValueDecoder {
 public:
  explicit BytesDecoder(const DecoderSpec& spec)
      : buffer_(spec.lake, spec.pool), refusal_(spec.refusal) {}

  Fault TakeNull() override { return buffer_.Null(); }
  Error Refuse(Fault fault, Form form) const override { return refusal_(fault, form); }
  int64_t length() const override { return buffer_.length(); }
  int64_t bytes() const override { return buffer_.bytes(); }
  Result<std::shared_ptr<arrow::Array>> Finish() override { return buffer_.Finish(); }

 protected:
  Fault AppendBytes(std::string_view bytes) { return buffer_.Append(bytes); }
  Fault AppendText(std::string_view text) { return buffer_.AppendUtf8(text); }

 private:
  BytesColumn buffer_;
  Refusal refusal_;
};

// text, json, enums: both forms are the text. And types that only the server can print: those come
// as text in COPY and in the stream.
class PlainStringDecoder final : public BytesDecoder {
 public:
  using BytesDecoder::BytesDecoder;
  Fault TakeBinary(std::string_view bytes) override { return AppendText(bytes); }
  Fault TakeBinaryColumn(const WireColumn& column) override {
    return TakeEach(
        column, [&](std::string_view bytes) { return AppendText(bytes); },
        [&] { return TakeNull(); });
  }
  Fault TakeText(std::string_view text) override { return AppendText(text); }
};

// Text of a type without one of ours in binary form.
class TextOnlyDecoder final : public BytesDecoder {
 public:
  using BytesDecoder::BytesDecoder;
  Fault TakeBinary(std::string_view) override { return Fault::kMalformed; }
  Fault TakeText(std::string_view text) override { return AppendText(text); }
};

class PrintedDecoder final : public BytesDecoder {
 public:
  PrintedDecoder(const DecoderSpec& spec, ToText to_text) : BytesDecoder(spec), to_text_(to_text) {}
  Fault TakeBinary(std::string_view bytes) override {
    text_.clear();
    const Fault fault = to_text_(bytes, text_);
    return fault == Fault::kNone ? AppendText(text_) : fault;
  }
  Fault TakeText(std::string_view text) override {
    if (to_text_ != CharByteToText) return AppendText(text);
    // Postgres 16 and later print four characters, "\200", for such a byte; earlier ones print it.
    if (text.size() == 1) return TakeBinary(text);
    return AppendText(text);
  }

 private:
  ToText to_text_;
  std::string text_;
};

class ArrayTextDecoder final : public BytesDecoder {
 public:
  ArrayTextDecoder(const DecoderSpec& spec, ToText element)
      : BytesDecoder(spec),
        element_(element),
        delimiter_(ElementOf(spec.source).element_delimiter) {}
  Fault TakeBinary(std::string_view bytes) override {
    text_.clear();
    const Fault fault = ArrayToText(bytes, element_, delimiter_, text_);
    return fault == Fault::kNone ? AppendText(text_) : fault;
  }
  Fault TakeText(std::string_view text) override { return AppendText(text); }

 private:
  ToText element_;
  char delimiter_;
  std::string text_;
};

class ByteaDecoder final : public BytesDecoder {
 public:
  using BytesDecoder::BytesDecoder;
  Fault TakeBinary(std::string_view bytes) override { return AppendBytes(bytes); }
  Fault TakeText(std::string_view text) override {
    raw_.clear();
    const Fault fault = ByteaFromText(text, raw_);
    return fault == Fault::kNone ? AppendBytes(raw_) : fault;
  }

 private:
  std::string raw_;
};

// The bytes of a text, whatever they are.
class RawTextDecoder final : public BytesDecoder {
 public:
  using BytesDecoder::BytesDecoder;
  Fault TakeBinary(std::string_view bytes) override { return AppendBytes(bytes); }
  Fault TakeText(std::string_view text) override { return AppendBytes(text); }
};

}  // namespace

std::unique_ptr<ValueDecoder> MakeStringDecoder(Family family, const DecoderSpec& spec) {
  if (family == Family::kText) return std::make_unique<PlainStringDecoder>(spec);
  if (family == Family::kArray) {
    const ToText element = ToTextOf(FamilyOf(ElementOf(spec.source)));
    if (element != nullptr) return std::make_unique<ArrayTextDecoder>(spec, element);
  }
  if (const ToText to_text = ToTextOf(family)) {
    return std::make_unique<PrintedDecoder>(spec, to_text);
  }
  return std::make_unique<TextOnlyDecoder>(spec);
}

std::unique_ptr<ValueDecoder> MakeBytesDecoder(Family family, const DecoderSpec& spec) {
  if (family == Family::kBytea) return std::make_unique<ByteaDecoder>(spec);
  if (family == Family::kText) return std::make_unique<RawTextDecoder>(spec);
  return nullptr;
}

}  // namespace sluice::postgres
