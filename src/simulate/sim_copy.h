// The first copy, one table a step: rows of a held snapshot through the program's own Parquet
// writer, handed to the mirror as the copier would.
#pragma once

#include <memory>
#include <vector>

#include "pipeline/mirror.h"
#include "simulate/random.h"
#include "simulate/sim_source.h"

namespace sluice::simulate {

// What Step says when no snapshot can be had.
inline constexpr char kNoSnapshot[] = "copy: no snapshot";

class SimCopy {
 public:
  // All outlive this.
  SimCopy(pipeline::Mirror& mirror, SimSource& source, Database& database,
          store::ObjectStore& store, Random& random)
      : mirror_(mirror), source_(source), database_(database), store_(store), random_(random) {}

  // Returns what it did; empty: there was nothing to do.
  std::string Step();
  // The snapshot it reads under; null: none.
  const pipeline::HeldSnapshot* held() const { return held_ ? &*held_ : nullptr; }

 private:
  std::string Hold();
  Result<pipeline::CopiedTable> Copy(const pipeline::CopyTask& task) const;
  Result<std::vector<parquet::DataFile>> WriteFiles(const pipeline::CopyTask& task,
                                                    const Rows& rows) const;

  pipeline::Mirror& mirror_;
  SimSource& source_;
  Database& database_;
  store::ObjectStore& store_;
  Random& random_;
  std::optional<pipeline::HeldSnapshot> held_;
  std::vector<pipeline::CopyTask> tasks_;
};

}  // namespace sluice::simulate
