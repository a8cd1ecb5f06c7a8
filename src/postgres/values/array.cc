#include "postgres/values/array.h"

#include <fmt/format.h>

#include <array>
#include <iterator>

namespace sluice::postgres {

namespace {

constexpr int kDimensionsMax = 6;  // MAXDIM

bool EqualsNull(std::string_view text) {
  return text.size() == 4 && (text[0] | 0x20) == 'n' && (text[1] | 0x20) == 'u' &&
         (text[2] | 0x20) == 'l' && (text[3] | 0x20) == 'l';
}

// array_isspace
bool IsSpace(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f';
}

bool NeedsQuotes(std::string_view text, char delimiter) {
  if (text.empty() || EqualsNull(text)) return true;
  for (const char c : text) {
    if (c == '"' || c == '\\' || c == '{' || c == '}' || c == delimiter || IsSpace(c)) return true;
  }
  return false;
}

void AppendQuoted(std::string_view text, std::string& out) {
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  out += '"';
}

struct Shape {
  int dimensions = 0;
  std::array<int32_t, kDimensionsMax> length{};
  std::array<int32_t, kDimensionsMax> lower{};
};

Fault ReadShape(ByteReader& in, Shape& out) {
  const int32_t dimensions = in.I32();
  in.I32();  // whether there are nulls; the elements say it themselves
  in.U32();  // the element's oid, a domain's own one
  if (!in.ok() || dimensions < 0 || dimensions > kDimensionsMax) return Fault::kMalformed;
  out.dimensions = dimensions;
  uint64_t count = dimensions == 0 ? 0 : 1;
  for (size_t i = 0; i < static_cast<size_t>(dimensions); ++i) {
    out.length[i] = in.I32();
    out.lower[i] = in.I32();
    if (out.length[i] < 0) return Fault::kMalformed;
    // Every element takes four bytes at least, so a lie about their number ends here.
    if (__builtin_mul_overflow(count, static_cast<uint64_t>(out.length[i]), &count)) {
      return Fault::kMalformed;
    }
  }
  if (!in.ok() || count > in.remaining() / sizeof(int32_t)) return Fault::kMalformed;
  return Fault::kNone;
}

bool ReadElement(ByteReader& in, std::optional<std::string_view>& element) {
  const int32_t size = in.I32();
  element.reset();
  if (size >= 0) element = in.Bytes(static_cast<size_t>(size));
  return in.ok() && size >= -1;
}

}  // namespace

Fault BinaryArrayReader::Open() {
  Shape shape;
  if (const Fault fault = ReadShape(in_, shape); fault != Fault::kNone) return fault;
  if (shape.dimensions > 1) return Fault::kDimensions;
  if (shape.dimensions == 1 && shape.lower[0] != 1) return Fault::kDimensions;
  left_ = shape.dimensions == 0 ? 0 : shape.length[0];
  return Fault::kNone;
}

bool BinaryArrayReader::Next(std::optional<std::string_view>& element) {
  if (left_ == 0) {
    if (!in_.done()) fault_ = Fault::kMalformed;
    return false;
  }
  --left_;
  if (ReadElement(in_, element)) return true;
  fault_ = Fault::kMalformed;
  return false;
}

Fault TextArrayReader::Open() {
  // array_out writes bounds only where one of them is not 1.
  if (text_.starts_with('[')) return Fault::kDimensions;
  if (!text_.starts_with('{') || text_.size() < 2) return Fault::kMalformed;
  text_.remove_prefix(1);
  return Fault::kNone;
}

bool TextArrayReader::Fail(Fault fault) {
  fault_ = fault;
  return false;
}

bool TextArrayReader::Next(std::optional<std::string_view>& element) {
  if (first_ && text_ == "}") ended_ = true;
  first_ = false;
  if (ended_) return false;
  element_.clear();
  if (text_.starts_with('{')) return Fail(Fault::kDimensions);
  if (text_.starts_with('"')) {
    if (!ReadQuoted()) return Fail(Fault::kMalformed);
    element = element_;
  } else if (!ReadPlain(element)) {
    return Fail(Fault::kMalformed);
  }
  if (text_ == "}") {
    ended_ = true;
    return true;
  }
  if (text_.size() < 2 || text_[0] != delimiter_) return Fail(Fault::kMalformed);
  text_.remove_prefix(1);
  return true;
}

bool TextArrayReader::ReadQuoted() {
  size_t at = 1;
  for (; at < text_.size() && text_[at] != '"'; ++at) {
    if (text_[at] == '\\' && ++at == text_.size()) return false;
    element_ += text_[at];
  }
  if (at >= text_.size()) return false;
  text_.remove_prefix(at + 1);
  return true;
}

bool TextArrayReader::ReadPlain(std::optional<std::string_view>& element) {
  size_t end = 0;
  while (end < text_.size() && text_[end] != delimiter_ && text_[end] != '}') {
    const char c = text_[end];
    if (c == '"' || c == '{' || c == '\\') return false;
    ++end;
  }
  const std::string_view plain = text_.substr(0, end);
  if (plain.empty()) return false;
  element.reset();
  if (!EqualsNull(plain)) element = plain;
  text_.remove_prefix(end);
  return true;
}

namespace {

// Elements come in row-major order; braces open and close where a dimension starts and ends.
class ArrayPrinter {
 public:
  ArrayPrinter(ByteReader& in, const Shape& shape, ToText element, char delimiter, std::string& out)
      : in_(in), shape_(shape), element_(element), delimiter_(delimiter), out_(out) {}

