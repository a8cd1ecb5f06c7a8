#include "postgres/copy/table_copy.h"

#include <arrow/memory_pool.h>
#include <arrow/record_batch.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace sluice::postgres {

namespace {

// Batches that stay in cache: larger ones stall the server while they are encoded.
constexpr int64_t kRowsPerBatch = 8192;
constexpr int64_t kBytesPerBatch = int64_t{8} << 20;

std::string Quoted(std::string_view name) {
  std::string out = "\"";
  for (const char c : name) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + '"';
}

std::string OidArray(const std::vector<uint32_t>& oids) {
  return fmt::format("{{{}}}", fmt::join(oids, ","));
}

template <typename T>
Result<T> Number(const std::optional<std::string>& text) {
  T out{};
  if (text) {
    const auto [end, failed] = std::from_chars(text->data(), text->data() + text->size(), out);
    if (failed == std::errc() && end == text->data() + text->size()) return out;
  }
  return MakeError(ErrorKind::kInternal, "Postgres answered something else than a number");
}

Error Gone(uint32_t oid) { return MakeError(ErrorKind::kConflict, "relation {} is gone", oid); }

void AddChunks(uint32_t oid, uint64_t blocks, uint64_t bytes, uint64_t chunk_bytes,
               std::vector<CopyChunk>& out) {
  // TOAST is read along with its rows, so a small heap with much of it is cut as finely.
  const double blocks_per_byte = static_cast<double>(blocks) / static_cast<double>(bytes);
  const double wanted = blocks_per_byte * static_cast<double>(chunk_bytes);
  const uint64_t step = std::clamp<uint64_t>(static_cast<uint64_t>(wanted), 1, blocks);
  for (uint64_t first = 0; first < blocks; first += step) {
    out.push_back({oid, first, std::min(first + step, blocks)});
  }
}

// BEGIN ... COMMIT around a chunk. Destroyed before Commit: the COPY under way is cancelled and
// drained, the transaction rolled back.
class ChunkTransaction {
 public:
  explicit ChunkTransaction(Connection& connection) : connection_(connection) {}
  ChunkTransaction(const ChunkTransaction&) = delete;
  ChunkTransaction& operator=(const ChunkTransaction&) = delete;
  ~ChunkTransaction() {
    if (!begun_) return;
    if (copying_) Drain();
    // A cancel that comes late ends the first one. What they answer does not matter: the chunk's
    // own error is the one to report, and a connection that is lost shows at its next use.
    if (!connection_.Execute("ROLLBACK")) static_cast<void>(connection_.Execute("ROLLBACK"));
  }

