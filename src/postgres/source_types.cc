#include "postgres/source_types.h"

#include <fmt/format.h>

#include "postgres/row_reader.h"

namespace sluice::postgres {

namespace {

// Deeper than any type made by hand; a guard, not a rule.
constexpr int kDepthMax = 32;

// Every type of the chosen tables' columns, and every type inside those. A true array is told by
// its subscript function (14+): point or name also have a typelem. scale(1::money::numeric) counts
// the digits behind the point under the database's lc_monetary.
constexpr std::string_view kTypes = R"sql(
WITH RECURSIVE needed(oid) AS (
  SELECT DISTINCT a.atttypid FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE {} AND a.attnum > 0 AND NOT a.attisdropped
  UNION
  SELECT p.oid FROM needed JOIN pg_type t ON t.oid = needed.oid CROSS JOIN LATERAL (
    SELECT t.typbasetype AS oid WHERE t.typtype = 'd'
    UNION ALL SELECT t.typelem WHERE t.typsubscript = 'pg_catalog.array_subscript_handler'::regproc
    UNION ALL SELECT r.rngsubtype FROM pg_range r WHERE r.rngtypid = t.oid
    UNION ALL SELECT r.rngtypid FROM pg_range r WHERE r.rngmultitypid = t.oid
    UNION ALL SELECT a.atttypid FROM pg_attribute a
      WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped) p
)
SELECT t.oid, CASE WHEN n.nspname = 'pg_catalog' THEN t.typname
                   ELSE quote_ident(n.nspname) || '.' || quote_ident(t.typname) END,
       t.typtype, t.typcategory, t.typdelim,
       CASE WHEN t.typsubscript = 'pg_catalog.array_subscript_handler'::regproc
            THEN t.typelem ELSE 0 END,
       t.typbasetype, t.typtypmod, t.typndims, t.typsend <> 0,
       (SELECT string_agg(p.oid::text, ' ') FROM (
         SELECT r.rngsubtype AS oid FROM pg_range r WHERE r.rngtypid = t.oid
         UNION ALL SELECT r.rngtypid FROM pg_range r WHERE r.rngmultitypid = t.oid
         UNION ALL SELECT a.atttypid FROM pg_attribute a
           WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0
             AND NOT a.attisdropped) p),
       scale(1::money::numeric)
  FROM needed JOIN pg_type t ON t.oid = needed.oid JOIN pg_namespace n ON n.oid = t.typnamespace
)sql";

std::vector<uint32_t> ParseOids(const std::string& text) {
  std::vector<uint32_t> out;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at < end) {
    uint32_t oid = 0;
    const auto parsed = std::from_chars(at, end, oid);
    if (parsed.ec != std::errc()) break;
    out.push_back(oid);
    at = parsed.ptr + 1;
  }
  return out;
}

}  // namespace

Result<SourceTypes> SourceTypes::Read(Connection& connection, const std::string& tables) {
  SLUICE_LET(const Rows rows, connection.Query(fmt::format(kTypes, tables)), "reading types");
  SourceTypes out;
  for (const Row& row : rows) {
    RowReader in(row);
    Entry& entry = out.entries_[in.Number<uint32_t>()];
    entry.name = in.Text();
    entry.kind = in.Char();
    entry.category = in.Char();
    entry.delimiter = in.Char();
    entry.element_oid = in.Number<uint32_t>();
    entry.base_oid = in.Number<uint32_t>();
    entry.typmod = in.Number<int32_t>();
    entry.dimensions = in.Number<int>();
    entry.has_send = in.Bool();
    entry.parts = ParseOids(in.Text());
    if (entry.element_oid != 0) entry.parts.push_back(entry.element_oid);
    if (entry.kind == 'd') entry.parts.push_back(entry.base_oid);
    out.money_digits_ = in.Number<int>();
  }
  return out;
}

const SourceTypes::Entry* SourceTypes::Find(uint32_t oid) const {
  const auto found = entries_.find(oid);
  return found == entries_.end() ? nullptr : &found->second;
}

// As getBaseTypeAndTypmod (lsyscache.c): each domain's own typmod takes over.
SourceTypes::Base SourceTypes::AfterDomains(uint32_t oid, int32_t typmod, int dimensions) const {
  Base base{oid, typmod, dimensions, Find(oid)};
  for (int depth = 0; base.entry != nullptr && base.entry->kind == 'd' && depth < kDepthMax;
       ++depth) {
    if (base.entry->typmod != -1) base.typmod = base.entry->typmod;
    if (base.entry->dimensions != 0) base.dimensions = base.entry->dimensions;
    base.oid = base.entry->base_oid;
    base.entry = Find(base.oid);
  }
  return base;
}

bool SourceTypes::HasSend(uint32_t oid, int depth) const {
  const Entry* entry = Find(oid);
  if (entry == nullptr || !entry->has_send || depth > kDepthMax) return false;
  for (const uint32_t part : entry->parts) {
    if (!HasSend(part, depth + 1)) return false;
  }
  return true;
}

SourceType SourceTypes::Resolve(const DeclaredType& declared) const {
  SourceType out;
  out.oid = declared.oid;
  out.nondeterministic_collation = declared.nondeterministic_collation;
  out.money_digits = money_digits_;
  out.has_send = HasSend(declared.oid, 0);
  const Base base = AfterDomains(declared.oid, declared.typmod, declared.dimensions);
  out.base_oid = base.oid;
  out.typmod = base.typmod;
  if (base.entry == nullptr) return out;
  out.kind = base.entry->kind;
  out.category = base.entry->category;
  if (base.entry->name.find('.') != std::string::npos) out.name = base.entry->name;
  if (base.entry->element_oid == 0) return out;
  out.array_dimensions = base.dimensions;
  // The array's typmod is its elements'; an element domain may have one of its own.
  const Base element = AfterDomains(base.entry->element_oid, base.typmod, 0);
  out.element_oid = element.oid;
  out.element_typmod = element.typmod;
  if (element.entry != nullptr) {
    out.element_kind = element.entry->kind;
    out.element_delimiter = element.entry->delimiter;
  }
  return out;
}

}  // namespace sluice::postgres
