// One mapping of the configuration file: reads each key once, remembers which keys were asked for,
// and at the end refuses the others. Collects the effective settings on the way.
#pragma once

#include <yaml-cpp/yaml.h>

#include <optional>
#include <string>
#include <vector>

#include "cli/config.h"

namespace sluice::cli {

class Section {
 public:
  // `node` may be undefined (the section is absent). `path`: "source", "" for the root.
  static Result<Section> Make(const YAML::Node& node, std::string path,
                              std::vector<Setting>& settings);

  // The scalar with ${ENV} replaced, or `fallback`; recorded as a setting.
  Result<std::string> Text(const std::string& key, const std::string& fallback);
  // As Text, shown masked.
  Result<std::string> Secret(const std::string& key);
  Result<int64_t> Duration(const std::string& key, int64_t fallback_us);
  Result<uint64_t> Size(const std::string& key, uint64_t fallback);
  Result<int> Number(const std::string& key, int fallback, int least, int most);
  Result<std::vector<std::string>> List(const std::string& key);
  Result<Section> Child(const std::string& key);
  YAML::Node Raw(const std::string& key);
  bool Has(const std::string& key);

  // A key that this version has no other value for than `only`.
  Status Only(const std::string& key, const std::string& only);
  // kConfig for a key nobody asked for.
  Status NoOthers() const;
  Error Wrong(const std::string& key, std::string_view why);

 private:
  Section(YAML::Node node, std::string path, std::vector<Setting>& settings)
      : node_(std::move(node)), path_(std::move(path)), settings_(&settings) {}
  std::string Path(const std::string& key) const;
  Result<std::optional<std::string>> Scalar(const std::string& key);
  void Record(const std::string& key, const std::string& value, bool from_file);

  YAML::Node node_;
  std::string path_;
  std::vector<Setting>* settings_;
  std::vector<std::string> asked_;
};

}  // namespace sluice::cli
