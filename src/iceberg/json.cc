#include "iceberg/json.h"

#include <limits>
#include <utility>

namespace sluice::iceberg {

namespace {

constexpr int kDepthMax = 100;

const Json kEmptyArray = Json::array();
const Json kEmptyObject = Json::object();

// Brackets outside strings. What is not JSON is left to the parser to refuse.
bool TooDeep(std::string_view text) {
  int depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"') in_string = !in_string;
    if (in_string) {
      if (c == '\\') ++i;
    } else if (c == '[' || c == '{') {
      if (++depth > kDepthMax) return true;
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return false;
}

std::optional<int64_t> ToLong(const Json& json) {
  if (json.is_number_unsigned()) {
    const auto value = json.get<uint64_t>();
    if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) return std::nullopt;
    return static_cast<int64_t>(value);
  }
  if (json.is_number_integer()) return json.get<int64_t>();
  return std::nullopt;
}

std::optional<int> ToInt(const Json& json) {
  const auto value = ToLong(json);
  if (!value || *value < std::numeric_limits<int>::min() ||
      *value > std::numeric_limits<int>::max()) {
    return std::nullopt;
  }
  return static_cast<int>(*value);
}

}  // namespace

Result<Json> ParseJson(std::string_view text) {
  if (TooDeep(text)) {
    return MakeError(ErrorKind::kCorrupt, "JSON is nested deeper than {}", kDepthMax);
  }
  Json out = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (out.is_discarded()) {
    return MakeError(ErrorKind::kCorrupt, "{} bytes are not valid JSON", text.size());
  }
  return out;
}

ObjectReader::ObjectReader(const Json& json, std::string what)
    : json_(json.is_object() ? json : kEmptyObject), what_(std::move(what)) {
  if (!json.is_object()) failure_ = what_ + " is not an object";
}

void ObjectReader::Fail(const char* name, const char* wanted) {
  if (failure_.empty()) failure_ = fmt::format("{}: '{}' is not {}", what_, name, wanted);
}

Status ObjectReader::status() const {
  if (failure_.empty()) return {};
  return MakeError(ErrorKind::kCorrupt, "{}", failure_);
}

const Json* ObjectReader::Find(const char* name) const {
  const auto found = json_.find(name);
  return found == json_.end() || found->is_null() ? nullptr : &*found;
}

std::optional<int64_t> ObjectReader::LongIf(const char* name) {
  const Json* found = Find(name);
  if (found == nullptr) return std::nullopt;
  const auto value = ToLong(*found);
  if (!value) Fail(name, "a 64-bit integer");
  return value;
}

std::optional<int> ObjectReader::IntIf(const char* name) {
  const Json* found = Find(name);
  if (found == nullptr) return std::nullopt;
  const auto value = ToInt(*found);
  if (!value) Fail(name, "a 32-bit integer");
  return value;
}

int64_t ObjectReader::Long(const char* name) {
  const auto value = LongIf(name);
  if (!value) Fail(name, "there");
  return value.value_or(0);
}

int ObjectReader::Int(const char* name) {
  const auto value = IntIf(name);
  if (!value) Fail(name, "there");
  return value.value_or(0);
}

bool ObjectReader::Bool(const char* name) {
  const Json* found = Find(name);
  if (found != nullptr && found->is_boolean()) return found->get<bool>();
  Fail(name, "a boolean");
  return false;
}

std::string ObjectReader::StringIf(const char* name) {
  const Json* found = Find(name);
  if (found == nullptr) return {};
  if (found->is_string()) return found->get<std::string>();
  Fail(name, "a string");
  return {};
}

std::string ObjectReader::String(const char* name) {
  if (!Has(name)) Fail(name, "there");
  return StringIf(name);
}

const Json& ObjectReader::ArrayIf(const char* name) {
  const Json* found = Find(name);
  if (found == nullptr) return kEmptyArray;
  if (found->is_array()) return *found;
  Fail(name, "an array");
  return kEmptyArray;
}

const Json& ObjectReader::Array(const char* name) {
  if (!Has(name)) Fail(name, "there");
  return ArrayIf(name);
}

const Json& ObjectReader::ObjectIf(const char* name) {
  const Json* found = Find(name);
  if (found == nullptr) return kEmptyObject;
  if (found->is_object()) return *found;
  Fail(name, "an object");
  return kEmptyObject;
}

const Json& ObjectReader::Object(const char* name) {
  if (!Has(name)) Fail(name, "there");
  return ObjectIf(name);
}

std::vector<int> ObjectReader::IntsIf(const char* name) {
  std::vector<int> out;
  for (const Json& item : ArrayIf(name)) {
    const auto value = ToInt(item);
    if (!value) Fail(name, "an array of integers");
    out.push_back(value.value_or(0));
  }
  return out;
}

}  // namespace sluice::iceberg
