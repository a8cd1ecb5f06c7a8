#include "audit/copy_text.h"

namespace sluice::audit {

namespace {

// COPY TO writes no octal or hexadecimal escapes.
char Unescaped(char c) {
  switch (c) {
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case 'v':
      return '\v';
    default:
      return c;
  }
}

Status Unescape(std::string_view field, std::optional<std::string>& out) {
  if (field == "\\N") {
    out.reset();
    return {};
  }
  if (!out) out.emplace();
  out->clear();
  for (size_t i = 0; i < field.size(); ++i) {
    if (field[i] != '\\') {
      *out += field[i];
      continue;
    }
    if (++i == field.size()) {
      return MakeError(ErrorKind::kCorrupt, "a line of COPY ends in the middle of an escape");
    }
    *out += Unescaped(field[i]);
  }
  return {};
}

}  // namespace

Status ParseCopyLine(std::string_view line, TextRow& out) {
  if (line.ends_with('\n')) line.remove_suffix(1);
  size_t column = 0;
  for (;;) {
    const size_t end = line.find('\t');
    if (out.size() <= column) out.emplace_back();
    SLUICE_TRY(Unescape(line.substr(0, end), out[column++]));
    if (end == std::string_view::npos) break;
    line.remove_prefix(end + 1);
  }
  out.resize(column);
  return {};
}

}  // namespace sluice::audit
