// The part of pg_type that the columns of some tables need, resolved: domains to their base, arrays
// to their elements, binary forms through every part.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/error.h"
#include "postgres/connection.h"
#include "postgres/type_mapping.h"

namespace sluice::postgres {

// A column's type as pg_attribute has it.
struct DeclaredType {
  uint32_t oid = 0;
  int32_t typmod = -1;
  int dimensions = 0;
  bool nondeterministic_collation = false;
};

class SourceTypes {
 public:
  // `tables`: a condition on pg_class c that chooses them.
  static Result<SourceTypes> Read(Connection& connection, const std::string& tables);

  SourceType Resolve(const DeclaredType& declared) const;

 private:
  struct Entry {
    std::string name;  // schema-qualified when not of pg_catalog
    char kind = 'b';
    char category = 'U';
    char delimiter = ',';
    uint32_t element_oid = 0;  // of a true array
    uint32_t base_oid = 0;     // of a domain
    int32_t typmod = -1;       // of a domain
    int dimensions = 0;        // of a domain over an array
    bool has_send = false;     // itself
    std::vector<uint32_t> parts;
  };
  struct Base {
    uint32_t oid = 0;
    int32_t typmod = -1;
    int dimensions = 0;
    const Entry* entry = nullptr;  // null: unknown
  };

  const Entry* Find(uint32_t oid) const;
  Base AfterDomains(uint32_t oid, int32_t typmod, int dimensions) const;
  bool HasSend(uint32_t oid, int depth) const;

  std::map<uint32_t, Entry> entries_;
  int money_digits_ = 2;
};

}  // namespace sluice::postgres
