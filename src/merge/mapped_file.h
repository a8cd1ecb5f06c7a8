// A whole file as bytes: mapped where the file system is the machine's own, read otherwise.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/file_system.h"

namespace sluice::merge {

class MappedFile {
 public:
  virtual ~MappedFile() = default;
  // The file must not change as long as this lives; it may be removed.
  static Result<std::unique_ptr<MappedFile>> Open(FileSystem& fs, const std::string& path);
  virtual std::string_view bytes() const = 0;
};

}  // namespace sluice::merge
