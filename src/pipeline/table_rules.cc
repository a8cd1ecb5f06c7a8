#include "pipeline/table_rules.h"

#include <algorithm>
#include <cctype>
#include <map>

namespace sluice::pipeline {

namespace {

// One part of a pattern: literal characters and wildcards.
struct Glob {
  struct Symbol {
    char character = 0;
    bool any = false;
  };
  std::vector<Symbol> symbols;

  bool Match(std::string_view text, size_t at = 0) const {
    if (at == symbols.size()) return text.empty();
    if (!symbols[at].any) {
      return !text.empty() && text[0] == symbols[at].character && Match(text.substr(1), at + 1);
    }
    for (size_t skipped = 0; skipped <= text.size(); ++skipped) {
      if (Match(text.substr(skipped), at + 1)) return true;
    }
    return false;
  }
};

Error Malformed(const std::string& pattern, std::string_view why) {
  return MakeError(ErrorKind::kConfig, "table pattern '{}': {}", pattern, why)
      .WithHint("write schema.table as Postgres does; * stands for any characters: public.order_*");
}

// Reads one part up to a dot or the end, folding unquoted letters as Postgres does.
Result<Glob> TakePart(const std::string& pattern, size_t& at) {
  Glob out;
  const bool quoted = at < pattern.size() && pattern[at] == '"';
  if (quoted) ++at;
  for (; at < pattern.size(); ++at) {
    const char c = pattern[at];
    if (quoted && c == '"') {
      if (at + 1 >= pattern.size() || pattern[at + 1] != '"') break;
      ++at;
    }
    if (!quoted && c == '.') break;
    if (!quoted && c == '"') return Malformed(pattern, "a quote inside an unquoted name");
    const bool any = !quoted && c == '*';
    const char folded = quoted ? c : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    out.symbols.push_back({folded, any});
  }
  if (quoted && at++ >= pattern.size()) return Malformed(pattern, "a quote is not closed");
  if (out.symbols.empty()) return Malformed(pattern, "an empty name");
  return out;
}

struct TablePattern {
  Glob schema;
  Glob table;
};

Result<TablePattern> ParsePattern(const std::string& pattern) {
  TablePattern out;
  size_t at = 0;
  SLUICE_LET(out.schema, TakePart(pattern, at));
  if (at >= pattern.size() || pattern[at] != '.') {
    return Malformed(pattern, "no dot between schema and table");
  }
  ++at;
  SLUICE_LET(out.table, TakePart(pattern, at));
  if (at != pattern.size()) return Malformed(pattern, "more than schema and table");
  return out;
}

struct ParsedRule {
  const TableRule* rule;
  TablePattern pattern;
  int taken = 0;
  int covered = 0;  // tables it names that an earlier rule took
};

Result<std::vector<ParsedRule>> ParseRules(const std::vector<TableRule>& rules) {
  std::vector<ParsedRule> out;
  for (const TableRule& rule : rules) {
    SLUICE_LET(TablePattern pattern, ParsePattern(rule.pattern), "line {}", rule.line);
    out.push_back({&rule, std::move(pattern)});
  }
  return out;
}

// The first rule that names the table; null: none.
const TableRule* FirstMatch(std::vector<ParsedRule>& rules, const postgres::SourceTable& table) {
  const TableRule* found = nullptr;
  for (ParsedRule& parsed : rules) {
    const bool matches =
        parsed.pattern.schema.Match(table.schema_name) && parsed.pattern.table.Match(table.name);
    if (!matches) continue;
    if (found != nullptr) {
      ++parsed.covered;
    } else {
      found = parsed.rule;
      ++parsed.taken;
    }
  }
  return found;
}

Status EveryRuleMatters(const std::vector<ParsedRule>& rules) {
  for (const ParsedRule& parsed : rules) {
    if (parsed.taken > 0 || (!parsed.rule->include && parsed.covered == 0)) continue;
    const std::string_view why = parsed.covered > 0 ? "earlier rules take every table that it names"
                                                    : "the source has no table of that name";
    return MakeError(ErrorKind::kConfig, "line {}: rule '{}' never matches: {}", parsed.rule->line,
                     parsed.rule->pattern, why)
        .WithHint("remove or move the rule, or correct its name (`sluice plan` lists all tables)");
  }
  return {};
}

std::string Expand(std::string name_space, const std::string& schema) {
  const size_t at = name_space.find("{schema}");
  if (at != std::string::npos) name_space.replace(at, 8, schema);
  return name_space;
}

std::string LowerCase(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

// Readers fold case: of two names that differ only in it, both are refused.
void RefuseCaseTwins(TableChoice& choice) {
  std::map<std::string, int> uses;
  for (const ChosenTable& table : choice.chosen) ++uses[LowerCase(table.lake.ToString())];
  auto twin = [&](const ChosenTable& table) { return uses[LowerCase(table.lake.ToString())] > 1; };
  for (const ChosenTable& table : choice.chosen) {
    if (!twin(table)) continue;
    choice.refused.push_back({table.mirror.schema.QualifiedName(),
                              "another table's name differs from this one only in case",
                              "exclude one of the two under `tables:`"});
  }
  std::erase_if(choice.chosen, twin);
}

void Choose(const postgres::SourceTable& source, const TableOptions& table_options,
            const PipelineOptions& options, int server_version, TableChoice& out) {
  auto mirror = postgres::MirrorOf(source, table_options.columns, server_version);
  if (!mirror) {
    out.refused.push_back({QuoteIdentifier(source.schema_name) + "." + QuoteIdentifier(source.name),
                           mirror.error().message(), mirror.error().hint()});
    return;
  }
  const iceberg::TableIdentifier lake{Expand(options.name_space, source.schema_name), source.name};
  out.chosen.push_back({source, std::move(*mirror), lake, table_options});
}

bool HasKey(const postgres::SourceTable& table) {
  return std::any_of(table.columns.begin(), table.columns.end(),
                     [](const postgres::SourceColumn& column) { return column.key; });
}

}  // namespace

Result<bool> Matches(const std::string& pattern, const std::string& schema,
                     const std::string& table) {
  SLUICE_LET(const TablePattern parsed, ParsePattern(pattern));
  return parsed.schema.Match(schema) && parsed.table.Match(table);
}

Result<TableChoice> ChooseTables(const std::vector<postgres::SourceTable>& tables,
                                 const PipelineOptions& options, int server_version) {
  SLUICE_LET(std::vector<ParsedRule> rules, ParseRules(options.rules));
  TableChoice out;
  for (const postgres::SourceTable& table : tables) {
    const TableRule* rule = FirstMatch(rules, table);
    const bool taken = rules.empty() ? HasKey(table) : rule != nullptr && rule->include;
    if (!taken) {
      out.left_out.push_back(QuoteIdentifier(table.schema_name) + "." +
                             QuoteIdentifier(table.name));
      continue;
    }
    Choose(table, rule != nullptr ? rule->options : options.defaults, options, server_version, out);
  }
  SLUICE_TRY(EveryRuleMatters(rules));
  RefuseCaseTwins(out);
  return out;
}

}  // namespace sluice::pipeline
