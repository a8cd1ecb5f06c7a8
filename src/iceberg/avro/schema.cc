#include "iceberg/avro/schema.h"

#include <algorithm>
#include <array>
#include <map>
#include <mutex>
#include <utility>

#include "iceberg/json.h"

namespace sluice::iceberg::avro {

namespace {

constexpr int kDepthMax = 64;

constexpr std::array<std::pair<std::string_view, Kind>, 8> kPrimitives = {{
    {"null", Kind::kNull},
    {"boolean", Kind::kBoolean},
    {"int", Kind::kInt},
    {"long", Kind::kLong},
    {"float", Kind::kFloat},
    {"double", Kind::kDouble},
    {"bytes", Kind::kBytes},
    {"string", Kind::kString},
}};

Error NotASchema(std::string_view why) {
  return MakeError(ErrorKind::kCorrupt, "Avro schema: {}", why);
}

}  // namespace

class SchemaParser {
 public:
  explicit SchemaParser(Schema& out) : out_(out) {}

  Result<const Type*> Parse(const Json& json, const std::string& name_space, int depth) {
    if (depth > kDepthMax) return NotASchema("nested too deep");
    if (json.is_string()) return Named(json.get<std::string>(), name_space);
    if (json.is_array()) return Union(json, name_space, depth);
    if (!json.is_object()) return NotASchema("a type is neither name, list nor object");
    const auto type = json.find("type");
    if (type == json.end()) return NotASchema("a type without 'type'");
    // {"type": {"type": "array", ...}}: only decoration around the inner type.
    if (!type->is_string()) return Parse(*type, name_space, depth + 1);
    return Complex(type->get<std::string>(), json, name_space, depth);
  }

 private:
  Type* Add(Kind kind) {
    Type& type = out_.types_.emplace_back();
    type.kind = kind;
    return &type;
  }

  Result<const Type*> Named(const std::string& name, const std::string& name_space) {
    for (const auto& [primitive, kind] : kPrimitives) {
      if (name == primitive) return Add(kind);
    }
    for (const std::string& full : {name_space + "." + name, name}) {
      const auto found = named_.find(full);
      if (found != named_.end()) return found->second;
    }
    return NotASchema("a type name is not known");
  }

  Result<const Type*> Union(const Json& json, const std::string& name_space, int depth) {
    Type* out = Add(Kind::kUnion);
    for (const Json& branch : json) {
      SLUICE_LET(const Type* parsed, Parse(branch, name_space, depth + 1));
      if (parsed->kind == Kind::kUnion) return NotASchema("a union directly in a union");
      out->branches.push_back(parsed);
    }
    if (out->branches.empty()) return NotASchema("an empty union");
    return out;
  }

  Result<const Type*> Complex(const std::string& type, const Json& json,
                              const std::string& name_space, int depth) {
    if (type == "record") return Record(json, name_space, depth);
    if (type == "array") return Items(Kind::kArray, "items", json, name_space, depth);
    if (type == "map") return Items(Kind::kMap, "values", json, name_space, depth);
    if (type == "enum") {
      Type* out = Add(Kind::kEnum);
      SLUICE_TRY(Declare(json, name_space, out));
      return out;
    }
    if (type != "fixed") return Named(type, name_space);  // a primitive with attributes
    ObjectReader reader(json, "Avro fixed type");
    const int size = reader.Int("size");
    SLUICE_TRY(reader.status());
    if (size < 0) return NotASchema("a fixed type of negative size");
    Type* out = Add(Kind::kFixed);
    out->fixed_size = static_cast<size_t>(size);
    SLUICE_TRY(Declare(json, name_space, out));
    return out;
  }

  Result<const Type*> Items(Kind kind, const char* member, const Json& json,
                            const std::string& name_space, int depth) {
    const auto items = json.find(member);
    if (items == json.end()) return NotASchema("an array or map without its items' type");
    Type* out = Add(kind);
    SLUICE_LET(const Type* parsed, Parse(*items, name_space, depth + 1));
    out->branches.push_back(parsed);
    return out;
  }

  Result<const Type*> Record(const Json& json, const std::string& outer, int depth) {
    Type* out = Add(Kind::kRecord);
    SLUICE_LET(const std::string name_space, Declare(json, outer, out));
    ObjectReader reader(json, "Avro record");
    const Json& fields = reader.Array("fields");
    SLUICE_TRY(reader.status());
    for (const Json& field : fields) {
      ObjectReader members(field, "Avro field");
      RecordField parsed;
      parsed.name = members.String("name");
      parsed.field_id = members.IntIf("field-id").value_or(kNoFieldId);
      SLUICE_TRY(members.status());
      const Json* type = members.Find("type");
      if (type == nullptr) return NotASchema("a field without type");
      SLUICE_LET(parsed.type, Parse(*type, name_space, depth + 1));
      out->fields.push_back(std::move(parsed));
    }
    return out;
  }

  // Makes a named type known, before its inside is read; its namespace holds for what is inside.
  Result<std::string> Declare(const Json& json, const std::string& outer, const Type* type) {
    ObjectReader reader(json, "Avro named type");
    const std::string name = reader.String("name");
    std::string name_space = reader.Has("namespace") ? reader.StringIf("namespace") : outer;
    SLUICE_TRY(reader.status());
    const size_t dot = name.rfind('.');
    if (dot != std::string::npos) {
      name_space = name.substr(0, dot);
      named_[name] = type;
    } else {
      named_[name_space.empty() ? name : name_space + "." + name] = type;
    }
    return name_space;
  }

  Schema& out_;
  std::map<std::string, const Type*> named_;
};

namespace {

constexpr size_t kSchemasMax = 8;
constexpr size_t kSchemaTextMax = 64 << 10;

class RecentSchemas {
 public:
  std::shared_ptr<const Schema> Find(std::string_view json) {
    const std::lock_guard guard(mutex_);
    const auto found = std::find_if(schemas_.begin(), schemas_.end(),
                                    [&](const auto& one) { return one.first == json; });
    return found == schemas_.end() ? nullptr : found->second;
  }
  void Add(std::string_view json, std::shared_ptr<const Schema> schema) {
    if (json.size() > kSchemaTextMax) return;
    const std::lock_guard guard(mutex_);
    if (schemas_.size() == kSchemasMax) schemas_.pop_front();
    schemas_.emplace_back(json, std::move(schema));
  }

 private:
  std::mutex mutex_;
  std::deque<std::pair<std::string, std::shared_ptr<const Schema>>> schemas_;
};

}  // namespace

Result<Schema> Schema::Parse(std::string_view json) {
  SLUICE_LET(const Json parsed, ParseJson(json), "reading an Avro schema");
  Schema out;
  SLUICE_LET(out.root_, SchemaParser(out).Parse(parsed, "", 0));
  return out;
}

Result<std::shared_ptr<const Schema>> Schema::ParseOnce(std::string_view json) {
  static RecentSchemas recent;
  if (auto found = recent.Find(json)) return found;
  SLUICE_LET(Schema parsed, Parse(json));
  auto out = std::make_shared<const Schema>(std::move(parsed));
  recent.Add(json, out);
  return out;
}

}  // namespace sluice::iceberg::avro