  Status Begin(const std::string& snapshot_name) {
    begun_ = true;
    SLUICE_TRY(connection_.Execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"));
    if (!snapshot_name.empty()) {
      SLUICE_TRY(connection_.Execute("SET TRANSACTION SNAPSHOT " + QuoteLiteral(snapshot_name)));
    }
    // With row_security on, COPY would silently leave rows out.
    for (const std::string& setting :
         {std::string("row_security = off"), std::string("statement_timeout = 0"),
          std::string("idle_in_transaction_session_timeout = 0")}) {
      SLUICE_TRY(connection_.Execute("SET LOCAL " + setting));
    }
    return {};
  }
  Status StartCopy(const std::string& sql) {
    SLUICE_TRY(connection_.StartCopyOut(sql));
    copying_ = true;
    return {};
  }
  Result<std::span<const std::string_view>> Read() {
    auto rows = connection_.ReadCopy();
    copying_ = rows && !rows->empty();
    return rows;
  }
  Status Commit() {
    begun_ = false;
    return connection_.Execute("COMMIT");
  }

 private:
  void Drain() {
    connection_.Cancel();
    while (true) {
      const auto rows = connection_.ReadCopy();
      if (!rows || rows->empty()) return;
    }
  }

  Connection& connection_;
  bool begun_ = false;
  bool copying_ = false;
};

Result<std::string> CopyStatement(Connection& connection, const MirroredTable& table,
                                  const CopyChunk& chunk) {
  const std::array<std::string, 1> parameters{std::to_string(chunk.relation_oid)};
  SLUICE_LET(const Rows rows,
             connection.Query("SELECT n.nspname, c.relname FROM pg_catalog.pg_class c JOIN "
                              "pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
                              "WHERE c.oid = $1::pg_catalog.oid",
                              parameters));
  if (rows.size() != 1) return Gone(chunk.relation_oid);
  return fmt::format(
      "COPY (SELECT {} FROM ONLY {}.{} WHERE ctid >= '({},0)'::tid AND ctid < '({},0)'::tid) "
      "TO STDOUT (FORMAT binary)",
      CopyColumns(table), Quoted(rows[0].at(0).value_or("")), Quoted(rows[0].at(1).value_or("")),
      chunk.first_block, chunk.end_block);
}

Status HandOver(CopyDecoder& decoder, const std::function<Status(const arrow::RecordBatch&)>& take,
                const std::function<bool()>& stop, CopyProgress& progress) {
  if (stop()) return MakeError(ErrorKind::kStopped, "the copy was asked to stop");
  progress.rows += decoder.rows();
  SLUICE_LET(const auto batch, decoder.Take());
  return take(*batch);
}

}  // namespace

std::vector<uint32_t> RelationsOf(const SourceTable& table) {
  if (table.kind == 'p') return table.leaves;
  return {table.oid};
}

Result<std::vector<CopyChunk>> PlanChunks(Connection& connection, const SourceTable& table,
                                          uint64_t chunk_bytes) {
  const std::array<std::string, 1> parameters{OidArray(RelationsOf(table))};
  SLUICE_LET(const Rows rows,
             connection.Query("SELECT o, pg_relation_size(o) / "
                              "current_setting('block_size')::int, pg_table_size(o) "
                              "FROM unnest($1::oid[]) WITH ORDINALITY AS u(o, i) ORDER BY i",
                              parameters),
             "cutting {}.{} into chunks", QuoteIdentifier(table.schema_name),
             QuoteIdentifier(table.name));
  std::vector<CopyChunk> out;
  for (const Row& row : rows) {
    SLUICE_LET(const auto oid, Number<uint32_t>(row.at(0)));
    if (!row.at(1) || !row.at(2)) return Gone(oid);
    SLUICE_LET(const auto blocks, Number<uint64_t>(row.at(1)));
    SLUICE_LET(const auto bytes, Number<uint64_t>(row.at(2)));
    if (blocks > 0) AddChunks(oid, blocks, std::max<uint64_t>(bytes, 1), chunk_bytes, out);
  }
  return out;
}

Result<std::vector<uint32_t>> RelationFilenodes(Connection& connection, const SourceTable& table) {
  const std::array<std::string, 1> parameters{OidArray(RelationsOf(table))};
  SLUICE_LET(const Rows rows,
             connection.Query("SELECT coalesce(pg_relation_filenode(o), 0) "
                              "FROM unnest($1::oid[]) WITH ORDINALITY AS u(o, i) ORDER BY i",
                              parameters));
  std::vector<uint32_t> out;
  for (const Row& row : rows) {
    SLUICE_LET(const auto filenode, Number<uint32_t>(row.at(0)));
    out.push_back(filenode);
  }
  return out;
}

std::string CopyColumns(const MirroredTable& table) {
  std::string out;
  for (size_t i = 0; i < table.schema.columns.size(); ++i) {
    if (i != 0) out += ", ";
    const std::string name = Quoted(table.schema.columns[i].name);
    if (table.mappings[i].binary) {
      out += name;
    } else {
      // What the output function prints, as the stream does: a cast to text may be another
      // function. num_nonnulls, since a composite of nulls IS NULL and yet is a value.
      out += fmt::format(
          "CASE WHEN pg_catalog.num_nonnulls({0}) = 1 THEN pg_catalog.format('%s', {0}) END", name);
    }
  }
  return out;
}

Status CopyOneChunk(Connection& connection, const std::string& snapshot_name,
                    const MirroredTable& table, const CopyChunk& chunk,
                    const std::function<Status(const arrow::RecordBatch&)>& take,
                    const std::function<bool()>& stop, CopyProgress& progress) {
  SLUICE_LET(auto decoder, CopyDecoder::Make(table, arrow::default_memory_pool()));
  ChunkTransaction transaction(connection);
  SLUICE_TRY(transaction.Begin(snapshot_name));
  SLUICE_LET(const std::string sql, CopyStatement(connection, table, chunk));
  SLUICE_TRY(transaction.StartCopy(sql));
  int64_t batch_bytes = 0;
  while (true) {
    SLUICE_LET(const auto rows, transaction.Read());
    if (rows.empty()) break;
    for (const std::string_view row : rows) batch_bytes += static_cast<int64_t>(row.size());
    SLUICE_TRY(decoder->Feed(rows));
    if (decoder->rows() < kRowsPerBatch && batch_bytes < kBytesPerBatch) continue;
    progress.bytes += std::exchange(batch_bytes, 0);
    SLUICE_TRY(HandOver(*decoder, take, stop, progress));
  }
  progress.bytes += batch_bytes;
  if (!decoder->ended()) return MakeError(ErrorKind::kCorrupt, "COPY ended without its trailer");
  SLUICE_TRY(HandOver(*decoder, take, stop, progress));
  return transaction.Commit();
}

}  // namespace sluice::postgres
