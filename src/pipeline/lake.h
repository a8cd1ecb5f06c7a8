// What every stage that touches the lake works with. All references outlive the stages.
#pragma once

#include <string>

#include "base/clock.h"
#include "base/file_system.h"
#include "change/change_batch.h"
#include "iceberg/catalog/catalog.h"
#include "iceberg/mirror_commit.h"
#include "pipeline/memory_shares.h"
#include "pipeline/options.h"
#include "store/object_store.h"

namespace sluice::pipeline {

struct Lake {
  store::ObjectStore& store;
  iceberg::Catalog& catalog;
  FileSystem& files;  // of the state folder (key index)
  const Clock& clock;
  const PipelineOptions& options;
  std::string source;  // mark: "<system identifier>/<timeline>/<database>"
  uint64_t epoch = 0;
  iceberg::ManifestCache* manifests = nullptr;  // what immutable metadata files say, for expiry

  MemoryShares memory() const { return {options.memory_bytes}; }
  iceberg::Marks MarksAt(Cut cut) const { return {cut, source, options.slot, options.name, epoch}; }
  // Where copies leave runs for the key indexes until the merge takes them; emptied at a start.
  std::string copied_keys_folder() const { return options.state_folder + "/copied"; }
  iceberg::TableIdentifier ledger_name() const { return {"sluice", "cuts"}; }
};

}  // namespace sluice::pipeline
