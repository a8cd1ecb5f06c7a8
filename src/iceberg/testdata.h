// The files of other writers in testdata/, for tests.
#pragma once

#include <fstream>
#include <iterator>
#include <string>

namespace sluice::iceberg {

inline std::string Testdata(const std::string& name) {
  std::ifstream file(std::string(SLUICE_ICEBERG_TESTDATA) + "/" + name, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace sluice::iceberg
