// Reads tables of the lake from their metadata alone, snapshot by snapshot, and holds them against
// the oracle; snapshots that bear no mark of ours are another program's. Shares nothing with the
// merge: no index, no file set.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "iceberg/ledger.h"
#include "iceberg/manifest.h"
#include "parquet/position_delete_file.h"
#include "simulate/database.h"
#include "simulate/sim_catalog.h"
#include "store/object_store.h"

namespace sluice::simulate {

// Rows as text, sorted: what two sides must have in common.
std::vector<std::string> Lines(const Rows& rows);

class LakeChecker {
 public:
  LakeChecker(const Database& database, SimCatalog& catalog, store::ObjectStore& store)
      : database_(database), catalog_(catalog), store_(store) {}

  // Every snapshot that is new since the last call equals the oracle at its cut, the ledger's rows
  // name such snapshots, and whatever a retained snapshot refers to is there. An error says what is
  // wrong; its words name tables and positions.
  Status Check();
  // Every table's head equals the oracle's newest state.
  Status CheckNewest();
  // What a table's newest checked snapshot consists of, its manifests too. All of it has been read
  // and is not read again: what is damaged later still counts here as it was.
  std::vector<store::Location> LiveFiles(const iceberg::TableIdentifier& name) const;

 private:
  struct Content {
    std::vector<std::string> lines;
    std::vector<store::Location> files;  // list, manifests, data, deletes
  };
  using Deletes = parquet::PositionDeletes;

  Status CheckAll();
  Status CheckTable(size_t table, const iceberg::TableIdentifier& name);
  Status CheckContent(size_t table, const iceberg::Snapshot& snapshot,
                      const Content& content) const;
  Status CheckLedger();
  Status CheckThere(const std::string& table, const iceberg::Snapshot& snapshot,
                    const std::vector<store::Location>& files);
  Result<Content> Read(const iceberg::TableMetadata& metadata, const iceberg::Snapshot& snapshot);
  Result<const std::vector<std::string>*> ReadRows(const iceberg::TableMetadata& metadata,
                                                   const store::Location& file);
  Result<const Deletes*> ReadDeletes(const store::Location& file);
  Result<const std::vector<iceberg::ManifestEntry>*> ReadManifest(
      const iceberg::ManifestFile& manifest);

  const Database& database_;
  SimCatalog& catalog_;
  store::ObjectStore& store_;
  std::map<iceberg::TableIdentifier, std::string> seen_;           // metadata file last checked
  std::map<iceberg::TableIdentifier, iceberg::SnapshotId> heads_;  // as of then
  std::map<iceberg::SnapshotId, Content> contents_;                // snapshots checked
  std::map<store::Location, std::vector<std::string>> rows_;       // of data files, in file order
  std::map<store::Location, Deletes> deletes_;
  std::map<store::Location, std::vector<iceberg::ManifestEntry>> manifests_;
  std::set<std::pair<Lsn, std::map<std::string, iceberg::SnapshotId>>>
      cuts_;  // of the ledger, checked
};

}  // namespace sluice::simulate
