// Any bytes as a COPY BINARY stream of a table of four columns, in pieces of any size.
#include <arrow/memory_pool.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>

#include <algorithm>
#include <cstdlib>

#include "postgres/copy/table_copy.h"

namespace {

using sluice::postgres::CopyDecoder;
using sluice::postgres::MirroredTable;
using sluice::postgres::SourceType;

MirroredTable Table() {
  MirroredTable out;
  for (const uint32_t oid : {23U, 25U, 1114U, 2950U}) {
    SourceType type;
    type.oid = type.base_oid = oid;
    auto mapping = sluice::postgres::MapType(type, nullptr);
    if (!mapping) std::abort();
    sluice::Column column;
    column.name = "c" + std::to_string(oid);
    column.lake_type = mapping->lake_type;
    out.schema.columns.push_back(std::move(column));
    out.types.push_back(type);
    out.mappings.push_back(*std::move(mapping));
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const MirroredTable table = Table();
  if (size == 0) return 0;
  auto decoder = CopyDecoder::Make(table, arrow::default_memory_pool());
  if (!decoder) std::abort();
  const size_t piece = data[0] + size_t{1};
  std::string stream(reinterpret_cast<const char*>(data + 1), size - 1);
  // The signature is hard to guess, and nothing is found before it.
  if (data[0] % 2 == 0) stream.insert(0, std::string("PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19));
  for (size_t at = 0; at < stream.size(); at += piece) {
    if (!(*decoder)->Feed(std::string_view(stream).substr(at, piece))) return 0;
  }
  const auto batch = (*decoder)->Take();
  if (!batch || !(*batch)->ValidateFull().ok()) std::abort();
  return 0;
}
