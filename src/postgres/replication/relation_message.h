// What the stream says a relation looks like (message R).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace sluice::postgres {

struct RelationMessage {
  uint32_t oid = 0;
  std::string schema_name;
  std::string name;
  char replica_identity = 'd';  // d n f i
  struct Attribute {
    bool key = false;  // of the replica identity; with 'f' every attribute is
    std::string name;
    uint32_t type_oid = 0;
    int32_t typmod = -1;
    friend bool operator==(const Attribute&, const Attribute&) = default;
  };
  std::vector<Attribute> attributes;
  friend bool operator==(const RelationMessage&, const RelationMessage&) = default;
};

}  // namespace sluice::postgres
