// The first copy: chunks of all tables, largest tables first, taken by several workers that share
// one exported snapshot; a worker without a chunk of its table takes one of the next, so that none
// idles at the end. Rows go from the wire into Parquet files; those of small tables are closed
// beside the next reads. What a table's files hold is handed on when the last of them is closed.
//
// A held snapshot keeps vacuum from the whole source, so none lasts longer than configured: when
// the time is up no further table begins, and those go on under a new one. Chunks of one table
// never mix snapshots (a row that moves between blocks would be seen twice or never), so one that
// has begun is finished, which the log says.
//
// Rule B decides for every copied table (change/visibility.h): nothing compares LSNs.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <vector>

#include "merge/copied_keys.h"
#include "pipeline/lake.h"
#include "pipeline/mirror_table.h"
#include "pipeline/source.h"
#include "pipeline/status_board.h"
#include "postgres/connection.h"
#include "postgres/copy/table_copy.h"

namespace sluice::pipeline {

struct CopyTask {
  ChosenTable chosen;
  iceberg::LoadedTable target;  // NewLakeTable's
  std::optional<std::string> replaces_uuid;
};

class Copier {
 public:
  using Done = std::function<void(const CopyTask&, Result<CopiedTable>)>;

  // `done` is called once a task, from any thread.
  Copier(const Lake& lake, StatusBoard& board, Done done);
  ~Copier();

  // Returns when every task is done or `stop` is requested, or what was not begun when the time of
  // the snapshot was up: for another Run, of another copier.
  std::vector<CopyTask> Run(std::vector<CopyTask> tasks, const HeldSnapshot& snapshot,
                            const std::stop_token& stop);

 private:
  struct Job;
  class Closing;
  struct Chunk {
    Job* job;
    postgres::CopyChunk range;
  };

  // What a worker has open of the table it is at.
  struct Output {
    store::Location at;
    std::unique_ptr<parquet::DataFileWriter> writer;
    std::unique_ptr<merge::CopiedKeys> keys;  // null: the table has no key
    uint64_t bytes = 0;                       // read since it was opened, and those of its keys
  };
  static constexpr size_t kClosingMax = 4;  // a worker

  void Plan(std::vector<CopyTask> tasks, const HeldSnapshot& snapshot, const std::stop_token& stop);
  void PlanJobs(postgres::Connection& holder, const std::stop_token& stop);
  // In words, when it waited too long for a lock.
  static Error Explain(const Job& job, postgres::Connection& connection, const Error& error);
  Status PlanJob(Job& job, postgres::Connection& connection);
  void Work(const HeldSnapshot& snapshot, const std::stop_token& stop);
  void WorkOn(postgres::Connection& connection, const HeldSnapshot& snapshot,
              const std::stop_token& stop);
  void Close(Job& job, Output& output, const HeldSnapshot& snapshot, const std::stop_token& stop);
  bool Next(Chunk& out);
  bool MayBegin(Job& job);
  bool TimeIsUp() const;
  std::vector<CopyTask> NotBegun();
  Status CopyChunk(const Chunk& chunk, postgres::Connection& connection,
                   const HeldSnapshot& snapshot, const std::stop_token& stop, Output& output);
  Status Write(Job& job, const arrow::RecordBatch& rows, Output& output);
  Output OpenOutput(const Job& job) const;
  Status FinishFile(Job& job, Output& output);
  Status FinishOutput(Job& job, Output& output);
  void FailJob(Job& job, Error error);
  void Release(Job& job, const HeldSnapshot& snapshot, const std::stop_token& stop);

  const Lake& lake_;
  StatusBoard& board_;
  Done done_;
  const int64_t begun_us_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Job>> jobs_;
  std::vector<Chunk> chunks_;
  size_t next_chunk_ = 0;
  bool warned_ = false;
};

}  // namespace sluice::pipeline
