#include "change/arrow_status.h"

namespace sluice {

namespace {

constexpr char kDetailType[] = "sluice::Error";

class ErrorDetail final : public arrow::StatusDetail {
 public:
  explicit ErrorDetail(Error error) : error_(std::move(error)) {}
  const char* type_id() const override { return kDetailType; }
  std::string ToString() const override { return error_.message(); }
  const Error& error() const { return error_; }

 private:
  Error error_;
};

}  // namespace

Error FromArrow(const arrow::Status& status) {
  const auto& detail = status.detail();
  if (detail != nullptr && std::string_view(detail->type_id()) == kDetailType) {
    return static_cast<const ErrorDetail&>(*detail).error();
  }
  ErrorKind kind = ErrorKind::kInternal;
  if (status.IsOutOfMemory() || status.IsCapacityError()) kind = ErrorKind::kExhausted;
  if (status.IsIOError()) kind = ErrorKind::kUnavailable;
  if (status.IsInvalid() || status.IsSerializationError()) kind = ErrorKind::kCorrupt;
  return MakeError(kind, "{}", status.message()).WithCode(status.CodeAsString());
}

arrow::Status ToArrow(const Error& error) {
  return arrow::Status::FromDetailAndArgs(arrow::StatusCode::IOError,
                                          std::make_shared<ErrorDetail>(error), error.message());
}

}  // namespace sluice
