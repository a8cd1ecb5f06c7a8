// JSON that others wrote, read without exceptions and without trust: depth is bounded, numbers are
// range-checked, and a missing or mistyped member is one kCorrupt error that names it.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace sluice::iceberg {

using Json = nlohmann::ordered_json;

// kCorrupt: not JSON, not UTF-8, or nested deeper than 100 (the library recurses when it prints).
Result<Json> ParseJson(std::string_view text);

// Reads the members of one object. The first failure sticks, later reads yield zeros: check
// `status()` once, at the end. `json` outlives this. Null counts as absent.
class ObjectReader {
 public:
  ObjectReader(const Json& json, std::string what);

  const Json* Find(const char* name) const;  // null when absent
  bool Has(const char* name) const { return Find(name) != nullptr; }

  int64_t Long(const char* name);
  int Int(const char* name);
  bool Bool(const char* name);
  std::string String(const char* name);
  const Json& Array(const char* name);
  const Json& Object(const char* name);

  std::optional<int64_t> LongIf(const char* name);
  std::optional<int> IntIf(const char* name);
  // Empty when absent.
  std::string StringIf(const char* name);
  const Json& ArrayIf(const char* name);
  const Json& ObjectIf(const char* name);
  std::vector<int> IntsIf(const char* name);

  Status status() const;

 private:
  void Fail(const char* name, const char* wanted);

  const Json& json_;
  std::string what_;
  std::string failure_;
};

}  // namespace sluice::iceberg
