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

void AddChunks(const CopyChunk& whole, uint64_t bytes, uint64_t chunk_bytes,
               std::vector<CopyChunk>& out) {
  const uint64_t blocks = whole.end_block;
  // TOAST is read along with its rows, so a small heap with much of it is cut as finely.
  const double blocks_per_byte = static_cast<double>(blocks) / static_cast<double>(bytes);
  const double wanted = blocks_per_byte * static_cast<double>(chunk_bytes);
  const uint64_t step = std::clamp<uint64_t>(static_cast<uint64_t>(wanted), 1, blocks);
  for (uint64_t first = 0; first < blocks; first += step) {
    CopyChunk& chunk = out.emplace_back(whole);
    chunk.first_block = first;
    chunk.end_block = std::min(first + step, blocks);
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

  // One message, since each statement by itself costs a round trip.
  Status StartCopy(const std::string& snapshot_name, const std::string& copy) {
    begun_ = true;
    std::string sql = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; ";
    if (!snapshot_name.empty()) {
      sql += "SET TRANSACTION SNAPSHOT " + QuoteLiteral(snapshot_name) + "; ";
    }
    // With row_security on, COPY would silently leave rows out.
    sql +=
        "SET LOCAL row_security = off; SET LOCAL statement_timeout = 0; "
        "SET LOCAL idle_in_transaction_session_timeout = 0; ";
    SLUICE_TRY(connection_.StartCopyOut(sql + copy));
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

std::string CopyStatement(const MirroredTable& table, const CopyChunk& chunk) {
  return fmt::format(
      "COPY (SELECT {} FROM ONLY {} WHERE ctid >= '({},0)'::tid AND ctid < '({},0)'::tid) "
      "TO STDOUT (FORMAT binary)",
      CopyColumns(table), chunk.relation, chunk.first_block, chunk.end_block);
}

// Whoever renamed it since the snapshot, or its schema.
bool NamesNothing(const Error& error) { return error.code() == "42P01" || error.code() == "3F000"; }

// The COPY's lock still holds off whoever would change it: its name led to the relation, and the
// snapshot saw what its file holds. A rewritten one reads empty, without an error.
Status CheckUnchanged(Connection& connection, const CopyChunk& chunk) {
  const std::array<std::string, 3> parameters{std::to_string(chunk.relation_oid),
                                              std::to_string(chunk.filenode), chunk.relation};
  SLUICE_LET(const Rows rows, connection.Query("SELECT to_regclass($3) = $1::oid AND "
                                               "pg_relation_filenode($1::oid) = $2::oid",
                                               parameters));
  if (rows.at(0).at(0) == "t") return {};
  return MakeError(ErrorKind::kConflict,
                   "relation {} was renamed, rewritten or truncated during its copy",
                   chunk.relation_oid);
}

Status HandOver(CopyDecoder& decoder, const std::function<Status(const arrow::RecordBatch&)>& take,
                const std::function<bool()>& stop, CopyProgress& progress) {
  if (stop()) return MakeError(ErrorKind::kStopped, "the copy was asked to stop");
  progress.rows += decoder.rows();
  SLUICE_LET(const auto batch, decoder.Take());
  return take(*batch);
}

}  // namespace

Result<std::vector<CopyChunk>> PlanChunks(Connection& connection, const SourceTable& table,
                                          uint64_t chunk_bytes) {
  const std::array<std::string, 1> parameters{OidArray(RelationsOf(table))};
  SLUICE_LET(
      const Rows rows,
      connection.Query("SELECT o, n.nspname, c.relname, c.relfilenode, pg_relation_size(o) / "
                       "current_setting('block_size')::int, pg_table_size(o) "
                       "FROM unnest($1::oid[]) WITH ORDINALITY AS u(o, i) "
                       "LEFT JOIN pg_class c ON c.oid = o "
                       "LEFT JOIN pg_namespace n ON n.oid = c.relnamespace ORDER BY i",
                       parameters),
      "cutting {}.{} into chunks", QuoteIdentifier(table.schema_name), QuoteIdentifier(table.name));
  std::vector<CopyChunk> out;
  for (const Row& row : rows) {
    CopyChunk whole;
    SLUICE_LET(whole.relation_oid, Number<uint32_t>(row.at(0)));
    if (!row.at(1) || !row.at(2) || !row.at(4) || !row.at(5)) return Gone(whole.relation_oid);
    whole.relation = Quoted(*row.at(1)) + "." + Quoted(*row.at(2));
    SLUICE_LET(whole.filenode, Number<uint32_t>(row.at(3)));
    SLUICE_LET(whole.end_block, Number<uint64_t>(row.at(4)));
    SLUICE_LET(const auto bytes, Number<uint64_t>(row.at(5)));
    if (whole.end_block > 0) AddChunks(whole, std::max<uint64_t>(bytes, 1), chunk_bytes, out);
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
  const Status started = transaction.StartCopy(snapshot_name, CopyStatement(table, chunk));
  if (!started) return NamesNothing(started.error()) ? Gone(chunk.relation_oid) : started.error();
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
  SLUICE_TRY(CheckUnchanged(connection, chunk));
  return transaction.Commit();
}

}  // namespace sluice::postgres
