#include "cli/yaml_section.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <set>

namespace sluice::cli {

namespace {

std::string Where(const YAML::Node& node) {
  const YAML::Mark mark = node.Mark();
  return mark.is_null() ? "" : fmt::format("line {}: ", mark.line + 1);
}

Result<std::string> ReplaceEnvironment(const std::string& text, const std::string& where) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const size_t start = text.find("${", at);
    out += text.substr(at, start - at);
    if (start == std::string::npos) break;
    const size_t end = text.find('}', start);
    if (end == std::string::npos) {
      return MakeError(ErrorKind::kConfig, "{}'${{' without '}}'", where);
    }
    const std::string name = text.substr(start + 2, end - start - 2);
    const char* value = std::getenv(name.c_str());
    if (value == nullptr) {
      return MakeError(ErrorKind::kConfig, "{}environment variable {} is not set", where, name)
          .WithHint("set it, or write the value another way (file:/run/secrets/x)");
    }
    out += value;
    at = end + 1;
  }
  return out;
}

}  // namespace

Result<Section> Section::Make(const YAML::Node& node, std::string path,
                              std::vector<Setting>& settings) {
  if (node.IsDefined() && !node.IsNull() && !node.IsMap()) {
    return MakeError(ErrorKind::kConfig, "{}{} must hold keys and values", Where(node),
                     path.empty() ? "the file" : path + ":");
  }
  return Section(node, std::move(path), settings);
}

std::string Section::Path(const std::string& key) const {
  return path_.empty() ? key : path_ + "." + key;
}

Error Section::Wrong(const std::string& key, std::string_view why) {
  return MakeError(ErrorKind::kConfig, "{}{}: {}", Where(Raw(key)), Path(key), why);
}

YAML::Node Section::Raw(const std::string& key) {
  asked_.push_back(key);
  return node_.IsMap() ? node_[key] : YAML::Node(YAML::NodeType::Undefined);
}

bool Section::Has(const std::string& key) {
  asked_.push_back(key);
  return node_.IsMap() && node_[key].IsDefined() && !node_[key].IsNull();
}

Result<std::optional<std::string>> Section::Scalar(const std::string& key) {
  if (!Has(key)) return std::optional<std::string>();
  const YAML::Node node = node_[key];
  if (!node.IsScalar()) return Wrong(key, "must be a single value");
  SLUICE_LET(std::string text, ReplaceEnvironment(node.Scalar(), Where(node)), "{}", Path(key));
  return std::optional<std::string>(std::move(text));
}

void Section::Record(const std::string& key, const std::string& value, bool from_file) {
  const std::string origin =
      from_file ? fmt::format("line {}", node_[key].Mark().line + 1) : "default";
  settings_->push_back({Path(key), value, origin});
}

Result<std::string> Section::Text(const std::string& key, const std::string& fallback) {
  SLUICE_LET(const auto scalar, Scalar(key));
  const std::string value = scalar.value_or(fallback);
  Record(key, MaskPassword(value), scalar.has_value());
  return value;
}

Result<std::string> Section::Secret(const std::string& key) {
  SLUICE_LET(const auto scalar, Scalar(key));
  if (scalar) Record(key, "***", true);
  return scalar.value_or("");
}

Result<int64_t> Section::Duration(const std::string& key, int64_t fallback_us) {
  SLUICE_LET(const auto scalar, Scalar(key));
  if (!scalar) {
    Record(key, fmt::format("{}ms", fallback_us / 1000), false);
    return fallback_us;
  }
  Record(key, *scalar, true);
  SLUICE_LET(const int64_t micros, ParseDuration(*scalar), "{}{}", Where(node_[key]), Path(key));
  return micros;
}

Result<uint64_t> Section::Size(const std::string& key, uint64_t fallback) {
  SLUICE_LET(const auto scalar, Scalar(key));
  if (!scalar) {
    Record(key, fmt::format("{}MiB", fallback >> 20), false);
    return fallback;
  }
  Record(key, *scalar, true);
  SLUICE_LET(const uint64_t bytes, ParseSize(*scalar), "{}{}", Where(node_[key]), Path(key));
  return bytes;
}

Result<int> Section::Number(const std::string& key, int fallback, int least, int most) {
  SLUICE_LET(const auto scalar, Scalar(key));
  Record(key, scalar.value_or(std::to_string(fallback)), scalar.has_value());
  if (!scalar) return fallback;
  int value = 0;
  const auto [end, failed] =
      std::from_chars(scalar->data(), scalar->data() + scalar->size(), value);
  if (failed != std::errc() || end != scalar->data() + scalar->size() || value < least ||
      value > most) {
    return Wrong(key, fmt::format("must be a whole number from {} to {}", least, most));
  }
  return value;
}

Result<std::vector<std::string>> Section::List(const std::string& key) {
  std::vector<std::string> out;
  if (!Has(key)) return out;
  const YAML::Node node = node_[key];
  if (!node.IsSequence()) return Wrong(key, "must be a list: [a, b]");
  for (const YAML::Node& item : node) {
    if (!item.IsScalar()) return Wrong(key, "must be a list of names");
    out.push_back(item.Scalar());
  }
  return out;
}

Result<Section> Section::Child(const std::string& key) {
  return Make(Raw(key), Path(key), *settings_);
}

Status Section::Only(const std::string& key, const std::string& only) {
  SLUICE_LET(const auto scalar, Scalar(key));
  if (!scalar || *scalar == only) return {};
  return std::move(Wrong(key, fmt::format("'{}' is not in this version", *scalar)))
      .WithHint(fmt::format("write {}, or leave it out", only));
}

Status Section::NoOthers() const {
  if (!node_.IsMap()) return {};
  std::set<std::string> seen;
  for (const auto& entry : node_) {
    const std::string key = entry.first.IsScalar() ? entry.first.Scalar() : "?";
    if (!seen.insert(key).second) {
      return MakeError(ErrorKind::kConfig, "{}'{}' is given twice", Where(entry.first), Path(key))
          .WithHint("put everything that belongs to it under one key");
    }
    if (std::find(asked_.begin(), asked_.end(), key) != asked_.end()) continue;
    const std::string nearest = NearestKey(key, asked_);
    return MakeError(ErrorKind::kConfig, "{}unknown key '{}'", Where(entry.first), Path(key))
        .WithHint(nearest.empty() ? "see `sluice init` for all keys"
                                  : fmt::format("did you mean '{}'?", Path(nearest)));
  }
  return {};
}

}  // namespace sluice::cli
