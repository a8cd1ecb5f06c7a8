#include "cli/config.h"

#include <algorithm>
#include <filesystem>

#include "base/file_system.h"
#include "cli/yaml_section.h"
#include "service/address.h"

namespace sluice::cli {

namespace {

using pipeline::PipelineOptions;
using pipeline::TableOptions;

// Paths are relative to the configuration file.
std::string Absolute(const std::string& path, const std::string& config_file) {
  return std::filesystem::weakly_canonical(std::filesystem::path(config_file).parent_path() / path)
      .string();
}

Result<std::string> ResolveSecret(const std::string& text, const std::string& config_file) {
  if (text.starts_with("aws-secret:")) {
    return MakeError(ErrorKind::kConfig, "source.password: aws-secret: is not in this version")
        .WithHint("write ${ENVIRONMENT_VARIABLE} or file:/path");
  }
  if (!text.starts_with("file:")) return text;
  SLUICE_LET(std::string secret,
             ReadSmallFile(LocalFileSystem(), Absolute(text.substr(5), config_file), 1 << 16),
             "reading source.password");
  while (!secret.empty() && (secret.back() == '\n' || secret.back() == '\r')) secret.pop_back();
  return secret;
}

// A dead peer is noticed by TCP after a minute; this is for what lies in between and keeps silent.
// Longer than Postgres decodes before it sends anything.
constexpr int64_t kSourceTimeoutUs = int64_t{5} * 60 * 1'000'000;
constexpr int64_t kSourceTimeoutMinUs = 1'000'000;
constexpr int64_t kSourceTimeoutMaxUs = int64_t{24} * 3600 * 1'000'000;

Status ReadSource(Section& section, Config& out) {
  PipelineOptions& options = out.options;
  SLUICE_LET(options.source.url, section.Text("url", ""));
  if (options.source.url.empty()) {
    return std::move(section.Wrong("url", "is missing"))
        .WithHint("write source: { url: postgres://user@host:5432/database }");
  }
  SLUICE_LET(const std::string password, section.Secret("password"));
  SLUICE_LET(options.source.password, ResolveSecret(password, out.file));
  SLUICE_LET(options.slot, section.Text("slot", "sluice_" + options.name));
  SLUICE_LET(options.publication, section.Text("publication", "sluice_" + options.name));
  SLUICE_LET(const std::string confirm, section.Text("confirm_after", "bus"));
  if (confirm != "bus" && confirm != "lake") {
    return section.Wrong("confirm_after", "must be bus or lake");
  }
  options.confirm_after =
      confirm == "bus" ? pipeline::ConfirmAfter::kBus : pipeline::ConfirmAfter::kLake;
  options.source.application_name = "sluice_" + options.name;
  SLUICE_LET(const int64_t timeout_us, section.Duration("timeout", kSourceTimeoutUs));
  if (timeout_us < kSourceTimeoutMinUs || timeout_us > kSourceTimeoutMaxUs) {
    return section.Wrong("timeout", "must be from 1s to 24h");
  }
  options.source.silence_max_ms = static_cast<int>(timeout_us / 1000);
  return section.NoOthers();
}

Status ReadHistory(Section section, iceberg::HistoryPolicy& out) {
  const auto millis = [&](const char* key, int64_t& value) -> Status {
    SLUICE_LET(const int64_t micros, section.Duration(key, value * 1000));
    value = micros / 1000;
    return {};
  };
  SLUICE_TRY(millis("all", out.all_ms));
  SLUICE_TRY(millis("every_minute", out.every_minute_ms));
  SLUICE_TRY(millis("every_hour", out.every_hour_ms));
  SLUICE_TRY(millis("every_day", out.every_day_ms));
  SLUICE_LET(out.snapshots_max, section.Number("max", out.snapshots_max, 2, 100'000));
  return section.NoOthers();
}

Status ReadColumns(Section section, postgres::ColumnChoice& out) {
  SLUICE_LET(const auto excluded, section.List("exclude"));
  out.excluded.insert(excluded.begin(), excluded.end());
  const YAML::Node types = section.Raw("types");
  if (types.IsDefined() && !types.IsNull() && !types.IsMap()) {
    return section.Wrong("types", "must be column: type pairs");
  }
  if (types.IsMap()) {
    for (const auto& entry : types) {
      const std::string column = entry.first.Scalar();
      if (!entry.second.IsScalar()) return section.Wrong("types", "must be column: type pairs");
      SLUICE_LET(out.types[column], ParseLakeType(entry.second.Scalar()),
                 "line {}: columns.types.{}", entry.second.Mark().line + 1, column);
    }
  }
  return section.NoOthers();
}

// Options under `defaults` and under a table alike.
Status ReadTableOptions(Section& section, TableOptions& out) {
  SLUICE_LET(out.freshness_us, section.Duration("freshness", out.freshness_us));
  SLUICE_TRY(section.Only("format_version", "2"));
  SLUICE_TRY(section.Only("mode", "mirror"));
  SLUICE_TRY(section.Only("metadata_columns", "false"));
  if (section.Has("partition_by")) {
    return section.Wrong("partition_by", "is not in this version");
  }
  SLUICE_LET(Section history, section.Child("snapshots"));
  SLUICE_TRY(ReadHistory(std::move(history), out.history));
  SLUICE_LET(Section columns, section.Child("columns"));
  return ReadColumns(std::move(columns), out.columns);
}

Result<pipeline::TableRule> ReadRule(const YAML::Node& node, const TableOptions& defaults,
                                     std::vector<Setting>& settings) {
  const std::string path = fmt::format("tables[line {}]", node.Mark().line + 1);
  SLUICE_LET(Section section, Section::Make(node, path, settings));
  pipeline::TableRule out;
  out.line = node.Mark().line + 1;
  out.options = defaults;
  const bool include = section.Has("include");
  if (include == section.Has("exclude")) {
    return MakeError(ErrorKind::kConfig,
                     "line {}: a rule has either include: or exclude:", out.line)
        .WithHint("write - include: schema.table, or - exclude: schema.table");
  }
  out.include = include;
  SLUICE_LET(out.pattern, section.Text(include ? "include" : "exclude", ""));
  if (include) SLUICE_TRY(ReadTableOptions(section, out.options));
  SLUICE_TRY(section.NoOthers());
  return out;
}

Status ReadTables(Section& root, Config& out) {
  const YAML::Node node = root.Raw("tables");
  if (!node.IsDefined() || node.IsNull()) return {};
  if (!node.IsSequence()) return root.Wrong("tables", "must be a list of rules");
  for (const YAML::Node& rule : node) {
    SLUICE_LET(auto parsed, ReadRule(rule, out.options.defaults, out.settings));
    out.options.rules.push_back(std::move(parsed));
  }
  return {};
}

bool Inside(const std::string& inner, const std::string& outer) {
  return inner == outer || inner.starts_with(outer + "/");
}

// Whoever deletes the state folder must lose time only.
Status NotInState(Section& section, const char* key, const std::string& path, const Config& out) {
  if (!Inside(path, out.options.state_folder)) return {};
  return std::move(section.Wrong(key, "lies in the state folder"))
      .WithHint("`state` may be deleted at any time, this may not: give it its own folder");
}

Status ReadCatalog(Section section, Config& out) {
  SLUICE_TRY(section.Only("type", "sql"));
  const std::string folder = out.options.warehouse.substr(std::string("file://").size());
  SLUICE_LET(const std::string uri, section.Text("uri", "sqlite:///" + folder + "/catalog.db"));
  if (!uri.starts_with("sqlite:///")) {
    return std::move(section.Wrong("uri", "must be an SQLite database"))
        .WithHint("write sqlite:////absolute/path.db (four slashes) or sqlite:///relative.db");
  }
  out.options.catalog_path = Absolute(uri.substr(std::string("sqlite:///").size()), out.file);
  SLUICE_TRY(NotInState(section, "uri", out.options.catalog_path, out));
  SLUICE_LET(out.options.catalog_name, section.Text("name", "lake"));
  return section.NoOthers();
}

Status ReadLake(Section section, Config& out) {
  SLUICE_LET(std::string warehouse, section.Text("warehouse", "./lake"));
  if (warehouse.find("://") != std::string::npos && !warehouse.starts_with("file://")) {
    return std::move(section.Wrong("warehouse", "only file:// is in this version"))
        .WithHint("write a folder: file:///srv/lake");
  }
  if (warehouse.starts_with("file://")) warehouse = warehouse.substr(7);
  warehouse = Absolute(warehouse, out.file);
  out.options.warehouse = "file://" + warehouse;
  SLUICE_TRY(NotInState(section, "warehouse", warehouse, out));
  SLUICE_LET(out.options.name_space, section.Text("namespace", "{schema}"));
  SLUICE_LET(Section catalog, section.Child("catalog"));
  SLUICE_TRY(ReadCatalog(std::move(catalog), out));
  return section.NoOthers();
}

Status ReadBus(Section section, Config& out) {
  bus::EmbeddedBusOptions& bus = out.options.bus;
  SLUICE_TRY(section.Only("type", "embedded"));
  SLUICE_LET(const std::string path, section.Text("path", "./bus"));
  bus.folder = Absolute(path, out.file);
  SLUICE_LET(bus.retention_us, section.Duration("retention", bus.retention_us));
  SLUICE_LET(bus.max_bytes, section.Size("max_bytes", bus.max_bytes));
  SLUICE_TRY(NotInState(section, "path", bus.folder, out));
  if (bus.max_bytes < (uint64_t{128} << 20)) {
    return section.Wrong("max_bytes", "must be at least 128MiB");
  }
  return section.NoOthers();
}

Status ReadName(Section& root, PipelineOptions& options) {
  SLUICE_LET(options.name, root.Text("pipeline", ""));
  const bool fits = !options.name.empty() && options.name.size() <= 40 &&
                    std::all_of(options.name.begin(), options.name.end(), [](char c) {
                      return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
                    });
  if (fits) return {};
  return std::move(root.Wrong("pipeline", "must be 1 to 40 of a-z, 0-9 and _"))
      .WithHint("it names the slot, the publication and the marks in the lake");
}

Status ReadRoot(Section& root, Config& out) {
  PipelineOptions& options = out.options;
  SLUICE_TRY(ReadName(root, options));
  SLUICE_LET(Section source, root.Child("source"));
  SLUICE_TRY(ReadSource(source, out));
  SLUICE_LET(Section defaults, root.Child("defaults"));
  SLUICE_TRY(ReadTableOptions(defaults, options.defaults));
  SLUICE_TRY(defaults.NoOthers());
  SLUICE_TRY(ReadTables(root, out));
  SLUICE_LET(Section copy, root.Child("copy"));
  SLUICE_LET(options.copy_workers, copy.Number("workers", options.copy_workers, 1, 64));
  SLUICE_LET(options.copy_transaction_us,
             copy.Duration("max_transaction", options.copy_transaction_us));
  SLUICE_TRY(copy.NoOthers());
  SLUICE_LET(const std::string state, root.Text("state", "./state"));
  options.state_folder = Absolute(state, out.file);
  SLUICE_LET(Section lake, root.Child("lake"));
  SLUICE_TRY(ReadLake(std::move(lake), out));
  SLUICE_LET(Section bus, root.Child("bus"));
  SLUICE_TRY(ReadBus(std::move(bus), out));
  SLUICE_LET(options.memory_bytes, root.Size("memory", options.memory_bytes));
  if (options.memory_bytes < (uint64_t{64} << 20)) {
    return root.Wrong("memory", "must be at least 64MiB");
  }
  SLUICE_LET(options.http, root.Text("http", options.http));
  if (options.http != "none" && !service::ParseAddress(options.http)) {
    return std::move(root.Wrong("http", fmt::format("'{}' is no address", options.http)))
        .WithHint("write 127.0.0.1:8642, or none");
  }
  return root.NoOthers();
}

}  // namespace

Result<Config> ParseConfig(const std::string& text, const std::string& absolute_path) {
  Config out;
  out.file = absolute_path;
  try {
    const YAML::Node node = YAML::Load(text);
    SLUICE_LET(Section root, Section::Make(node, "", out.settings), "{}", absolute_path);
    Status read = ReadRoot(root, out);
    if (!read) {
      Error error = std::move(read).error();
      error.AddContext(absolute_path);
      if (!error.hint().empty()) return error;
      return std::move(error).WithHint(
          "correct that line; `sluice init` writes a file with every key");
    }
  } catch (const YAML::Exception& failure) {
    return MakeError(ErrorKind::kConfig, "{}: line {}: not YAML: {}", absolute_path,
                     failure.mark.line + 1, failure.msg)
        .WithHint("indent with blanks, write `key: value`");
  }
  return out;
}

Result<Config> LoadConfig(const std::string& path) {
  const std::string absolute = std::filesystem::absolute(path).string();
  auto text = ReadSmallFile(LocalFileSystem(), absolute, 4 << 20);
  if (!text) {
    return MakeError(ErrorKind::kConfig, "reading the configuration: {}", text.error().message())
        .WithHint("give its path with -c, or make one: `sluice init postgres://...`");
  }
  return ParseConfig(*text, absolute);
}

}  // namespace sluice::cli
