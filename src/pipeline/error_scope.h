// How far an error reaches: it passes by itself, it ends one table, or (neither) it ends the
// program.
#pragma once

#include "base/error.h"

namespace sluice::pipeline {

// Worth another try. A file of the lake that is gone does not come back.
inline bool Passes(const Error& error) {
  return (error.kind() == ErrorKind::kUnavailable && error.code() != "ENOENT") ||
         error.kind() == ErrorKind::kExhausted;
}

// Its values, or its files in the lake: the others go on without it. Everything else is the disk's,
// the network's, the operator's or our bug.
inline bool IsTheTables(const Error& error) {
  return error.kind() == ErrorKind::kUnsupported || error.kind() == ErrorKind::kCorrupt ||
         error.code() == "ENOENT";
}

}  // namespace sluice::pipeline
