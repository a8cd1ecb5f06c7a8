// Slots and streams of a real server, through the decoder, compared with what SQL says.
#include <arrow/array.h>
#include <arrow/record_batch.h>
#include <arrow/scalar.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <random>

#include "base/file_system_fake.h"
#include "postgres/publication.h"
#include "postgres/replication/change_decoder.h"
#include "postgres/replication/replication_source.h"
#include "postgres/testing/shared_postgres.h"

namespace sluice::postgres {
namespace {

using testing::Connect;
using ::testing::HasSubstr;
using testing::MakeDatabase;
using testing::Sql;
using testing::Value;

constexpr std::string_view kSmallBuffer = "-c logical_decoding_work_mem=64kB";
constexpr auto kPatience = std::chrono::seconds(60);

// Asks the catalog, as pipeline/ does.
class CatalogResolver final : public RelationResolver {
 public:
  explicit CatalogResolver(const std::string& database) : connection_(Connect(database)) {}
  Result<std::optional<MirroredTable>> Resolve(const RelationMessage& relation) override {
    SLUICE_LET(const auto table, DescribeTable(*connection_, relation.oid));
    if (!table) return std::optional<MirroredTable>();
    SLUICE_LET(MirroredTable mirrored, MirrorOf(*table, {}, connection_->server_version()));
    mirrored.schema.id.incarnation = 1;
    return std::optional(std::move(mirrored));
  }

 private:
  std::unique_ptr<Connection> connection_;
};

// A table in memory, kept by applying every change in order.
struct Replica {
  using Cells = std::vector<std::string>;
  std::map<std::string, Cells> rows;  // by the first column

  static std::string Cell(const arrow::RecordBatch& batch, int column, int64_t row) {
    const auto scalar = batch.column(column)->GetScalar(row);
    SLUICE_CHECK(scalar.ok());
    return (*scalar)->is_valid ? (*scalar)->ToString() : "NULL";
  }
  void Apply(const ChangeBatch& batch) {
    for (int64_t row = 0; row < batch.row_count(); ++row) ApplyRow(batch, row);
  }
  void ApplyRow(const ChangeBatch& batch, int64_t row) {
    const Op op = batch.operations[static_cast<size_t>(row)];
    if (op == Op::kTruncate) return rows.clear();
    const std::string key = Cell(*batch.rows, 0, row);
    std::string old_key = key;
    if (batch.old_keys != nullptr && !batch.old_keys->column(0)->IsNull(row)) {
      old_key = Cell(*batch.old_keys, 0, row);
    }
    const auto old = rows.find(old_key);
    const bool known = old != rows.end();
    EXPECT_EQ(known, op != Op::kInsert) << "key " << old_key << " at " << row;
    Cells cells = known ? old->second : Cells(static_cast<size_t>(batch.rows->num_columns()));
    if (known) rows.erase(old);
    if (op == Op::kDelete) return;
    for (int column = 0; column < batch.rows->num_columns(); ++column) {
      if (batch.IsUnsent(row, column)) continue;
      cells[static_cast<size_t>(column)] = Cell(*batch.rows, column, row);
    }
    rows[key] = std::move(cells);
  }
};

std::map<std::string, Replica::Cells> SelectAll(Connection& connection, const std::string& table) {
  const auto rows = connection.Query("SELECT * FROM " + table);
  SLUICE_CHECK(rows.has_value(), "{}", rows.error().message());
  std::map<std::string, Replica::Cells> out;
  for (const Row& row : *rows) {
    Replica::Cells cells;
    for (const auto& cell : row) cells.push_back(cell.value_or("NULL"));
    out[cells[0]] = cells;
  }
  return out;
}

struct Stream {
  FakeFileSystem files;
  CatalogResolver resolver;
  std::unique_ptr<ReplicationSource> source;
  std::unique_ptr<ChangeDecoder> decoder;
  std::map<uint32_t, Replica> replicas;  // by table
  int stream_blocks = 0;
  int subtransaction_aborts = 0;

  Stream(const std::string& database, const std::string& slot, bool binary) : resolver(database) {
    StreamOptions options;
    options.slot = slot;
    options.publication = PublicationList("pub");
    options.binary = binary;
    auto started = StartStream(Connect(database, true, std::string(kSmallBuffer)), options);
    SLUICE_CHECK(started.has_value(), "{}", started.error().message());
    source = std::move(*started);
    DecoderOptions decoding;
    decoding.spool_folder = "/spool";
    decoding.batch_bytes = 50'000;
    decoding.spool_memory_bytes = 100'000;
    auto made = ChangeDecoder::Make(files, resolver, decoding);
    SLUICE_CHECK(made.has_value());
    decoder = std::move(*made);
  }