  Fault Level(int dimension) {
    out_ += '{';
    const int32_t length = shape_.length[static_cast<size_t>(dimension)];
    for (int32_t i = 0; i < length; ++i) {
      if (i != 0) out_ += delimiter_;
      const Fault fault = dimension + 1 < shape_.dimensions ? Level(dimension + 1) : Element();
      if (fault != Fault::kNone) return fault;
    }
    out_ += '}';
    return Fault::kNone;
  }

 private:
  Fault Element() {
    std::optional<std::string_view> bytes;
    if (!ReadElement(in_, bytes)) return Fault::kMalformed;
    if (!bytes) {
      out_ += "NULL";
      return Fault::kNone;
    }
    text_.clear();
    if (const Fault fault = element_(*bytes, text_); fault != Fault::kNone) return fault;
    if (NeedsQuotes(text_, delimiter_)) {
      AppendQuoted(text_, out_);
    } else {
      out_ += text_;
    }
    return Fault::kNone;
  }

  ByteReader& in_;
  const Shape& shape_;
  ToText element_;
  char delimiter_;
  std::string& out_;
  std::string text_;
};

}  // namespace

Fault ArrayToText(std::string_view bytes, ToText element, char delimiter, std::string& out) {
  ByteReader in(bytes);
  Shape shape;
  if (const Fault fault = ReadShape(in, shape); fault != Fault::kNone) return fault;
  bool bounds = false;
  bool empty = shape.dimensions == 0;
  for (size_t i = 0; i < static_cast<size_t>(shape.dimensions); ++i) {
    bounds = bounds || shape.lower[i] != 1;
    empty = empty || shape.length[i] == 0;
  }
  if (empty) {
    out += "{}";
    return in.done() ? Fault::kNone : Fault::kMalformed;
  }
  for (size_t i = 0; bounds && i < static_cast<size_t>(shape.dimensions); ++i) {
    fmt::format_to(std::back_inserter(out), "[{}:{}]", shape.lower[i],
                   int64_t{shape.lower[i]} + shape.length[i] - 1);
  }
  if (bounds) out += '=';
  const Fault fault = ArrayPrinter(in, shape, element, delimiter, out).Level(0);
  if (fault != Fault::kNone) return fault;
  return in.done() ? Fault::kNone : Fault::kMalformed;
}

}  // namespace sluice::postgres
