#include "change/arrow_status.h"

namespace sluice {

Error FromArrow(const arrow::Status& status) {
  ErrorKind kind = ErrorKind::kInternal;
  if (status.IsOutOfMemory() || status.IsCapacityError()) kind = ErrorKind::kExhausted;
  if (status.IsIOError()) kind = ErrorKind::kUnavailable;
  if (status.IsInvalid() || status.IsSerializationError()) kind = ErrorKind::kCorrupt;
  return MakeError(kind, "{}", status.message()).WithCode(status.CodeAsString());
}

}  // namespace sluice