  void Keep(std::vector<ChangeDecoder::Record> records) {
    for (const auto& record : records) {
      if (const auto* batch = std::get_if<ChangeBatch>(&record)) {
        replicas[batch->table.oid].Apply(*batch);
      }
      if (const auto* stop = std::get_if<TableStop>(&record)) ADD_FAILURE() << stop->reason;
    }
  }
  Status Handle(std::string_view payload) {
    constexpr size_t kHeader = 25;
    if (payload.front() != 'w') return {};
    const std::string_view message = payload.substr(kHeader);
    stream_blocks += message.front() == 'S' ? 1 : 0;
    subtransaction_aborts += message.front() == 'A' ? 1 : 0;
    SLUICE_TRY(decoder->Consume(message));
    Keep(decoder->TakeRecords());
    while (decoder->adopting()) {
      SLUICE_TRY(decoder->Continue());
      Keep(decoder->TakeRecords());
    }
    return {};
  }
  // Until every transaction that ended at or below `lsn` is in.
  Status ReadThrough(Lsn lsn) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (decoder->last_end().lsn < lsn) {
      SLUICE_LET(const auto payload, source->Receive());
      if (payload) {
        SLUICE_TRY(Handle(*payload));
        continue;
      }
      if (std::chrono::steady_clock::now() > deadline) {
        return MakeError(ErrorKind::kUnavailable, "the stream stands at {}",
                         ToString(decoder->last_end().lsn));
      }
      SLUICE_TRY(source->SendStatus({decoder->last_end().lsn, Lsn{1}}, true));
      source->WaitReadable(100'000);
    }
    SLUICE_LET(auto rest, decoder->Flush());
    Keep(std::move(rest));
    return {};
  }
};

struct ReplicationPgTest : ::testing::Test {
  ReplicationPgTest()
      : database(MakeDatabase()), slot("slot_" + database), sql(Connect(database)) {}
  ~ReplicationPgTest() override { EXPECT_TRUE(Drop()); }

  // A walsender takes a moment to notice that its client has gone.
  Status Drop() {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    Status dropped = DropSlot(*sql, slot);
    while (!dropped && dropped.error().code() == "55006" &&
           std::chrono::steady_clock::now() < deadline) {
      dropped = DropSlot(*sql, slot);
    }
    return dropped;
  }

  uint32_t MakeTable(const std::string& name, const std::string& definition) {
    Sql(*sql, {"CREATE TABLE public." + name + definition});
    return static_cast<uint32_t>(
        std::stoul(Value(*sql, "SELECT 'public." + name + "'::regclass::oid")));
  }
  void Publish(const std::vector<PublishedTable>& tables) {
    const auto made = EnsurePublication(*sql, "pub", tables);
    ASSERT_TRUE(made.has_value()) << made.error().message();
    const auto created = CreateSlot(*Connect(database, true), slot);
    ASSERT_TRUE(created.has_value()) << created.error().message();
    EXPECT_FALSE(created->snapshot_name.empty());
  }
  // The position of a last transaction of its own.
  Lsn Mark(const std::string& table) {
    Sql(*sql, {"INSERT INTO public." + table + "(id) VALUES (-1)"});
    return *ParseLsn(Value(*sql, "SELECT pg_current_wal_insert_lsn() - 1"));
  }

  std::string database;
  std::string slot;
  std::unique_ptr<Connection> sql;
};

// One writer with its own range of keys: random statements, savepoints, rollbacks.
class Writer {
 public:
  Writer(const std::string& database, int base, uint32_t seed)
      : connection_(Connect(database)), base_(base), random_(seed) {}

