// How the lake's files are read again.
#pragma once

#include <parquet/properties.h>

namespace sluice::parquet {

// Checksums of pages are verified, where the file has them.
inline ::parquet::ReaderProperties VerifyingReaderProperties() {
  ::parquet::ReaderProperties out;
  out.set_page_checksum_verification(true);
  return out;
}

}  // namespace sluice::parquet
