// Proof that source and lake are equal at one moment, table by table, while both go on. Reads only:
// the lake through the catalog, the bus through its reader, the source by ordinary connections.
#pragma once

#include <string>
#include <vector>

#include "audit/compare.h"
#include "audit/moment.h"
#include "pipeline/options.h"

namespace sluice::audit {

struct AuditOptions {
  pipeline::PipelineOptions pipeline;
  std::vector<std::string> tables;  // source or lake names; none: all
  double sample_percent = 100;      // of the keys, by their hash
  int64_t timeout_us = int64_t{60} * 1'000'000;
};

struct AuditReport {
  std::vector<TableReport> tables;
};

// Each table at a moment of its own, so that no snapshot of the source is held longer than one
// table takes. kConfig: a name that no mirrored table has, no lake yet.
Result<AuditReport> Audit(const AuditOptions& options, iceberg::Catalog& catalog,
                          store::ObjectStore& store, FileSystem& files, const ReachCut& reach_cut);

}  // namespace sluice::audit
