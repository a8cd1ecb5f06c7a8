// The segments of a partition as files of a folder.
#pragma once

#include <string>
#include <vector>

#include "base/file_system.h"
#include "bus/embedded/segment_file.h"

namespace sluice::bus {

struct SegmentName {
  Lsn base;
  std::string path;
};

std::string PartitionFolder(const std::string& bus_folder, PartitionId partition);
std::string SegmentPath(const std::string& partition_folder, Lsn base);
// In order of base LSN. Other files are passed over.
Result<std::vector<SegmentName>> ListSegments(FileSystem& files,
                                              const std::string& partition_folder);
// Index of the segment in which everything above `after` begins; 0 when it begins before them all.
size_t SegmentOf(const std::vector<SegmentName>& segments, Lsn after);
// kCorrupt unless the segment ends with the proof of a cut at `end`: a successor begins there.
Status CheckEndsAt(SegmentFile& segment, Lsn end);

}  // namespace sluice::bus