  void Begin() { Sql(*connection_, {"BEGIN"}); }
  void End() { Sql(*connection_, {Pick(5) == 0 ? "ROLLBACK" : "COMMIT"}); }
  void Commit() { Sql(*connection_, {"COMMIT"}); }
  void Savepoint() { Sql(*connection_, {"SAVEPOINT s"}); }
  void EndSavepoint() { Sql(*connection_, {Pick(2) == 0 ? "ROLLBACK TO s" : "RELEASE s"}); }
  void Change() {
    const int from = base_ + Pick(5000);
    const std::string range = fmt::format("id BETWEEN {} AND {}", from, from + 200);
    switch (Pick(5)) {
      case 0:
        return Sql(*connection_, {"DELETE FROM public.t WHERE " + range});
      case 1:
        return Sql(*connection_, {"UPDATE public.t SET v = v + 1 WHERE " + range});
      case 2:  // to keys nobody has, out of the writer's other statements' way
        return Sql(*connection_, {fmt::format("UPDATE public.t SET id = id + {} WHERE {}",
                                              100'000 * ++moves_, range)});
      default:
        return Sql(*connection_,
                   {fmt::format("INSERT INTO public.t SELECT i, 0, repeat(md5(i::text), 80) FROM "
                                "generate_series({}, {}) i ON CONFLICT DO NOTHING",
                                from, from + 300)});
    }
  }

 private:
  int Pick(int n) { return std::uniform_int_distribution<int>(0, n - 1)(random_); }
  std::unique_ptr<Connection> connection_;
  int base_;
  int moves_ = 0;
  std::mt19937 random_;
};

void InterleaveWriters(const std::string& database, uint32_t seed) {
  Writer small(database, 0, seed);
  Writer first(database, 10'000, seed + 1);
  Writer second(database, 20'000, seed + 2);
  for (int round = 0; round < 3; ++round) {
    first.Begin();
    second.Begin();
    for (int step = 0; step < 12; ++step) {
      small.Begin();
      small.Change();
      small.End();
      first.Savepoint();
      first.Change();
      first.EndSavepoint();
      second.Change();
      second.Savepoint();
      second.Change();
      second.EndSavepoint();
    }
    second.End();
    first.Commit();
  }
}

TEST_F(ReplicationPgTest, StreamsWithRolledBackPartsEqualTheTable) {
  for (const bool binary : {true, false}) {
    Sql(*sql, {"DROP TABLE IF EXISTS public.t"});
    ASSERT_TRUE(Drop());
    ASSERT_TRUE(DropPublications(*sql, "pub"));
    const uint32_t table = MakeTable("t", "(id bigint PRIMARY KEY, v int, note text)");
    Sql(*sql, {"ALTER TABLE public.t ALTER note SET STORAGE EXTERNAL"});
    Publish({{table, "public", "t", false}});
    InterleaveWriters(database, binary ? 1 : 100);
    const Lsn end = Mark("t");
    Stream stream(database, slot, binary);
    const Status read = stream.ReadThrough(end);
    ASSERT_TRUE(read) << read.error().message();
    EXPECT_GT(stream.stream_blocks, 10);
    EXPECT_GT(stream.subtransaction_aborts, 3);
    EXPECT_EQ(stream.decoder->spool_bytes(), 0u);
    const auto expected = SelectAll(*sql, "public.t");
    EXPECT_GT(expected.size(), 1000u);
    EXPECT_EQ(stream.replicas[table].rows.size(), expected.size());
    EXPECT_TRUE(stream.replicas[table].rows == expected);
  }
}

TEST_F(ReplicationPgTest, CarriesFullIdentityKeysOutOfLineAndPartitions) {
  const uint32_t full = MakeTable("f", "(id int PRIMARY KEY, v int, note text)");
  const uint32_t wide = MakeTable("w", "(id text PRIMARY KEY, v int, note text)");
  const uint32_t root =
      MakeTable("p", "(id int, v int, note text, PRIMARY KEY (id)) PARTITION BY RANGE (id)");
  Sql(*sql, {"ALTER TABLE public.f REPLICA IDENTITY FULL",
             "ALTER TABLE public.f ALTER note SET STORAGE EXTERNAL",
             "ALTER TABLE public.w ALTER id SET STORAGE EXTERNAL, ALTER note SET STORAGE EXTERNAL",
             "CREATE TABLE public.p1 PARTITION OF public.p FOR VALUES FROM (-10) TO (100)",
             "CREATE TABLE public.p2(note text, v int, id int NOT NULL)",
             "ALTER TABLE public.p ATTACH PARTITION public.p2 FOR VALUES FROM (100) TO (200)"});
  Publish(
      {{full, "public", "f", false}, {wide, "public", "w", false}, {root, "public", "p", false}});
  Sql(*sql,
      {"INSERT INTO public.f SELECT i, i, repeat('x', 3000) FROM generate_series(1, 9) i",
       "UPDATE public.f SET v = v + 1", "UPDATE public.f SET id = id + 100 WHERE id < 5",
       "DELETE FROM public.f WHERE id = 7", "UPDATE public.f SET note = NULL WHERE id = 8",
       // Incompressible and below the index's limit.
       "INSERT INTO public.w SELECT string_agg(md5((i * 100 + j)::text), ''), i, "
       "repeat('y', 3000) FROM generate_series(1, 5) i, generate_series(1, 70) j GROUP BY i",
       "UPDATE public.w SET v = v + 10", "DELETE FROM public.w WHERE v = 12",
       "UPDATE public.w SET id = 'short' WHERE v = 13",
       "INSERT INTO public.p SELECT i, i, 'n' FROM generate_series(50, 150) i",
       "UPDATE public.p SET id = id + 100 WHERE id BETWEEN 60 AND 80", "BEGIN", "TRUNCATE public.p",
       "INSERT INTO public.p VALUES (1, 1, 'a'), (150, 2, 'b')", "COMMIT"});
  const Lsn end = Mark("p");
  Stream stream(database, slot, true);
  const Status read = stream.ReadThrough(end);
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_TRUE(stream.replicas[full].rows == SelectAll(*sql, "public.f"));
  EXPECT_TRUE(stream.replicas[wide].rows == SelectAll(*sql, "public.w"));
  EXPECT_EQ(stream.replicas[root].rows, SelectAll(*sql, "public.p"));
}

TEST_F(ReplicationPgTest, AnswersAndConfirmsThroughStatusMessages) {
  const uint32_t table = MakeTable("t", "(id int PRIMARY KEY)");
  Publish({{table, "public", "t", false}});
  const Lsn end = Mark("t");
  Stream stream(database, slot, true);
  ASSERT_TRUE(stream.ReadThrough(end));
  const Lsn last = stream.decoder->last_end().lsn;
  ASSERT_TRUE(stream.source->SendStatus({last, last}, true));
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  const auto confirmed = [&] { return FindSlot(*sql, slot)->value().confirmed_lsn; };
  bool answered = false;
  while ((!answered || confirmed() != last) && std::chrono::steady_clock::now() < deadline) {
    const auto payload = stream.source->Receive();
    ASSERT_TRUE(payload.has_value()) << payload.error().message();
    answered = answered || (*payload && (*payload)->front() == 'k');
    if (!*payload) stream.source->WaitReadable(10'000);
  }
  EXPECT_TRUE(answered);
  EXPECT_EQ(confirmed(), last);

  Sql(*sql, {"SELECT pg_terminate_backend(active_pid, 10000) FROM pg_replication_slots WHERE "
             "slot_name = " +
             QuoteLiteral(slot)});
  Result<std::optional<std::string_view>> payload = std::optional<std::string_view>();
  while (payload) payload = stream.source->Receive();
  EXPECT_EQ(payload.error().kind(), ErrorKind::kUnavailable);
}

TEST_F(ReplicationPgTest, NamesWhatIsWrongWithASlot) {
  Publish({});
  const auto twice = CreateSlot(*Connect(database, true), slot);
  ASSERT_FALSE(twice.has_value());
  EXPECT_EQ(twice.error().code(), "42710");

  StreamOptions options;
  options.slot = "no_such_slot";
  options.publication = "pub";
  const auto gone = StartStream(Connect(database, true), options);
  ASSERT_FALSE(gone.has_value());
  EXPECT_EQ(gone.error().code(), "42704");
  EXPECT_EQ(gone.error().kind(), ErrorKind::kConfig);

  options.slot = slot;
  const auto first = StartStream(Connect(database, true), options);
  ASSERT_TRUE(first.has_value()) << first.error().message();
  const auto second = StartStream(Connect(database, true), options);
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code(), "55006");
  EXPECT_EQ(second.error().kind(), ErrorKind::kUnavailable);
  EXPECT_EQ(DropSlot(*sql, slot).error().code(), "55006");
  EXPECT_TRUE(DropSlot(*sql, "no_such_slot"));
}

TEST_F(ReplicationPgTest, NamesTheTransactionsThatASlotWaitsFor) {
  MakeTable("t", "(id int PRIMARY KEY)");
  Sql(*sql, {"BEGIN", "INSERT INTO public.t VALUES (1)"});
  const auto created = CreateSlot(*Connect(database, true), slot, 1);
  Sql(*sql, {"ROLLBACK"});
  ASSERT_FALSE(created.has_value());
  EXPECT_EQ(created.error().code(), "55P03");
  EXPECT_EQ(created.error().kind(), ErrorKind::kUnavailable);
  EXPECT_THAT(created.error().message(), HasSubstr("pid " + std::to_string(sql->backend_pid())));
  EXPECT_FALSE(FindSlot(*sql, slot)->has_value());
}

// StreamOptions take names that need quotes, in two grammars.
TEST_F(ReplicationPgTest, QuotesPublicationNames) {
  Sql(*sql, {"CREATE PUBLICATION \"it's \"\"a\\\" "});
  ASSERT_TRUE(CreateSlot(*Connect(database, true), slot).has_value());
  StreamOptions options;
  options.slot = slot;
  options.publication = "it's \"a\\";
  const auto started = StartStream(Connect(database, true), options);
  EXPECT_TRUE(started.has_value()) << started.error().message();
}

}  // namespace
}  // namespace sluice::postgres
