// numeric and money: the wire form (base-10000 digits, src/backend/utils/adt/numeric.c) to scaled
// integers and to Postgres' own text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "postgres/values/fault.h"

namespace sluice::postgres {

__extension__ typedef __int128 Int128;
__extension__ typedef unsigned __int128 Uint128;

// Exact values of decimal(precision, scale), as the unscaled integer that Arrow stores.
class DecimalReader {
 public:
  // 1 <= precision <= 38, 0 <= scale <= precision.
  DecimalReader(int precision, int scale);

  Fault Binary(std::string_view bytes, Int128& out) const;
  Fault Text(std::string_view text, Int128& out) const;
  // `minor` counted in units of 10^-digits: money.
  Fault Minor(int64_t minor, int digits, Int128& out) const;

 private:
  Fault Sign(Uint128 magnitude, bool negative, Int128& out) const;

  int scale_;
  Uint128 limit_;  // 10^precision: the first that does not fit
};

// Appends what numeric_out prints.
Fault NumericToText(std::string_view bytes, std::string& out);

}  // namespace sluice::postgres
