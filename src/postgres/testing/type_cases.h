// The types a source may have and the values at their edges, for tests that ask a real server.
#pragma once

#include <ostream>
#include <string>
#include <vector>

namespace sluice::postgres::testing {

struct TypeCase {
  std::string type;
  std::string lake_type;  // by default
  bool binary;            // whether the default is read from the binary form
  std::vector<std::string> values;
  std::vector<std::string> refused;  // that the default lake type cannot hold

  // For GoogleTest.
  friend void PrintTo(const TypeCase& value, std::ostream* out) { *out << value.type; }
};

// Types and extensions that the cases need.
extern const char* const kTypeCasesSetup;

std::vector<TypeCase> TypeCases();

}  // namespace sluice::postgres::testing
